"""What the shell's JavaScript asks of the database, done by the driver: one method for each question."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

_BATCH = 100
_COLLECTION_OPTIONS = {
    "arrayFilters": "array_filters",
    "bypassDocumentValidation": "bypass_document_validation",
}

Arguments = dict[str, Any]

# What the driver and we raise when an argument is of a kind that nobody expects.
_MISTAKES = (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, RecursionError)


class ShellError(Exception):
    """An error with the name that mongosh gives it."""

    def __init__(
        self, name: str, message: str, code: int | None = None, extra: Arguments | None = None
    ) -> None:
        super().__init__(message)
        self.name, self.message, self.code, self.extra = name, message, code, extra or {}


class Operations:
    """The questions, over one client. Arguments and answers are Python values as the driver has them."""

    def __init__(self, client: MongoClient[Arguments]) -> None:
        self._client = client
        self._cursors: dict[int, Iterator[Arguments]] = {}
        self._ids = itertools.count(1)

    def run(self, operation: str, arguments: Arguments) -> Any:
        """The answer to a question; ShellError in mongosh's words when the driver or the server refuses."""
        from bson.errors import BSONError
        from pymongo import errors

        method: Callable[[Arguments], Any] = getattr(self, f"do_{operation}")
        try:
            return method(arguments)
        except errors.BulkWriteError as refused:
            raise _bulk_error(refused) from refused
        except errors.OperationFailure as refused:
            details = refused.details or {}
            message = str(details.get("errmsg") or refused)
            raise ShellError(
                "MongoServerError", message, refused.code, {"codeName": details.get("codeName")}
            ) from refused
        except errors.ServerSelectionTimeoutError as refused:
            raise ShellError("MongoServerSelectionError", str(refused).split(",")[0]) from refused
        except errors.ConnectionFailure as refused:
            raise ShellError("MongoNetworkError", str(refused)) from refused
        except (BSONError, errors.DocumentTooLarge, OverflowError) as refused:
            raise ShellError("BSONError", str(refused)) from refused
        except (errors.PyMongoError, *_MISTAKES) as refused:
            raise ShellError("MongoInvalidArgumentError", str(refused)) from refused

    def _at(self, arguments: Arguments) -> Collection[Arguments]:
        return self._client[arguments["db"]][arguments["collection"]]

    # -- reading -----------------------------------------------------------------------------------------

    def do_find(self, arguments: Arguments) -> int:
        found = self._at(arguments).find(arguments.get("filter") or {}, arguments.get("projection") or None)
        if arguments.get("sort"):
            found = found.sort(list(arguments["sort"].items()))
        for name, method in (("skip", found.skip), ("limit", found.limit)):
            if arguments.get(name):
                found = method(abs(int(arguments[name])))
        if arguments.get("hint"):
            found = found.hint(_hint(arguments["hint"]))
        if arguments.get("collation"):
            found = found.collation(arguments["collation"])
        if arguments.get("maxTimeMS"):
            found = found.max_time_ms(int(arguments["maxTimeMS"]))
        if arguments.get("min"):
            found = found.min(list(arguments["min"].items()))
        if arguments.get("max"):
            found = found.max(list(arguments["max"].items()))
        return self._keep(found)

    def do_aggregate(self, arguments: Arguments) -> int:
        place = self._client[arguments["db"]]
        options = {key: value for key, value in (arguments.get("options") or {}).items() if key != "explain"}
        pipeline = list(arguments["pipeline"])
        # Sorting and limiting the cursor of an aggregation means further stages.
        if arguments.get("sort"):
            pipeline.append({"$sort": arguments["sort"]})
        if arguments.get("skip"):
            pipeline.append({"$skip": int(arguments["skip"])})
        if arguments.get("limit"):
            pipeline.append({"$limit": int(arguments["limit"])})
        if arguments.get("collection") is None:
            return self._keep(place.aggregate(pipeline, **options))
        return self._keep(place[arguments["collection"]].aggregate(pipeline, **options))

    def _keep(self, cursor: Iterator[Arguments]) -> int:
        number = next(self._ids)
        self._cursors[number] = iter(cursor)
        return number

    def do_more(self, arguments: Arguments) -> Arguments:
        cursor = self._cursors.get(arguments["id"], iter(()))
        documents = list(itertools.islice(cursor, _BATCH))
        more = len(documents) == _BATCH
        if not more:
            self._cursors.pop(arguments["id"], None)
        return {"documents": documents, "more": more}

    def do_countDocuments(self, arguments: Arguments) -> int:  # noqa: N802 - mongosh's names
        options: Arguments = {name: int(arguments[name]) for name in ("skip", "limit") if arguments.get(name)}
        return self._at(arguments).count_documents(arguments.get("filter") or {}, **options)

    def do_estimatedDocumentCount(self, arguments: Arguments) -> int:  # noqa: N802
        return self._at(arguments).estimated_document_count()

    def do_distinct(self, arguments: Arguments) -> list[Any]:
        return self._at(arguments).distinct(arguments["key"], arguments.get("filter") or {})

    def do_explain(self, arguments: Arguments) -> Any:
        spec = arguments["spec"]
        command: Arguments
        if arguments["op"] == "aggregate":
            command = {"aggregate": spec["collection"], "pipeline": spec["pipeline"], "cursor": {}}
        else:
            command = {"find": spec["collection"], "filter": spec.get("filter") or {}}
            command |= {
                name: spec[name] for name in ("sort", "limit", "skip", "projection", "hint") if spec.get(name)
            }
        verbosity = arguments.get("verbosity")
        verbosity = verbosity if isinstance(verbosity, str) else "queryPlanner"
        return self._client[spec["db"]].command("explain", command, verbosity=verbosity)

    # -- writing -----------------------------------------------------------------------------------------

    def do_insertOne(self, arguments: Arguments) -> Arguments:  # noqa: N802
        done = self._at(arguments).insert_one(arguments["document"], **_write(arguments))
        return {"acknowledged": True, "insertedId": done.inserted_id}

    def do_insertMany(self, arguments: Arguments) -> Arguments:  # noqa: N802
        options = arguments.get("options") or {}
        done = self._at(arguments).insert_many(arguments["documents"], ordered=options.get("ordered", True))
        return {"acknowledged": True, "insertedIds": {str(i): key for i, key in enumerate(done.inserted_ids)}}

    def _update(self, arguments: Arguments, method: str) -> Arguments:
        collection = self._at(arguments)
        done = getattr(collection, method)(arguments["filter"], arguments["update"], **_write(arguments))
        return {
            "acknowledged": True,
            "insertedId": done.upserted_id,
            "matchedCount": done.matched_count,
            "modifiedCount": done.modified_count,
            "upsertedCount": int(done.upserted_id is not None),
        }

    def do_updateOne(self, arguments: Arguments) -> Arguments:  # noqa: N802
        _needs_operators(arguments["update"])
        return self._update(arguments, "update_one")

    def do_updateMany(self, arguments: Arguments) -> Arguments:  # noqa: N802
        _needs_operators(arguments["update"])
        return self._update(arguments, "update_many")

    def do_replaceOne(self, arguments: Arguments) -> Arguments:  # noqa: N802
        if any(name.startswith("$") for name in arguments["update"]):
            raise ShellError(
                "MongoInvalidArgumentError", "Replacement document must not contain atomic operators"
            )
        return self._update(arguments, "replace_one")

    def do_deleteOne(self, arguments: Arguments) -> Arguments:  # noqa: N802
        done = self._at(arguments).delete_one(arguments["filter"], **_write(arguments))
        return {"acknowledged": True, "deletedCount": done.deleted_count}

    def do_deleteMany(self, arguments: Arguments) -> Arguments:  # noqa: N802
        done = self._at(arguments).delete_many(arguments["filter"], **_write(arguments))
        return {"acknowledged": True, "deletedCount": done.deleted_count}

    def do_findOneAndUpdate(self, arguments: Arguments) -> Any:  # noqa: N802
        if arguments.get("remove"):
            return self.do_findOneAndDelete(arguments)
        method = "find_one_and_update" if _is_operators(arguments["update"]) else "find_one_and_replace"
        return self._find_and(arguments, method, arguments["update"])

    def do_findOneAndReplace(self, arguments: Arguments) -> Any:  # noqa: N802
        return self._find_and(arguments, "find_one_and_replace", arguments["update"])

    def do_findOneAndDelete(self, arguments: Arguments) -> Any:  # noqa: N802
        return self._find_and(arguments, "find_one_and_delete")

    def _find_and(self, arguments: Arguments, method: str, *update: Any) -> Any:
        given = arguments.get("options") or {}
        options: Arguments = {name: given[name] for name in ("projection", "upsert") if given.get(name)}
        if given.get("sort"):
            options["sort"] = list(given["sort"].items())
        if given.get("arrayFilters"):
            options["array_filters"] = given["arrayFilters"]
        if update:
            after = given.get("returnDocument") == "after" or given.get("returnNewDocument") is True
            options["return_document"] = after or given.get("returnOriginal") is False
        return getattr(self._at(arguments), method)(arguments["filter"], *update, **options)

    def do_bulkWrite(self, arguments: Arguments) -> Arguments:  # noqa: N802
        options = arguments.get("options") or {}
        operations = [_operation(entry) for entry in arguments["operations"]]
        done = self._at(arguments).bulk_write(operations, ordered=options.get("ordered", True))
        inserted = {
            str(i): operation._doc["_id"]
            for i, operation in enumerate(operations)
            if type(operation).__name__ == "InsertOne"
        }
        return {
            "acknowledged": True,
            "insertedCount": done.inserted_count,
            "insertedIds": inserted,
            "matchedCount": done.matched_count,
            "modifiedCount": done.modified_count,
            "deletedCount": done.deleted_count,
            "upsertedCount": done.upserted_count,
            "upsertedIds": {str(i): key for i, key in (done.upserted_ids or {}).items()},
        }

    # -- indexes, collections, databases -------------------------------------------------------------------

    def do_createIndex(self, arguments: Arguments) -> str:  # noqa: N802
        keys = list(arguments["keys"].items())
        return self._at(arguments).create_index(keys, **(arguments.get("options") or {}))

    def do_getIndexes(self, arguments: Arguments) -> list[Arguments]:  # noqa: N802
        return [dict(index) for index in self._at(arguments).list_indexes()]

    def do_dropIndex(self, arguments: Arguments) -> Arguments:  # noqa: N802
        command = {"dropIndexes": arguments["collection"], "index": arguments["index"]}
        return self._client[arguments["db"]].command(command)

    def do_drop(self, arguments: Arguments) -> bool:
        there = arguments["collection"] in self._client[arguments["db"]].list_collection_names()
        self._at(arguments).drop()
        return there

    def do_renameCollection(self, arguments: Arguments) -> Arguments:  # noqa: N802
        self._at(arguments).rename(arguments["name"], dropTarget=bool(arguments.get("dropTarget")))
        return {"ok": 1}

    def do_collections(self, arguments: Arguments) -> list[Arguments]:
        found = self._client[arguments["db"]].list_collections(filter=arguments.get("filter") or None)
        return sorted((dict(info) for info in found), key=lambda info: str(info["name"]))

    def do_databases(self, _: Arguments) -> Arguments:
        return self._client.admin.command("listDatabases")

    def do_createCollection(self, arguments: Arguments) -> Arguments:  # noqa: N802
        command = {"create": arguments["collection"], **(arguments.get("options") or {})}
        return self._client[arguments["db"]].command(command)

    def do_dropDatabase(self, arguments: Arguments) -> Arguments:  # noqa: N802
        self._client.drop_database(arguments["db"])
        return {"ok": 1, "dropped": arguments["db"]}

    def do_command(self, arguments: Arguments) -> Arguments:
        return self._client[arguments["db"]].command(arguments["command"])

    def do_watch(self, arguments: Arguments) -> int:
        place: Any = self._client[arguments["db"]]
        if arguments.get("collection"):
            place = place[arguments["collection"]]
        return self._keep(place.watch())

    def do_sleep(self, arguments: Arguments) -> None:
        time.sleep(max(0.0, float(arguments["ms"])) / 1000)

    def do_parse(self, arguments: Arguments) -> Any:
        from bson import json_util

        return json_util.loads(arguments["text"])


def _hint(hint: Any) -> Any:
    return list(hint.items()) if isinstance(hint, dict) else hint


def _write(arguments: Arguments) -> Arguments:
    """Options of a write as the driver names them; those that say how to wait mean nothing to one server."""
    given = arguments.get("options") or {}
    options = {
        _COLLECTION_OPTIONS.get(k, k): v for k, v in given.items() if k not in ("writeConcern", "multi")
    }
    if "hint" in options:
        options["hint"] = _hint(options["hint"])
    if isinstance(options.get("sort"), dict):
        options["sort"] = options["sort"]
    return options


def _is_operators(update: Any) -> bool:
    return isinstance(update, list) or any(name.startswith("$") for name in update)


def _needs_operators(update: Any) -> None:
    if not _is_operators(update):
        raise ShellError("MongoInvalidArgumentError", "Update document requires atomic operators")


def _operation(entry: Arguments) -> Any:
    """One operation of a bulk write, ``{updateOne: {filter, update, upsert}}``, as the driver has it."""
    import pymongo

    if len(entry) != 1:
        raise ShellError("MongoInvalidArgumentError", "An operation of a bulk write has exactly one name")
    name, spec = next(iter(entry.items()))
    options = {
        _COLLECTION_OPTIONS.get(k, k): spec[k] for k in ("upsert", "arrayFilters", "hint") if k in spec
    }
    match name:
        case "insertOne":
            document = spec["document"]
            if "_id" not in document:
                from bson import ObjectId

                document = {"_id": ObjectId(), **document}
            return pymongo.InsertOne(document)
        case "updateOne":
            _needs_operators(spec["update"])
            return pymongo.UpdateOne(spec["filter"], spec["update"], **options)
        case "updateMany":
            _needs_operators(spec["update"])
            return pymongo.UpdateMany(spec["filter"], spec["update"], **options)
        case "replaceOne":
            return pymongo.ReplaceOne(spec["filter"], spec["replacement"], **options)
        case "deleteOne":
            return pymongo.DeleteOne(spec["filter"])
        case "deleteMany":
            return pymongo.DeleteMany(spec["filter"])
    raise ShellError("MongoInvalidArgumentError", f"bulkWrite knows no operation {name}")


def _bulk_error(refused: Any) -> ShellError:
    details = refused.details
    problems = details.get("writeErrors") or [{"errmsg": str(refused)}]
    result = {
        name: details.get(key, 0)
        for name, key in (
            ("insertedCount", "nInserted"),
            ("matchedCount", "nMatched"),
            ("modifiedCount", "nModified"),
            ("deletedCount", "nRemoved"),
            ("upsertedCount", "nUpserted"),
        )
    }
    first = problems[0]
    return ShellError("MongoBulkWriteError", str(first["errmsg"]), first.get("code"), {"result": result})

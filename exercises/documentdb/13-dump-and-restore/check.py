"""Checks of a backup and of what was restored from it. Collections and documents vary with the seed."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

NAMES = ("carts", "customers", "offers", "orders", "products", "reviews")


def _document(draw, key, object_id):
    """A document with values of many types; some fields are missing in some."""
    from bson import Binary, Decimal128, Int64, ObjectId

    document = {
        "_id": ObjectId(f"{draw.getrandbits(96):024x}") if object_id else key,
        "code": f"code {key}",
        "when": datetime(2014, 1, 1, tzinfo=UTC) + timedelta(milliseconds=draw.randrange(10**10)),
        "amount": Decimal128(Decimal(draw.randrange(10**7)) / 10000),
        "big": Int64(draw.randint(1, 99)),
        "small": draw.randint(-99, 99),
        "share": draw.randint(1, 20) * 0.5,
        "token": Binary.from_uuid(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "nothing": None,
        "open": draw.choice((True, False)),
        "z": {"b": draw.randint(1, 9), "a": [1, 'Äpfel, "zwei"\n', {"deep": Int64(draw.getrandbits(40))}]},
    }
    if draw.random() < 0.3:
        del document["amount"]
    if draw.random() < 0.4:
        document["phone"] = f"+351 {key}"
    return document


def prepare(ctx):
    """Three or four collections, each with indexes of its own, one of them without a document."""
    draw = random.Random(ctx.seed)
    shop = ctx.connection.shop
    names = draw.sample(NAMES, draw.randint(4, 5))
    for number, name in enumerate(names):
        if number == len(names) - 1:
            shop.create_collection(name)
        else:
            keys = draw.sample(range(1, 1000), draw.randint(15, 40))
            shop[name].insert_many([_document(draw, key, number == 0) for key in keys])
        shop[name].create_index([("when", -1), ("small", 1)], name=f"{name}_by_time")
        if number != 1:
            shop[name].create_index("code", unique=True)
        if number != 2:
            shop[name].create_index("phone", name="one_phone", unique=True, sparse=True)
    return {"names": names, "was": _state(ctx)}


def _raw(collection):
    """The documents as BSON, which tells every type and the order of fields."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    documents = collection.with_options(CodecOptions(RawBSONDocument)).find()
    return {repr(document["_id"]): document.raw for document in documents}


def _indexes(collection):
    return {
        index["name"]: (
            [(field, int(order)) for field, order in index["key"].items()],
            bool(index.get("unique")),
            bool(index.get("sparse")),
        )
        for index in collection.list_indexes()
    }


def _state(ctx):
    shop = ctx.connection.shop
    names = [name for name in shop.list_collection_names() if not name.startswith("system.")]
    return {name: {"documents": _raw(shop[name]), "indexes": _indexes(shop[name])} for name in names}


def between(ctx):
    """What happens: one collection is lost, one loses its indexes, documents are spoilt, one comes new.

    The database is made anew for that, so that nothing that the answer has put aside in it is left."""
    from bson.raw_bson import RawBSONDocument

    shop, names, was = ctx.connection.shop, ctx.given["names"], ctx.given["was"]
    files = (path for path in ctx.work.rglob("*") if path.is_file() and path.stat().st_size)
    ctx.given["files"] = [path.relative_to(ctx.work) for path in files]
    ctx.connection.drop_database("shop")
    for name in names[1:-1]:
        shop[name].insert_many([RawBSONDocument(raw) for raw in was[name]["documents"].values()])
    shop[names[2]].create_index([("when", -1), ("small", 1)], name=f"{names[2]}_by_time")
    shop[names[1]].update_many({"open": True}, {"$set": {"small": 0}, "$unset": {"when": ""}})
    shop[names[2]].delete_many({"small": {"$lt": 0}})
    shop[names[2]].insert_one({"_id": 5000, "code": "after the backup"})
    shop.mine.insert_one({"_id": 1, "begun": "after the backup"})


@check(points=1)
def backed_up(ctx):
    """After the first run there were files with content below `backup`."""
    files = [path for path in ctx.given.get("files", []) if path.parts[0] == "backup"]
    if not files:
        raise Missing("A file with content below backup")


@check(points=4)
def documents_back(ctx):
    """Each collection has its documents back, with their types and the order of their fields."""
    from bson import decode_all

    state = _state(ctx)
    for name, was in ctx.given["was"].items():
        if name not in state:
            raise Missing(f"Collection {name}")
        documents = state[name]["documents"]
        if set(documents) != set(was["documents"]):
            found = f"{len(documents)}, of which {len(set(documents) & set(was['documents']))} were there"
            raise Mismatch(f"Documents of {name}", expected=len(was["documents"]), found=found)
        for key, raw in was["documents"].items():
            if documents[key] != raw:
                _differ(f"{name}, document {key}", decode_all(raw)[0], decode_all(documents[key])[0])


def _differ(what, was, now):
    if list(was) != list(now):
        raise Mismatch(f"The fields of {what}", expected=list(was), found=list(now))
    for field, value in was.items():
        if type(value) is not type(now[field]):
            kinds = type(value).__name__, type(now[field]).__name__
            raise Mismatch(f"The type of {field} of {what}", expected=kinds[0], found=kinds[1])
        if value != now[field]:
            raise Mismatch(f"{field} of {what}", expected=value, found=now[field])
    raise Mismatch(what, expected="as it was", found="something inside has another type or order")


@check(points=3)
def indexes_back(ctx):
    """Each collection has its indexes back, and unique ones refuse what is there already."""
    from pymongo.errors import DuplicateKeyError

    state = _state(ctx)
    for name, was in ctx.given["was"].items():
        found = state.get(name, {"indexes": {}})["indexes"]
        for index, wanted in was["indexes"].items():
            if index not in found:
                raise Missing(f"Index {index} of {name}")
            if found[index] != wanted:
                raise Mismatch(f"Index {index} of {name}", expected=wanted, found=found[index])
        if more := set(found) - set(was["indexes"]):
            raise Mismatch(f"More indexes of {name}", expected="none", found=sorted(more)[0])
        collection = ctx.connection.shop[name]
        document = collection.find_one({"code": {"$exists": True}})
        if document and any(unique and keys[0][0] == "code" for keys, unique, _ in was["indexes"].values()):
            try:
                collection.insert_one({"_id": "once more", "code": document["code"]})
            except DuplicateKeyError:
                continue
            collection.delete_one({"_id": "once more"})
            raise Mismatch(f"In {name}, a code for the second time", expected="refused", found="taken")


@check(points=2)
def nothing_else(ctx):
    """What came after the backup is gone: a collection, and a document."""
    shop = ctx.connection.shop
    if more := sorted(set(_state(ctx)) - set(ctx.given["was"])):
        raise Mismatch("Collections that were not there", expected="none", found=more[0])
    for name in ctx.given["names"]:
        if shop[name].find_one({"code": "after the backup"}):
            raise Mismatch(f"A document in {name} from after the backup", expected="gone", found="there")
    if not ctx.given.get("files"):
        raise Missing("A backup to restore from")

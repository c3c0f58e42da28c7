"""mongosh's language without mongosh: JavaScript in QuickJS, a ``db`` over the driver, its output.

The JavaScript runs in a process of its own (:mod:`.mongosh_host`), which can be ended when it loops;
questions to the database come up a pipe and are answered here. Variables live from one statement to the next.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.clients.base import Client, Result, StatementError
from sandbox.clients.mongosh_show import quoted, shown
from sandbox.clients.mongosh_split import split
from sandbox.clients.mongosh_values import to_js, to_python
from sandbox.endpoint import Endpoint

if TYPE_CHECKING:
    from sandbox.clients.mongosh_ops import Operations

SECONDS = 30.0
"""How long a statement may compute without asking the database anything."""

_HERE = Path(__file__).parent
_ERROR = re.compile(r"\A(?P<text>.*?)\n\s+at .*", re.DOTALL)
_LINE = re.compile(r"at <eval> \(<input>:(\d+)|at <input>:(\d+)")
_PRINTED = 64_000
_METHODS = (
    *(
        "aggregate",
        "bulkWrite",
        "countDocuments",
        "createIndex",
        "deleteMany",
        "deleteOne",
        "distinct",
        "drop",
    ),
    *("dropIndex", "find", "findOne", "findOneAndUpdate", "getIndexes", "insertMany", "insertOne"),
    *("replaceOne", "updateMany", "updateOne"),
)
_DATABASE = (
    *("adminCommand", "createCollection", "dropDatabase", "getCollectionNames", "getName", "getSiblingDB"),
    *("runCommand", "stats"),
)

_HELP = """\
use NAME                       another database
show dbs | collections | users what there is
it                             the next 20 documents of the last result
db.NAME.insertOne({...})       insertMany([...]), bulkWrite([...])
db.NAME.find({...})            .sort({...}) .limit(n) .skip(n) .toArray() .forEach(f)
db.NAME.findOne({...})         countDocuments({...}), distinct("field")
db.NAME.updateOne({...}, {$set: {...}})   updateMany, replaceOne, findOneAndUpdate
db.NAME.deleteOne({...})       deleteMany
db.NAME.aggregate([...])       stages: $match, $group, $unwind, $sort ...
db.NAME.createIndex({...})     getIndexes(), dropIndex(name)
db.getCollectionNames()        createCollection, runCommand({...}), dropDatabase()
exit                           the end"""


class MongoshClient(Client):
    """A shell on one database, which begins with the endpoint's."""

    language: ClassVar[str] = "mongosh"

    def __init__(self, endpoint: Endpoint, *, seconds: float = SECONDS) -> None:
        self._endpoint = endpoint
        self._seconds = seconds
        self._driver: Any = None
        self._operations: Operations | None = None
        self._host: subprocess.Popen[bytes] | None = None
        self._use(endpoint.database or "test")

    def split(self, text: str) -> tuple[list[str], str]:
        return split(text)

    def execute(self, statement: str) -> Iterator[Result]:
        words = statement.strip().rstrip(";").split()
        if not words:
            return
        if words[0] in ("use", "show") and len(words) == 2 and re.match(r"(use|show)\s", statement.strip()):
            yield self._go(words[1]) if words[0] == "use" else self._list(words[1])
        elif len(words) == 1 and words[0] in ("exit", "quit", "cls"):
            return
        elif words == ["help"]:
            yield Result(text=_HELP)
        else:
            yield from self._evaluate("__it()" if words == ["it"] else statement, more=words == ["it"])

    def close(self) -> None:
        self._end_host()
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def complete(self, text: str) -> list[str]:
        match = re.search(r"(?:^|[\s;({])db\.(?:(\w+)\.)?(\w*)$", text)
        if not match:
            return [word for word in ("show dbs", "show collections", "use ", "db.") if word.startswith(text)]
        begin = text[: len(text) - len(match[2])].rpartition("db.")[1] + (f"{match[1]}." if match[1] else "")
        if match[1]:
            names: Sequence[str] = _METHODS
        else:
            names = (*self._ask("collections", {"db": self._name}, "name"), *_DATABASE)
        return [begin + name for name in names if name.startswith(match[2])]

    # -- words of the shell --------------------------------------------------------------------------------

    def _use(self, name: str) -> None:
        self._name = name
        self.prompt = f"{name}> "

    def _go(self, name: str) -> Result:
        same = name == self._name
        self._use(name)
        if self._host is not None:
            self._send(self._host, {"eval": f"__use({json.dumps(name)})"})
            self._receive(self._host, None)
        return Result(text=f"already on db {name}" if same else f"switched to db {name}")

    def _list(self, what: str) -> Result:
        if what in ("dbs", "databases"):
            found = self._run("databases", {})["databases"]
            width = max((len(entry["name"]) for entry in found), default=0)
            lines = [f"{entry['name']:<{width}}  {_size(entry.get('sizeOnDisk', 0)):>10}" for entry in found]
            return _listed([entry["name"] for entry in found], lines)
        if what in ("collections", "tables"):
            names = self._ask("collections", {"db": self._name}, "name")
            return _listed(names, names)
        if what == "users":
            users = self._run("command", {"db": self._name, "command": {"usersInfo": 1}})["users"]
            return Result(value=users, has_value=True, extra={"shown": shown(to_js(users))})
        raise StatementError(
            f"MongoshInvalidInputError: [COMMON-10001] '{what}' is not a valid argument for \"show\"."
        )

    def _ask(self, operation: str, arguments: dict[str, Any], name: str) -> list[str]:
        return [str(entry[name]) for entry in self._run(operation, arguments)]

    def _run(self, operation: str, arguments: dict[str, Any]) -> Any:
        from sandbox.clients.mongosh_ops import ShellError

        try:
            return self._database().run(operation, arguments)
        except ShellError as refused:
            raise StatementError(f"{refused.name}: {refused.message}") from refused

    def _database(self) -> Operations:
        if self._operations is None:
            from pymongo import MongoClient

            from sandbox.clients.mongosh_ops import Operations

            self._driver = MongoClient(
                self._endpoint.url,
                serverSelectionTimeoutMS=20_000,
                tz_aware=True,
                uuidRepresentation="standard",
                datetime_conversion="DATETIME_AUTO",
            )
            self._operations = Operations(self._driver)
        return self._operations

    # -- JavaScript ------------------------------------------------------------------------------------------

    def _evaluate(self, code: str, *, more: bool) -> Iterator[Result]:
        host = self._started()
        self._send(host, {"eval": code})
        printed: list[str] = []
        try:
            while True:
                message = self._receive(host, self._seconds)
                if "print" in message:
                    printed.append(" ".join(shown(item) for item in json.loads(message["print"])))
                    if sum(map(len, printed)) > _PRINTED:
                        yield Result(text="\n".join(printed))
                        printed.clear()
                elif "call" in message:
                    self._send(host, {"answer": json.dumps(self._answer(json.loads(message["call"])))})
                else:
                    break
        except BaseException:
            # Out of step, or told to stop in the middle: its next words would answer another question.
            self._end_host()
            raise
        if printed:
            yield Result(text="\n".join(printed))
        if "error" in message:
            raise _error(message["error"], code)
        if message["value"] is not None:
            yield _result(json.loads(message["value"]), more=more)

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        from bson import json_util

        from sandbox.clients.mongosh_ops import ShellError

        operation = question["op"]
        if operation == "tojson":
            value = question["args"]["$doc"][0][1]
            return {"value": quoted(value) if isinstance(value, str) else shown(value)}
        try:
            arguments = to_python(question["args"])
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as problem:
            return {"error": {"name": "BSONError", "message": f"{type(problem).__name__}: {problem}"}}
        if operation == "ejson":
            return {"value": json_util.dumps(arguments["value"], json_options=json_util.RELAXED_JSON_OPTIONS)}
        if operation == "use":
            self._use(arguments["name"])
            return {"value": None}
        try:
            return {"value": to_js(self._database().run(operation, arguments))}
        except ShellError as refused:
            extra = {key: to_js(value) for key, value in refused.extra.items() if value is not None}
            trouble = {"name": refused.name, "message": refused.message, "code": refused.code, **extra}
            return {"error": trouble}

    def _started(self) -> subprocess.Popen[bytes]:
        if self._host is None or self._host.poll() is not None:
            self._end_host()
            keep = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
            engine = find_spec("_quickjs")
            folder = Path(engine.origin).parent if engine and engine.origin else _HERE
            words = (_HERE / "mongosh_host.py", _HERE / "mongosh.js", folder)
            self._host = subprocess.Popen(
                # Isolated: a file of the person's folder must not stand in for a module.
                [sys.executable, "-I", "-S", *map(str, words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: os.environ[name] for name in keep if name in os.environ},
                bufsize=0,
            )
            self._send(self._host, {"eval": f"__use({json.dumps(self._name)})"})
            self._receive(self._host, self._seconds)
        return self._host

    def _end_host(self) -> None:
        if self._host is not None:
            self._host.kill()
            self._host.wait()
            for pipe in (self._host.stdin, self._host.stdout):
                if pipe is not None:
                    pipe.close()
            self._host = None

    def _send(self, host: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
        assert host.stdin is not None
        data = json.dumps(message).encode()
        try:
            host.stdin.write(len(data).to_bytes(4, "big") + data)
        except OSError:
            raise _gone() from None

    def _receive(self, host: subprocess.Popen[bytes], seconds: float | None) -> dict[str, Any]:
        limit = None if seconds is None else time.monotonic() + seconds
        size = int.from_bytes(self._exactly(host, 4, limit), "big")
        message: dict[str, Any] = json.loads(self._exactly(host, size, limit))
        return message

    def _exactly(self, host: subprocess.Popen[bytes], size: int, limit: float | None) -> bytes:
        assert host.stdout is not None
        parts = bytearray()
        while len(parts) < size:
            left = None if limit is None else max(0.0, limit - time.monotonic())
            ready, _, _ = select.select([host.stdout], [], [], left)
            if not ready:
                raise StatementError(
                    f"Error: the script computed for {self._seconds:.0f} seconds and was ended",
                    detail="Its variables are gone. A loop without an end?",
                )
            part = host.stdout.read(size - len(parts))
            if not part:
                raise _gone()
            parts += part
        return bytes(parts)


def _gone() -> StatementError:
    return StatementError("Error: the JavaScript engine ended", detail="The variables of the shell are gone.")


def _listed(names: list[str], lines: list[str]) -> Result:
    return Result(value=names, has_value=True, extra={"shown": "\n".join(lines)})


def _size(size: float) -> str:
    return f"{size / 1024:.2f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.2f} MiB"


def _result(answer: dict[str, Any], *, more: bool) -> Result:
    """A value; of a cursor what it shows first, or (``more``) next."""
    text = shown(answer["shown"])
    if answer["cursor"]:
        if not answer["shown"]["$array"]:
            text = "no cursor" if more else ""
        if answer["more"]:
            text += '\nType "it" for more'
    return Result(value=to_python(answer["shown"]), has_value=True, extra={"shown": text})


def _error(said: str, code: str) -> StatementError:
    """A JavaScript error in mongosh's words; the line is that within the statement."""
    found = _ERROR.match(said)
    text = (found["text"] if found else said).strip()
    # The outermost place is the statement's own; within are the prelude's.
    lines = [int(first or second) for first, second in _LINE.findall(said)]
    # The host puts a line before the code.
    line = max(lines[-1] - 1, 1) if lines else None
    for theirs, ours in _WORDS:
        text = re.sub(theirs, ours, text)
    return StatementError(text, statement=code, line=line)


_WORDS = (
    (r"^InternalError: stack overflow", "RangeError: Maximum call stack size exceeded"),
    (r"^InternalError: out of memory", "RangeError: JavaScript heap out of memory"),
    (r"^SyntaxError: redeclaration of '(.*)'", r"SyntaxError: Identifier '\1' has already been declared"),
    (r"^TypeError: '(.*)' is read-only", r"TypeError: Assignment to constant variable."),
)

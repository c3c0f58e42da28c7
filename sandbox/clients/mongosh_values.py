"""Values between the shell's JavaScript and the driver: canonical Extended JSON, documents as lists of pairs.

A document is ``{"$doc": [[name, value], ...]}``, so that the order of names that look like numbers survives
JavaScript and that a name which begins with ``$`` is never taken for a type.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPTIONS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "u": re.UNICODE}


def to_python(value: Any) -> Any:
    """What JavaScript sent, as the driver takes it. Int32 becomes int, int64 ``Int64``, double float."""
    if isinstance(value, list):
        return [to_python(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$doc" in value:
        return {name: to_python(item) for name, item in value["$doc"]}
    if "$array" in value:
        return to_python(value["$array"])
    if "$js" in value:
        return to_python(value["bson"]) if "bson" in value else value["$js"]
    name = next(iter(value))
    return _TYPES[name](value[name], value)


def _date(inner: Any, _: Any) -> Any:
    from bson.datetime_ms import DatetimeMS

    milliseconds = int(inner["$numberLong"])
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return DatetimeMS(milliseconds)


def _binary(inner: Any, _: Any) -> Any:
    from uuid import UUID

    from bson.binary import Binary

    data = base64.b64decode(inner["base64"])
    subtype = int(inner["subType"], 16)
    return UUID(bytes=data) if subtype == 4 and len(data) == 16 else Binary(data, subtype)


def _bson(module: str, name: str) -> Any:
    import importlib

    return getattr(importlib.import_module(f"bson.{module}"), name)


_TYPES: dict[str, Any] = {
    "$numberInt": lambda inner, _: int(inner),
    "$numberLong": lambda inner, _: _bson("int64", "Int64")(inner),
    "$numberDouble": lambda inner, _: float(inner),
    "$numberDecimal": lambda inner, _: _bson("decimal128", "Decimal128")(inner),
    "$oid": lambda inner, _: _bson("objectid", "ObjectId")(inner),
    "$date": _date,
    "$binary": _binary,
    "$regularExpression": lambda inner, _: _bson("regex", "Regex")(
        inner["pattern"], sum(_OPTIONS[letter] for letter in inner["options"])
    ),
    "$timestamp": lambda inner, _: _bson("timestamp", "Timestamp")(inner["t"], inner["i"]),
    "$minKey": lambda _, __: _bson("min_key", "MinKey")(),
    "$maxKey": lambda _, __: _bson("max_key", "MaxKey")(),
    "$code": lambda inner, _: _bson("code", "Code")(inner),
    "$ref": lambda inner, whole: _bson("dbref", "DBRef")(inner, to_python(whole["$id"]), whole.get("$db")),
}


def to_js(value: Any) -> Any:
    """What the driver gave, for JavaScript."""
    from uuid import UUID

    from bson.int64 import Int64

    match value:
        case None | bool() | str():
            return value
        case Int64():
            return {"$numberLong": str(int(value))}
        case int():
            small = -(2**31) <= value < 2**31
            return {"$numberInt" if small else "$numberLong": str(value)}
        case float():
            return {"$numberDouble": _float(value)}
        case datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return {"$date": {"$numberLong": str((aware - _EPOCH) // timedelta(milliseconds=1))}}
        case UUID():
            return _js_binary(value.bytes, 4)
        case bytes():
            return _js_binary(value, getattr(value, "subtype", 0))
        case Mapping():
            return {"$doc": [[name, to_js(item)] for name, item in value.items()]}
        case list() | tuple():
            return [to_js(item) for item in value]
        case _:
            return _js_other(value)


def _float(value: float) -> str:
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value)) or repr(value)


def _js_binary(data: bytes, subtype: int) -> Any:
    from uuid import UUID

    found = {"base64": base64.b64encode(data).decode(), "subType": f"{subtype:02x}"}
    if subtype == 4 and len(data) == 16:
        found["uuid"] = str(UUID(bytes=data))
    return {"$binary": found}


def _js_other(value: Any) -> Any:
    name = type(value).__name__
    match name:
        case "ObjectId":
            return {"$oid": str(value)}
        case "Decimal128":
            return {"$numberDecimal": str(value)}
        case "DatetimeMS":
            return {"$date": {"$numberLong": str(int(value))}}
        case "Regex":
            letters = "".join(letter for letter, flag in _OPTIONS.items() if value.flags & flag)
            return {"$regularExpression": {"pattern": value.pattern, "options": letters}}
        case "Timestamp":
            return {"$timestamp": {"t": value.time, "i": value.inc}}
        case "MinKey":
            return {"$minKey": 1}
        case "MaxKey":
            return {"$maxKey": 1}
        case "Code":
            return {"$code": str(value)}
        case "DBRef":
            found = {"$ref": value.collection, "$id": to_js(value.id)}
            return {**found, "$db": value.database} if value.database else found
    return str(value)

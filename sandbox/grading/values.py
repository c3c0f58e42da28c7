"""Results of statements on their way from the answer's process to the checks, as lines of JSON.

Plain JSON values stay as they are; others become an object with one key that begins with ``$``: a decimal
``{"$decimal": "1.10"}``, a date ``{"$date": "2014-05-01"}``, an object of a driver (a vertex, a path)
``{"$object": {...}, "type": "Vertex"}``, which comes back as a :class:`Thing`. Nothing is ever executed in
reading them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sandbox.clients.base import Result

MAX_ROWS = 10_000
_DEPTH = 40


class Thing(SimpleNamespace):
    """An object of a driver as the checks see it: its public attributes, and its text."""

    def __str__(self) -> str:
        return str(self.__dict__.get("text_", ""))


def dump(result: Result) -> str:
    """One result as one line of JSON. Rows beyond 10,000 are left out and counted in ``extra``."""
    extra = dict(result.extra)
    if len(result.rows) > MAX_ROWS:
        extra["rows_left_out"] = len(result.rows) - MAX_ROWS
    return json.dumps(
        {
            "columns": [str(c) for c in result.columns],
            "rows": [[encode(v) for v in row] for row in result.rows[:MAX_ROWS]],
            "value": encode(result.value),
            "has_value": result.has_value,
            "text": result.text,
            "extra": encode(extra),
        },
        ensure_ascii=False,
    )


def load(lines: str) -> list[Result]:
    """Results from lines of JSON. A last line that was cut off is left out."""
    return list(_load(lines.splitlines()))


def _load(lines: Iterable[str]) -> Iterator[Result]:
    for line in lines:
        try:
            data = json.loads(line)
        except ValueError:
            return
        yield Result(
            columns=tuple(data["columns"]),
            rows=[tuple(decode(v) for v in row) for row in data["rows"]],
            value=decode(data["value"]),
            has_value=data["has_value"],
            text=data["text"],
            extra=decode(data["extra"]),
        )


def encode(value: Any, depth: int = 0) -> Any:
    """A value in JSON's types, with marks for the types that JSON has not."""
    if depth > _DEPTH:
        return str(value)
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value
    return _encode_scalar(value) or _encode_composite(value, depth + 1)


def _encode_scalar(value: Any) -> dict[str, Any] | None:
    match value:
        case Decimal():
            return {"$decimal": str(value)}
        case datetime():
            return {"$datetime": value.isoformat()}
        case date():
            return {"$date": value.isoformat()}
        case time():
            return {"$time": value.isoformat()}
        case timedelta():
            return {"$seconds": value.total_seconds()}
        case UUID():
            return {"$uuid": str(value)}
        case bytes() | bytearray() | memoryview():
            return {"$bytes": base64.b64encode(bytes(value)).decode()}
    kind = type(value).__name__
    if kind == "ObjectId":
        return {"$oid": str(value)}
    if kind == "Decimal128":
        return {"$decimal": str(value)}
    if kind == "Binary" and isinstance(getattr(value, "value", None), bytes):  # boto3's
        return {"$bytes": base64.b64encode(value.value).decode()}
    if kind == "Date" and callable(getattr(value, "date", None)):  # the Cassandra driver's
        return {"$date": value.date().isoformat()}
    return None


def _encode_composite(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        plain = all(isinstance(key, str) and not key.startswith("$") for key in value)
        if plain:
            return {key: encode(item, depth) for key, item in value.items()}
        return {"$map": [[encode(key, depth), encode(item, depth)] for key, item in value.items()]}
    if isinstance(value, list):
        return [encode(item, depth) for item in value]
    if isinstance(value, Set) or type(value).__name__ == "SortedSet":
        return {"$set": [encode(item, depth) for item in value]}
    if isinstance(value, Sequence):
        return {"$tuple": [encode(item, depth) for item in value]}
    public = {k: v for k, v in getattr(value, "__dict__", {}).items() if not k.startswith("_")}
    return {
        "$object": {k: encode(v, depth) for k, v in public.items() if not callable(v)},
        "type": type(value).__name__,
        "text": str(value),
    }


def decode(value: Any) -> Any:
    """The value that :func:`encode` took, or a :class:`Thing` for an object of a driver."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$object" in value:
        fields = {str(k): decode(v) for k, v in value["$object"].items()}
        return Thing(**{**fields, "type_": value["type"], "text_": value["text"]})
    if len(value) == 1:
        (mark, inner), *_ = value.items()
        if mark in _DECODERS:
            return _DECODERS[mark](inner)
    return {key: decode(item) for key, item in value.items()}


def _object_id(text: str) -> Any:
    from bson import ObjectId

    return ObjectId(text)


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    return str(value) if isinstance(value, dict | Thing) else value


_DECODERS: dict[str, Any] = {
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$seconds": lambda seconds: timedelta(seconds=seconds),
    "$uuid": UUID,
    "$bytes": base64.b64decode,
    "$oid": _object_id,
    "$map": lambda pairs: {_hashable(decode(k)): decode(v) for k, v in pairs},
    "$set": lambda items: {_hashable(decode(item)) for item in items},
    "$tuple": lambda items: tuple(decode(item) for item in items),
}

"""Values as mongosh shows them: Node's ``util.inspect`` with the shell's settings, BSON by its constructors.

Works on what the shell's JavaScript sends (see :mod:`.mongosh_values`). Source: lib/internal/util/inspect.js
of Node 20 (``reduceToSingleString``, ``groupArrayElements``), line width 80, compact 3, depth 6.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

WIDTH = 80
COMPACT = 3
DEPTH = 6

_NAME = re.compile(r"[a-zA-Z_$][a-zA-Z_0-9$]*")
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\"}


def shown(value: Any) -> str:
    """A value at the top level: text and numbers as they are, everything else inspected."""
    return value if isinstance(value, str) else Inspector().value(value, 0, 0)


def quoted(text: str) -> str:
    """A string in the quotes that Node chooses: single ones, unless others save an escape."""
    quote = "'"
    if "'" in text:
        quote = '"' if '"' not in text else "`" if "`" not in text and "${" not in text else "'"
    out = []
    for letter in text:
        if letter in _ESCAPES:
            out.append(_ESCAPES[letter])
        elif letter == quote:
            out.append("\\" + letter)
        elif ord(letter) < 0x20 or 0x7F <= ord(letter) <= 0x9F:
            out.append(f"\\x{ord(letter):02X}")
        else:
            out.append(letter)
    return quote + "".join(out) + quote


class Inspector:
    """One inspection. ``_deepest`` is Node's ``currentDepth``: the level of the object last begun."""

    def __init__(self) -> None:
        self._deepest = 0

    def value(self, value: Any, level: int, indent: int) -> str:
        if isinstance(value, str):
            return quoted(value)
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return self._array(value, level, indent)
        if "$array" in value:
            return self._array(value["$array"], level, indent)
        if "$doc" in value:
            return self._document(value["$doc"], level, indent)
        return atom(value)

    def _array(self, items: Sequence[Any], level: int, indent: int) -> str:
        if not items:
            return "[]"
        if level > DEPTH:
            return "[Array]"
        self._deepest = level
        output = [self.value(item, level + 1, indent + 2) for item in items]
        grouped = _grouped(output, items, indent) if len(output) > 6 else output
        return self._joined(grouped, "[", "]", level, indent, whole=len(grouped) == len(output))

    def _document(self, pairs: Sequence[Any], level: int, indent: int) -> str:
        if not pairs:
            return "{}"
        if level > DEPTH:
            return "[Object]"
        self._deepest = level
        output = []
        for name, item in pairs:
            key = name if _NAME.fullmatch(name) else quoted(name)
            output.append(f"{key}: {self.value(item, level + 1, indent + 2)}")
        return self._joined(output, "{", "}", level, indent, whole=True)

    def _joined(
        self, output: list[str], left: str, right: str, level: int, indent: int, *, whole: bool
    ) -> str:
        if self._deepest - level < COMPACT and whole:
            start = len(output) + indent + len(left) + 10
            length = sum(map(len, output)) + len(output) + start
            if length <= WIDTH and not any("\n" in text for text in output):
                return f"{left} {', '.join(output)} {right}"
        space = "\n" + " " * indent
        return f"{left}{space}  {f',{space}  '.join(output)}{space}{right}"


def _grouped(output: list[str], items: Sequence[Any], indent: int) -> list[str]:
    """Many short items of an array in columns."""
    if any("\n" in text for text in output):
        return output
    lengths = [len(text) + 2 for text in output]
    widest, total = max(lengths), sum(lengths)
    if not (widest * 3 + indent < WIDTH and (total / widest > 5 or widest - 2 <= 6)):
        return output
    bias = max(widest - 3 - math.sqrt(widest - total / len(output)), 1)
    columns = min(
        math.floor(math.sqrt(2.5 * bias * len(output)) / bias + 0.5),
        (WIDTH - indent) // widest,
        COMPACT * 4,
        15,
    )
    if columns <= 1:
        return output
    widths = [max(lengths[at::columns]) for at in range(columns)]
    numbers = all(isinstance(item, dict) and _is_number(item) for item in items)
    rows = []
    for begin in range(0, len(output), columns):
        row = output[begin : begin + columns]
        cells = [f"{text}, " for text in row[:-1]] + [row[-1]]
        if numbers:
            padded = [cell.rjust(width) for cell, width in zip(cells[:-1], widths, strict=False)]
            padded.append(cells[-1].rjust(widths[len(cells) - 1] - 2))
        else:
            padded = [cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=False)]
            padded.append(cells[-1])
        rows.append("".join(padded))
    return rows


def _is_number(item: dict[str, Any]) -> bool:
    return bool({"$numberInt", "$numberDouble"} & item.keys())


def atom(value: dict[str, Any]) -> str:
    """A value of a type of BSON, as the call that makes it."""
    name, inner = next(iter(value.items()))
    match name:
        case "$js" | "$numberInt":
            return str(inner)
        case "$numberDouble":
            return number(inner)
        case "$numberLong":
            return f"Long('{inner}')"
        case "$numberDecimal":
            return f"Decimal128('{inner}')"
        case "$oid":
            return f"ObjectId('{inner}')"
        case "$date":
            return f"ISODate('{iso(int(inner['$numberLong']))}')"
        case "$regularExpression":
            return f"/{inner['pattern']}/{inner['options']}"
        case "$binary":
            return _binary(inner)
        case "$timestamp":
            return f"Timestamp({{ t: {inner['t']}, i: {inner['i']} }})"
        case "$minKey":
            return "MinKey()"
        case "$maxKey":
            return "MaxKey()"
        case "$code":
            return f"Code({quoted(inner)})"
        case "$ref":
            return f"DBRef({quoted(inner)}, {Inspector().value(value['$id'], 0, 0)})"
    return json.dumps(value)


def number(text: str) -> str:
    """A double as JavaScript writes it: no ``.0``, and exponents from 1e21 on."""
    if text in ("NaN", "Infinity", "-Infinity"):
        return text
    value = float(text)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e21:
        digits = repr(value)
        return digits if "e" not in digits else f"{value:.20f}".rstrip("0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def iso(milliseconds: int) -> str:
    """``2014-05-01T00:00:00.000Z``."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + f"{moment.microsecond // 1000:03d}Z"


def _binary(inner: dict[str, str]) -> str:
    data = base64.b64decode(inner["base64"])
    if inner["subType"] in ("04", "4") and len(data) == 16:
        return f"UUID('{UUID(bytes=data)}')"
    return f"Binary.createFromBase64('{inner['base64']}', {int(inner['subType'], 16)})"

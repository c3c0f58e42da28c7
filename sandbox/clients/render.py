"""Shows results of clients: plain aligned tables for people, JSON for programs.

Serves ``sandbox shell``, the answers of exercises and ``exercise run`` alike.
"""

from __future__ import annotations

import base64
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import zip_longest
from typing import Any
from uuid import UUID

from sandbox.clients.base import Result

MISSING = "NULL"


def render(result: Result, *, max_rows: int | None = None) -> str:
    """A result as text that ends without a newline; empty when there is nothing to show.

    Of a table at most ``max_rows`` rows are shown, and the last line says how many there are."""
    parts = []
    if result.columns:
        parts.append(table(result.columns, result.rows, max_rows=max_rows))
    if result.has_value:
        shown = result.extra.get("shown")
        parts.append(value_text(result.value, max_items=max_rows) if shown is None else shown)
    if result.text:
        parts.append(result.text.rstrip("\n"))
    return "\n".join(parts)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, max_rows: int | None = None) -> str:
    """An aligned table: header, rule, rows, ``(2 rows)``. Numbers stand to the right; a line break within
    a value makes a further line of its cell."""
    shown = rows if max_rows is None else rows[:max_rows]
    cells = [[_lines(value) for value in row] for row in shown]
    heads = [_lines(name) for name in columns]
    widths = [
        max((_width(line) for row in [heads, *cells] for line in row[i]), default=0)
        for i in range(len(heads))
    ]
    right = [
        any(_is_number(row[i]) for row in shown)
        and all(row[i] is None or _is_number(row[i]) for row in shown)
        for i in range(len(heads))
    ]
    out = [*_row(heads, widths, [False] * len(heads)), "+".join("-" * (width + 2) for width in widths)]
    for row in cells:
        out.extend(_row(row, widths, right))
    count = len(rows)
    more = f", the first {len(shown):,} shown" if len(shown) < count else ""
    out.append(f"({count:,} row{'' if count == 1 else 's'}{more})")
    return "\n".join(out)


def _row(cells: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> Iterable[str]:
    for lines in zip_longest(*cells, fillvalue=""):
        padded = (
            " " * (width - _width(line)) + line if to_right else line + " " * (width - _width(line))
            for line, width, to_right in zip(lines, widths, right, strict=True)
        )
        yield (" " + " | ".join(padded)).rstrip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _lines(value: Any) -> list[str]:
    return [_printable(line) for line in cell(value).split("\n")]


def _printable(text: str) -> str:
    # Control characters from data must not reach the terminal: they could move the cursor or retitle it.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cell(value: Any) -> str:
    """One value as it stands in a table."""
    match value:
        case None:
            return MISSING
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return "0x" + bytes(value).hex()
        case datetime():
            return value.isoformat(sep=" ")
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case Enum():
            return str(value.name)
        case Mapping() | Set() | list() | tuple():
            return json.dumps(plain(value), ensure_ascii=False)
        case _:
            return str(value)


def value_text(value: Any, *, max_items: int | None = None) -> str:
    """A result that is no table: text as it is, lists one item a line, documents as indented JSON."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, list | tuple | Set) and value and not any(_nested(item) for item in value):
        items = list(value)
        shown = items if max_items is None else items[:max_items]
        lines = [f"{i}) {harmless(cell(item))}" for i, item in enumerate(shown, 1)]
        if len(shown) < len(items):
            lines.append(f"({len(items):,} items, the first {len(shown):,} shown)")
        return "\n".join(lines)
    if isinstance(value, Mapping | list | tuple | Set):
        return harmless(json.dumps(plain(value), ensure_ascii=False, indent=2))
    return harmless(cell(value))


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple | Set)


def harmless(text: str) -> str:
    """Text of whoever wrote it, safe for a terminal: control characters but line breaks are spelled out."""
    return "\n".join(_printable(line.expandtabs()) for line in text.split("\n"))


def plain(value: Any) -> Any:
    """A value in the types of JSON: exact numbers stay numbers where JSON can hold them, dates become ISO
    text, bytes base64, other objects their text."""
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return value.name
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return _number(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Mapping():
            return {cell(key): plain(item) for key, item in value.items()}
        case list() | tuple() | Set():
            return [plain(item) for item in value]
        case _:
            return str(value)


def _number(value: Decimal) -> int | float | str:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    # A float whose shortest text has another value would be a silent change: then text.
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)


def as_json(result: Result) -> dict[str, Any]:
    """A result in the types of JSON: ``columns`` and ``rows`` (lists as long as columns), ``value``,
    ``text``; a key is left out where there is nothing."""
    out: dict[str, Any] = {}
    if result.columns:
        out["columns"] = list(result.columns)
        out["rows"] = [[plain(value) for value in row] for row in result.rows]
    if result.has_value:
        out["value"] = plain(result.value)
    if result.text:
        out["text"] = result.text
    return out

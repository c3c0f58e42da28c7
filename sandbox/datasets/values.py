"""Between the text in the files and typed values, both ways.

The canonical text: whole numbers plain; dates M/D/YYYY without zero padding (5/1/2014); amounts with at most
four decimals and without trailing zeros (33319.986, 5.7, 0); a missing value is an empty field.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from sandbox.datasets.schema import MONEY_DECIMALS, Column, Table

ONE_UNIT = Decimal(1).scaleb(-MONEY_DECIMALS)
UNITS = 10**MONEY_DECIMALS
"""Amounts are whole numbers of these units where exactness and speed count: 5.7 is 57000 of them."""


@lru_cache(maxsize=4096)
def date_from_text(text: str) -> date:
    """``5/1/2014`` is the first of May; ValueError for anything else than M/D/YYYY."""
    month, day, year = text.split("/")
    if not (len(year) == 4 and (month + day + year).isdigit() and (month + day + year).isascii()):
        raise ValueError(text)
    return date(int(year), int(month), int(day))


@lru_cache(maxsize=4096)
def text_from_date(value: date) -> str:
    return f"{value.month}/{value.day}/{value.year:04d}"


def text_from_money(value: Decimal) -> str:
    """At most four decimals (rounded half up), trailing zeros trimmed."""
    return text_from_units(int(value.scaleb(MONEY_DECIMALS).quantize(Decimal(1), ROUND_HALF_UP)))


def text_from_units(units: int) -> str:
    """An amount given in units of 0.0001."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), UNITS)
    return f"{sign}{whole}.{part:04d}".rstrip("0").rstrip(".") if part else f"{sign}{whole}"


def text_from_value(value: Any) -> str:
    """The canonical text of any value of a row."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return text_from_money(value)
    if isinstance(value, date):
        return text_from_date(value)
    return str(value)


def canonical_converters(table: Table) -> tuple[Callable[[str], Any], ...]:
    """One function a column from canonical text to its value, for files known to be canonical."""
    return tuple(_converter(column) for column in table.columns)


def _converter(column: Column) -> Callable[[str], Any]:
    if column.nullable:
        return _optional_int if column.type is int else _optional_text
    if column.type is date:
        return date_from_text
    convert: Callable[[str], Any] = column.type
    return convert


def _optional_int(text: str) -> int | None:
    return int(text) if text else None


def _optional_text(text: str) -> str | None:
    return text or None

"""One field of a person's file: its value, or a sentence that says what is wrong with it."""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.datasets.schema import MONEY_DECIMALS, MONEY_DIGITS, Column
from sandbox.datasets.values import ONE_UNIT, date_from_text

# [0-9], because \d takes the digits of all scripts and so does int().
_INT = re.compile(r"[+-]?[0-9]+")
_MONEY = re.compile(rf"[+-]?[0-9]{{1,{MONEY_DIGITS - MONEY_DECIMALS}}}(\.[0-9]*)?")
_DATE = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class BadValueError(ValueError):
    """A field cannot be the column's value; the text names the value and what is wanted."""


def value_from_text(column: Column, text: str) -> tuple[Any, bool]:
    """(value, whether it was rounded). Surrounding blanks do not count; nothing but blanks is missing."""
    text = text.strip()
    if not text:
        if column.nullable:
            return None, False
        raise BadValueError("'' is no value, and one is needed here")
    if column.type is int:
        return _int(text), False
    if column.type is Decimal:
        return _money(text)
    if column.type is date:
        return _date(text), False
    if column.length is not None and len(text) > column.length:
        raise BadValueError(f"{text[:40] + '...'!r} has {len(text)} characters, {column.length} are possible")
    if _CONTROL.search(text):
        raise BadValueError(f"{text[:40]!r} has a line break or another control character in it")
    return text, False


def _int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise BadValueError(f"{text[:40]!r} is not a whole number")
    if len(text) > 40 or not -(2**31) <= (value := int(text)) < 2**31:
        raise BadValueError(f"{text[:40]!r} does not fit a 32-bit INT")
    return value


def _money(text: str) -> tuple[Decimal, bool]:
    if not _MONEY.fullmatch(text):
        raise BadValueError(f"{text[:40]!r} is not an amount like 1234.5678")
    value = Decimal(text)
    rounded = value.quantize(ONE_UNIT, ROUND_HALF_UP)
    return rounded, rounded != value


def _date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date_from_text(text)
    except ValueError:
        raise BadValueError(f"{text!r} is no day of the calendar (month/day/year)") from None
    raise BadValueError(f"{text[:40]!r} is not a date like 5/1/2014 (month/day/year)")

"""Values of the Cassandra driver as plain Python values, which every report and table can show."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """Dates and times as those of ``datetime`` (where they fit), collections as list, set and dict, a
    user-defined type as dict by field, a duration as CQL writes it. All else as it is."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    from cassandra.util import Date, Duration, OrderedMap, SortedSet, Time

    match value:
        case Date():
            try:
                return value.date()
            except ValueError:
                # Before the year 1 or after 9999, which Python's dates do not know.
                return str(value)
        case Time():
            return value.time()
        case Duration():
            return _duration(value.months, value.days, value.nanoseconds)
        case OrderedMap() | dict():
            return {_key(key): plain(one) for key, one in value.items()}
        case SortedSet() | set() | frozenset():
            return [plain(one) for one in value]
        case tuple() if hasattr(value, "_asdict"):
            return {field: plain(one) for field, one in value._asdict().items()}
        case tuple():
            return tuple(plain(one) for one in value)
        case list():
            return [plain(one) for one in value]
    return value


def _key(value: Any) -> Any:
    found = plain(value)
    return str(found) if isinstance(found, list | dict) else found


_UNITS = (
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
)
"""Units of time as CQL writes them, in nanoseconds."""


def _duration(months: int, days: int, nanoseconds: int) -> str:
    sign = "-" if min(months, days, nanoseconds) < 0 else ""
    months, days, rest = abs(months), abs(days), abs(nanoseconds)
    counts = [(months // 12, "y"), (months % 12, "mo"), (days, "d")]
    for unit, size in _UNITS:
        counts.append((rest // size, unit))
        rest %= size
    return sign + "".join(f"{count}{unit}" for count, unit in counts if count) or "0s"

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
            return str(value)
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

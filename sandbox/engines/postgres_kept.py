"""Connections of the administrator that one attempt leaves for the next.

Each connection is a process of the server, whose first statements read half of the catalog: together 10 ms of
the processor, where the statements themselves take one. So those of grading to databases that no answer can
drop or copy stay open, in the process that grades, as long as it holds the endpoint.
"""

from __future__ import annotations

import select
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.postgres_guard import neutral_connection

_WRITES_STATISTICS = 150000
"""The first version that can be told to write those of a session at once, as its end does."""

_idle: dict[tuple[int, str], Any] = {}
"""By the identity of the endpoint and the database."""
_known: set[int] = set()
"""Endpoints whose end closes their connections."""
_lock = threading.RLock()


@contextmanager
def kept_connection(
    endpoint: Endpoint, database: str, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Any]:
    """As neutral_connection: one that was left open if there is a good one, and left open in its turn.

    The server forgets all of the session in between. After an error it is closed."""
    connection = _taken(endpoint, database)
    if connection is None:
        connection = neutral_connection(endpoint, database=database)
    try:
        if settings:
            _set(connection, settings)
        yield connection
    except BaseException:
        connection.close()
        raise
    _leave(endpoint, database, connection)


def _set(connection: Any, settings: Mapping[str, str]) -> None:
    """Set what the server knows of these, as neutral_connection does with old servers."""
    one = "select pg_catalog.set_config(%s, %s, false) where pg_catalog.current_setting(%s, true) is not null"
    with connection.cursor() as cursor:
        cursor.execute(
            "; ".join([one] * len(settings)),
            [part for name, value in settings.items() for part in (name, value, name)],
        )


def _taken(endpoint: Endpoint, database: str) -> Any:
    with _lock:
        connection = _idle.pop((id(endpoint), database), None)
    if connection is None:
        return None
    # What a server says unasked is its end.
    with suppress(ValueError, OSError):
        if not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]:
            return connection
    connection.close()
    return None


def _leave(endpoint: Endpoint, database: str, connection: Any) -> None:
    import psycopg2

    if not _is_as_opened(connection) or connection.server_version < _WRITES_STATISTICS:
        connection.close()
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("select pg_catalog.pg_stat_force_next_flush()")
            cursor.execute("discard all")
    except psycopg2.Error:
        connection.close()
        return
    with _lock:
        there = _idle.setdefault((id(endpoint), database), connection)
        if id(endpoint) not in _known:
            _known.add(id(endpoint))
            weakref.finalize(endpoint, _forget, id(endpoint)).atexit = False
    if there is not connection:
        connection.close()


def _is_as_opened(connection: Any) -> bool:
    """Whether nobody changed of it what the server does not know."""
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE

    return bool(
        not connection.closed
        and connection.autocommit
        and connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        and connection.cursor_factory is None
        and not connection.string_types
    )


def _forget(endpoint: int) -> None:
    with _lock:
        _known.discard(endpoint)
        gone = [_idle.pop(key) for key in list(_idle) if key[0] == endpoint]
    for connection in gone:
        connection.close()

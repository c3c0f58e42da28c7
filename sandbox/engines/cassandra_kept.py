"""The administrator's connections, kept from one attempt to the next.

A connection costs the server 10 ms of its processor, a driver's session three times that: each login is
checked by a slow hash. Several attempts in a row need the same ones. What is kept here ends with the process
at the latest.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.cassandra_driver import REQUEST_SECONDS, Wire, make_cluster

MOST = 4
"""How many of a kind are kept for one server and user: as many as attempts run at once."""

_LOOK_SECONDS = 30.0

_Key = tuple[str, int, str, str, str]

_lock = threading.Lock()
_wires: dict[_Key, list[Wire]] = {}
_sessions: dict[_Key, list[Any]] = {}


@contextmanager
def kept_wire(endpoint: Endpoint) -> Iterator[Wire]:
    """A :class:`Wire`, one that was kept or a new one. It is kept again unless something failed."""
    wire = _pop(_wires, endpoint)
    while wire is not None and not wire.is_open:
        wire = _pop(_wires, endpoint)
    if wire is None:
        wire = Wire(endpoint, seconds=REQUEST_SECONDS)
    try:
        yield wire
    except BaseException:
        wire.close()
        raise
    if not _push(_wires, endpoint, wire):
        wire.close()


@contextmanager
def kept_session(endpoint: Endpoint) -> Iterator[Any]:
    """A driver's session in the endpoint's keyspace, or in none; one that was kept or a new one. It is kept
    again unless something failed or it was led into another keyspace."""
    made = _pop(_sessions, endpoint)
    while made is not None and not _answers(made):
        made.cluster.shutdown()
        made = _pop(_sessions, endpoint)
    if made is None:
        cluster = make_cluster(endpoint)
        try:
            made = cluster.connect(endpoint.database or None)
        except BaseException:
            cluster.shutdown()
            raise
    try:
        yield made
    except BaseException:
        made.cluster.shutdown()
        raise
    if made.is_shutdown or (made.keyspace or "") != endpoint.database or not _push(_sessions, endpoint, made):
        made.cluster.shutdown()


def _answers(made: Any) -> bool:
    try:
        made.execute("SELECT key FROM system.local", timeout=_LOOK_SECONDS)
    except Exception:  # noqa: BLE001 - whatever it is: it answers no more
        return False
    return True


def _key(endpoint: Endpoint) -> _Key:
    return endpoint.host, endpoint.port, endpoint.user, endpoint.password, endpoint.database


def _pop(shelf: dict[_Key, list[Any]], endpoint: Endpoint) -> Any:
    with _lock:
        free = shelf.get(_key(endpoint))
        return free.pop() if free else None


def _push(shelf: dict[_Key, list[Any]], endpoint: Endpoint, one: Any) -> bool:
    _end(_taken_out(_is_gone))
    with _lock:
        free = shelf.setdefault(_key(endpoint), [])
        if len(free) < MOST:
            free.append(one)
            return True
    return False


def _is_gone(one: Any) -> bool:
    """Whether its server has ended. A session would try for ever to have it back."""
    if isinstance(one, Wire):
        return not one.is_open
    return not any(host.is_up for host in one.cluster.metadata.all_hosts())


def _taken_out(which: Callable[[Any], bool]) -> list[Any]:
    found = []
    with _lock:
        for free in (*_wires.values(), *_sessions.values()):
            found += [one for one in free if which(one)]
            free[:] = [one for one in free if one not in found]
    return found


def _end(several: list[Any]) -> None:
    for one in several:
        with suppress(Exception):
            (one if isinstance(one, Wire) else one.cluster).__exit__(None, None, None)


def end_kept() -> None:
    """End all that is kept and not in use."""
    _end(_taken_out(lambda _one: True))


atexit.register(end_kept)

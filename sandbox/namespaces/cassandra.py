"""Keyspaces of Cassandra. Making and dropping them takes the server tenths of a second, so both are done in
the background: one that was given back is dropped, or mended if it holds the dataset, while the next test
runs.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Self

from sandbox.engines.cassandra import drop_snapshots
from sandbox.engines.cassandra_driver import session
from sandbox.engines.cassandra_load import changed, fill, prepare_keyspace, truncate
from sandbox.engines.cassandra_tables import REPLICATION, Shape, shapes_in
from sandbox.events import silent
from sandbox.namespaces.background import Background
from sandbox.namespaces.base import PREFIX, Namespaces

_SOON_ENOUGH = 0.2
_DROP_SECONDS = 60.0
_JOB_SECONDS = 60.0


@dataclass(frozen=True)
class _State:
    """What tells whether a keyspace was touched since: the version of the server's schema, and by table when
    the server was started, the table's id, how often it was written to, and when it was truncated last."""

    schema: Any
    tables: dict[str, tuple[Any, ...]]


class _Ending(Exception):  # noqa: N818 - no error, and nobody else sees it
    """What is at work in the background need not be ended properly: all is dropped now."""


class _Interruptible:
    """A session whose every use is refused from a moment on."""

    def __init__(self, made: Any, background: Background) -> None:
        self._made, self._background = made, background

    def __getattr__(self, name: str) -> Any:
        if self._background.ending and self._background.is_current():
            raise _Ending
        return getattr(self._made, name)


class CassandraNamespaces(Namespaces):
    """One session of the driver makes, mends and drops keyspaces, in a thread behind the tests."""

    ahead = MappingProxyType({False: 1, True: 2})
    """Loaded ones altogether: one is in use while the other is mended."""

    drops_behind = True

    _stack: ExitStack | None = None
    _session: Any = None

    def __init__(self, *given: Any, **more: Any) -> None:
        self._to_mend: deque[str] = deque()
        """Those that were given back with the dataset, and are announced as coming."""
        self._loaded: set[str] = set()
        """Keyspaces that were given out with the dataset."""
        self._filled: dict[str, _State] = {}
        """How keyspaces were when they held exactly the dataset."""
        self._waited = False
        """Whether somebody had to wait until the dataset's tables were mended."""
        self._connecting = threading.Lock()
        super().__init__(*given, **more)

    # -- taking ----------------------------------------------------------------------------------------------

    def _fresh(self, loaded: bool) -> str:
        began = time.monotonic()
        name = self._ahead.take(loaded, unless=lambda: loaded and bool(self._to_mend))
        with self._ahead.change:
            broken = self._to_mend.popleft() if not name and loaded and self._to_mend else ""
            self._ahead.announce(loaded, -bool(broken))
        if broken:
            # Rather here than behind what the background is at.
            with suppress(Exception):
                name = self._mended(broken)
        self._waited |= loaded and time.monotonic() - began > _SOON_ENOUGH
        if not name or not self._still_there(name, loaded):
            name = self._new(loaded)
        if loaded:
            self._loaded.add(name)
        if self._waited or not loaded:
            # A loaded one takes seconds: only for whom one that is mended is not ready soon enough, and not
            # before others are mended.
            used = len(self._loaded) if loaded else 0
            make = partial(self._new, loaded)
            self._ahead.order(loaded, make, most=self.ahead[loaded], soon=not loaded, used=used)
        return name

    def _has(self, name: str, loaded: bool) -> bool:  # noqa: ARG002
        found = self._connected().execute(
            "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", [name]
        )
        return found.one() is not None

    # -- giving back -----------------------------------------------------------------------------------------

    def _put_away(self, name: str) -> None:
        loaded = name in self._loaded
        self._loaded.discard(name)
        with self._ahead.change:
            wanted = loaded and self._ahead.count(True) < self.ahead[True]
            if wanted:
                self._ahead.announce(True, 1)
                self._to_mend.append(name)
        if wanted:
            self._background.do(self._mend_next, soon=True)
        else:
            super()._put_away(name)

    def _mend_next(self) -> None:
        """In the background, unless somebody who waited did it."""
        with self._ahead.change:
            if not self._to_mend:
                return
            name = self._to_mend.popleft()
        self._ahead.finish(True, lambda: self._mended(name))

    def _mended(self, name: str) -> str:
        try:
            self._mend(name)
        except Exception:
            self._drop_behind(name)
            raise
        return name

    def _mend(self, name: str) -> None:
        """Drop what is not the dataset's, and bring in again what is not as it was."""
        made, dataset = self._connected(), self.dataset
        before, now = self._filled.pop(name, None), self._state(name)
        empty: list[Shape] = []
        if before is None or now is None or before.schema != now.schema:
            empty = prepare_keyspace(made, name)
        known = {shape.name for shape in empty}
        dirty = [shape for shape in shapes_in(name) if shape.name not in known]
        if before is None or now is None:
            # Reading it all takes longer than filling some of it again.
            dirty = changed(made, dataset, dirty)
        else:
            dirty = [s for s in dirty if before.tables.get(s.name) != now.tables.get(s.name)]
        truncate(made, dirty)
        fill(made, dataset, [*empty, *dirty], silent)
        self._note(name)

    def _note(self, name: str) -> None:
        """Remember how a keyspace is now that it holds exactly the dataset."""
        found = self._state(name)
        if found is not None:
            self._filled[name] = found

    def _state(self, name: str) -> _State | None:
        """None where the server does not tell."""
        made = self._connected()
        # In this order: what is done by another meanwhile shows in what is asked later, at the next time too.
        try:
            there = made.execute(
                "SELECT gossip_generation, schema_version, truncated_at FROM system.local"
            ).one()
            ids = made.execute(
                "SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = %s", [name]
            )
            writes = made.execute(
                "SELECT table_name, count FROM system_views.local_write_latency WHERE keyspace_name = %s",
                [name],
            )
            counts, truncated = dict(writes), dict(there.truncated_at or {})
            tables = {
                table: (there.gossip_generation, key, counts.get(table), truncated.get(key))
                for table, key in ids
            }
        except _Ending:
            raise
        except Exception:  # noqa: BLE001 - another server than ours
            return None
        if None in {count for _, _, count, _ in tables.values()}:
            return None
        return _State(there.schema_version, tables)

    @property
    def _aside(self) -> Self:
        """This one: threads may share a session of the driver."""
        return self

    # -- the server ------------------------------------------------------------------------------------------

    def _make(self, name: str, loaded: bool) -> None:
        made = self._connected()
        if loaded:
            prepare_keyspace(made, name)
            fill(made, self.dataset, shapes_in(name), silent)
            self._note(name)
        else:
            made.execute(f"CREATE KEYSPACE {name} {REPLICATION}")

    def _drop(self, name: str) -> None:
        self._filled.pop(name, None)
        self._connected().execute(f"DROP KEYSPACE IF EXISTS {name}")

    def _end(self) -> None:
        self._background.end(_JOB_SECONDS)
        names = self._claims.names
        if not names:
            return
        made = self._connected()
        # All at once: the server does one after the other, and we wait for the whole only.
        futures = {
            name: made.execute_async(f"DROP KEYSPACE IF EXISTS {name}", timeout=_DROP_SECONDS)
            for name in names
        }
        for name, future in futures.items():
            future.result()
            self._claims.remove(name)
        drop_snapshots(made, [f"{PREFIX}*_{name.rpartition('_')[2]}" for name in names])

    def _connected(self) -> Any:
        with self._connecting:
            if self._session is None:
                self._stack = ExitStack()
                made = self._stack.enter_context(session(self.admin))
                self._session = _Interruptible(made, self._background)
            return self._session

    def _disconnect(self) -> None:
        with self._connecting:
            stack, self._stack, self._session = self._stack, None, None
        if stack is not None:
            stack.close()


NAMESPACES = CassandraNamespaces

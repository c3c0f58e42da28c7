"""What the namespaces of all engines have in common: names on record, one ahead, one retry, a clean end."""

from __future__ import annotations

import copy
import os
import re
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit, urlunsplit

from sandbox.endpoint import Endpoint
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.namespaces.ahead import Ahead
from sandbox.namespaces.background import Background
from sandbox.namespaces.claims import Claims

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.sandbox import Sandbox

PREFIX = "test_"
"""What the names of namespaces begin with, where they have names."""

TEMPLATE = "sandbox_template"
"""Where engines without templates of their own keep the dataset to be copied from, while anybody uses it."""

_SERIES = 2
"""Who takes so many is expected to take one more: who takes one only must not have paid for two."""

_JOB_SECONDS = 60.0
"""How long an end waits for what is being made in the background: on a busy machine that takes seconds."""


class Namespaces(ABC):
    """The namespaces that one process takes in one running engine.

    Threads may share it: they wait for each other. A process forked from its maker must make its own.
    While one is used the next is made in the background, which has connections of its own.
    Errors of the engine are SandboxErrors."""

    ahead: ClassVar[Mapping[bool, int]] = {False: 0, True: 1}
    """How many are ready ahead: empty ones, loaded ones."""

    drops_behind: ClassVar[bool] = False
    """Whether what is given back is dropped in the background."""

    links: ClassVar[tuple[str, ...]] = ()
    """Attributes that hold connections; None when there is none."""

    elsewhere: ClassVar[bool] = True
    """Whether they can be taken in an engine that is not ours, without touching what others have there."""

    def __init__(self, box: Sandbox, engine: str, *, worker: str = "") -> None:
        self.box, self.engine = box, engine_named(engine)
        self.worker = re.sub("[^a-z0-9]", "", worker.lower())[:12]
        self.external = engine in box.external()
        """Whether it is somebody else's engine."""
        if self.external and not self.elsewhere:
            raise EnvironmentRefusedError(
                f"In a {self.engine.title} that is not ours no place is surely nobody's.",
                code="namespaces-elsewhere",
                actions=[f"sandbox up {engine} --name other   # one of your own"],
            )
        self.admin: Endpoint = box.endpoint(engine)
        """The administrator's endpoint, at the place of the dataset."""
        self._guard = threading.RLock()
        self._held: set[str] = set()
        self._taken = {False: 0, True: 0}
        self._background = Background()
        self._ahead = Ahead(self._background)
        self._behind: Self | None = None
        """The same with other connections, for the background alone."""
        self._closed = False
        self._pid = os.getpid()
        self._claims = Claims(box.root, engine)
        try:
            self._claims.sweep(self._sweep)
        except BaseException:
            self.close()
            raise

    def take(self, *, loaded: bool = False) -> Endpoint:
        """The administrator's endpoint of a fresh namespace: ``url`` and the clients' variables point into
        it. It is empty, or holds the sandbox's dataset. EnvironmentRefusedError when the engine refuses."""
        self._demand_open()
        with self._guard:
            self._demand_open()
            try:
                name = self._fresh(loaded)
            except Exception as problem:
                raise self._in_our_words(problem) from problem
            self._held.add(name)
            return self._at(name)

    def give_back(self, endpoint: Endpoint) -> None:
        """Drop a namespace with everything in it and the sessions that are open there; one that was given
        back already is left alone. EnvironmentRefusedError when the engine refuses."""
        name = self._name_of(endpoint)
        if os.getpid() != self._pid:
            return
        with self._guard:
            if self._closed or name not in self._held:
                return
            self._held.discard(name)
            try:
                self._put_away(name)
            except Exception as problem:
                raise self._in_our_words(problem) from problem

    def spares(self, *, loaded: bool = False) -> int:
        """How many are ready to be taken at once, empty or with the dataset."""
        return self._ahead.ready(loaded)

    def close(self) -> None:
        """Drop everything that was taken or prepared. What the engine does not let go of now (it may be down)
        is dropped by whoever uses namespaces of it next. Idempotent."""
        if os.getpid() != self._pid:
            # Forked: all of it is the parent's, whose threads may have held the guard.
            return
        with self._guard:
            if self._closed:
                return
            self._closed = True
            try:
                with suppress(Exception):
                    self._end()
                with self._claims.locked():
                    if self._claims.alone():
                        with suppress(Exception):
                            self._tidy()
            finally:
                self._claims.end()
                with suppress(Exception):
                    self._disconnect()
                    if self._behind is not None:
                        self._behind._disconnect()

    # -- what engines may do otherwise ---------------------------------------------------------------------

    @abstractmethod
    def _make(self, name: str, loaded: bool) -> None:
        """Make a namespace of that name, which nobody has."""

    @abstractmethod
    def _drop(self, name: str) -> None:
        """Drop the namespace of that name if it is there, with all sessions in it."""

    @abstractmethod
    def _has(self, name: str, loaded: bool) -> bool:
        """Whether a namespace that was made ahead is still there: the server may have been reset."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Forget connections and what is known of the server: it may have been restarted or reset."""

    def _tidy(self) -> None:  # noqa: B027 - most leave nothing
        """Drop what all processes share. Nobody else uses namespaces of this engine now."""

    def _claim(self) -> str:
        """A name for a new namespace, on record."""
        name = self._new_name()
        self._claims.add(name)
        return name

    def _new_name(self) -> str:
        """A name that nobody has: ``test_gw0_4711_9f3a2c1b``."""
        parts = [part for part in (self.worker, str(self._pid), secrets.token_hex(4)) if part]
        return PREFIX + "_".join(parts)

    def _fresh(self, loaded: bool) -> str:
        """The name of a namespace that is ready; another is made behind it."""
        name = self._ahead.take(loaded)
        if not name or not self._still_there(name, loaded):
            name = self._new(loaded)
        self._taken[loaded] += 1
        if self._taken[loaded] >= _SERIES:
            self._ahead.order(loaded, lambda: self._aside._new(loaded), most=self.ahead[loaded])
        return name

    def _still_there(self, name: str, loaded: bool) -> bool:
        try:
            if self._has(name, loaded):
                return True
        except Exception:  # noqa: BLE001 - of any driver: the server may have been restarted
            self._disconnect()
        self._background.do(lambda: self._drop_behind(name), soon=False)
        return False

    @property
    def _aside(self) -> Self:
        """For the background: the same names, other connections."""
        if self._behind is None:
            self._behind = copy.copy(self)
            for link in self.links:
                setattr(self._behind, link, None)
        return self._behind

    def _new(self, loaded: bool) -> str:
        """Make a namespace now."""
        name = self._claim()
        try:
            self._made(name, loaded)
        except BaseException:
            with suppress(Exception):
                self._gone(name)
                self._claims.remove(name)
            raise
        return name

    def _made(self, name: str, loaded: bool) -> None:
        try:
            self._make(name, loaded)
        except SandboxError:
            raise
        except Exception:  # noqa: BLE001 - of any driver
            # The server may have been restarted, or what is shared been reset.
            self._gone(name)
            self._make(name, loaded)

    def _put_away(self, name: str) -> None:
        """What is done with a namespace that is given back."""
        if self.drops_behind:
            self._background.do(lambda: self._drop_behind(name), soon=False)
        else:
            self._gone(name)
            self._claims.remove(name)

    def _drop_behind(self, name: str) -> None:
        """In the background. What cannot be dropped now stays on record."""
        with suppress(Exception):
            self._aside._gone(name)
            self._claims.remove(name)

    def _sweep(self, name: str) -> None:
        """Drop what a process that was killed had, or was just making."""
        self._gone(name)

    def _gone(self, name: str) -> None:
        try:
            self._drop(name)
        except Exception:  # noqa: BLE001 - of any driver
            self._disconnect()
            self._drop(name)

    def _end(self) -> None:
        """Put away all that is on record."""
        ended = self._background.end(_JOB_SECONDS)
        for name in self._claims.names:
            self._gone(name)
            if ended:
                # Else it might be made yet, and must be found by who comes next.
                self._claims.remove(name)

    def _at(self, name: str) -> Endpoint:
        """The administrator's endpoint as it sees a namespace."""
        return moved(self.admin, name)

    def _name_of(self, endpoint: Endpoint) -> str:
        return endpoint.database

    # -- for engines -----------------------------------------------------------------------------------------

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that the sandbox's engine was last given."""
        return self.box.dataset(self.engine.name)

    def _demand_open(self) -> None:
        if self._closed or os.getpid() != self._pid:
            raise UsageError(
                f"These namespaces of {self.engine.title} are closed, or another process's.",
                code="namespaces-closed",
                detail="Each process makes its own, and none is given out after close().",
            )

    def _in_our_words(self, problem: Exception) -> SandboxError:
        from sandbox.status import wrapped

        return problem if isinstance(problem, SandboxError) else wrapped(self.engine.name, problem)


def moved(endpoint: Endpoint, database: str) -> Endpoint:
    """The same endpoint at another database of that server; so are its URLs."""
    options = {
        key: _moved_url(value, database) if "://" in value else value
        for key, value in endpoint.options.items()
    }
    return replace(endpoint, database=database, url=_moved_url(endpoint.url, database), options=options)


def _moved_url(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))

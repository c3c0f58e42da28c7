"""The engines of one run of tests: joined where they run, else started, shared with whoever else tests."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.registry import chosen
from sandbox.engines.registry import engine as engine_named
from sandbox.leases import Lease, await_children, keep, settle
from sandbox.sandbox import Sandbox
from sandbox.testing.choice import Choice
from sandbox.testing.endpoints import FreshEngine, LiveEndpoint, fresh, live
from sandbox.testing.logs import LogMark

if TYPE_CHECKING:
    from types import TracebackType

    from sandbox.datasets import Dataset
    from sandbox.namespaces import Namespaces


def finish(choice: Choice, *, workers: bool = False) -> None:
    """End what a run left running, once all its workers are gone. ``workers``: they were processes of ours,
    which may be ending still."""
    box = Sandbox(name=choice.name)
    if choice.keep:
        keep(box)
    if workers:
        await_children(box)
    settle(box)


class _Own(Sandbox):
    """One whose ports never are the usual ones: those are the person's own sandbox's."""

    prefers_default_ports = False


class Session:
    """Engines for tests, as a context manager or with :meth:`close`. Nothing happens before an engine is
    asked for. Safe to use from several threads.

    >>> with Session() as session:      # doctest: +SKIP
    ...     with session.namespace("postgres") as database:
    ...         database.url
    """

    def __init__(self, choice: Choice | None = None) -> None:
        self.choice = choice or Choice.of()
        self._lease: Lease | None = None
        self._endpoints: dict[str, LiveEndpoint] = {}
        self._namespaces: dict[str, Namespaces] = {}
        self._guard = threading.RLock()
        self.started: dict[str, LogMark] = {}
        """Where each engine's log was when it had started."""

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def used(self) -> bool:
        """Whether anything was asked for."""
        return self._lease is not None

    @property
    def box(self) -> Sandbox:
        """The sandbox, claimed on first use."""
        with self._guard:
            if self._lease is None:
                box = _Own(name=self.choice.name) if self.choice.own else Sandbox(name=self.choice.name)
                self._lease = Lease(box, passing=self.choice.own and not self.choice.keep)
            return self._lease.box

    def need(self, engines: Sequence[str]) -> None:
        """Have these engines run, side by side; the first one's problem is raised."""
        with self._guard:
            wanted = [name for name in chosen(list(engines)) if name not in self._endpoints]
            if not wanted:
                return
            box = self.box
            assert self._lease is not None
            wanted = chosen([*wanted, *(n for n in self.choice.together if n not in self._endpoints)])
            self._lease.need(wanted, dataset=self._dataset(), runtime=self.choice.runtime or None)
            for name in wanted:
                self._endpoints[name] = live(box.endpoint(name))
                self.started[name] = LogMark(box, name)

    def endpoint(self, engine: str) -> LiveEndpoint:
        """The engine itself, with the administrator's rights: all tests share it."""
        name = engine_named(engine).name
        self.need([name])
        return self._endpoints[name]

    @contextmanager
    def namespace(self, engine: str, *, loaded: bool = False) -> Iterator[LiveEndpoint]:
        """A place in the engine that nobody else has, empty or holding the dataset; gone at the end."""
        name = self.endpoint(engine).engine
        with self._guard:
            if name not in self._namespaces:
                from sandbox.namespaces import namespaces

                self._namespaces[name] = namespaces(self.box, name, worker=self.choice.worker)
            spaces = self._namespaces[name]
        taken = spaces.take(loaded=loaded)
        endpoint = live(taken)
        try:
            yield endpoint
        finally:
            endpoint.close()
            spaces.give_back(taken)

    @contextmanager
    def fresh(
        self,
        engine: str,
        *,
        replicas: int = 0,
        options: Mapping[str, str] | None = None,
        loaded: bool = False,
    ) -> Iterator[FreshEngine]:
        """An engine of its own, which may be broken; see :func:`sandbox.instances.instance`."""
        from sandbox.instances import FOLDER, instance
        from sandbox.runtimes.choice import settle

        key = f"t{secrets.token_hex(6)}"
        engine, box = engine_named(engine).name, self.box
        # An instance is run by what runs the engine itself, of which there need be none yet.
        settle(box, [engine], self.choice.runtime or None)
        try:
            with instance(box, engine, key, replicas=replicas, options=options, dataset=loaded) as made:
                endpoint = fresh(made)
                try:
                    yield endpoint
                finally:
                    endpoint.close()
        finally:
            with suppress(OSError):
                (box.root / FOLDER / f"{engine}-{key}.lock").unlink()

    def mark_log(self, engine: str) -> LogMark:
        """Where the engine's log ends now, running or not."""
        return LogMark(self._lease.box if self._lease else Sandbox(name=self.choice.name), engine)

    def env(self, endpoints: Sequence[LiveEndpoint] = ()) -> dict[str, str]:
        """The variables of these endpoints, or of all engines that run; and ``SANDBOX_NAME``."""
        found = {"SANDBOX_NAME": self.choice.name}
        for endpoint in endpoints or [self.endpoint(name) for name in self.box.running()]:
            found.update(endpoint.env)
        return found

    def close(self) -> None:
        """Give back what was taken. Who is the last to use the engines stops those that were started."""
        with self._guard:
            lease, self._lease = self._lease, None
            with ExitStack() as ends:
                # Done in any case, and last: an engine that a test broke must not keep the others running.
                if lease is not None:
                    if not self.choice.worker:
                        ends.callback(finish, self.choice)
                    ends.callback(lease.end, settled=False)
                for endpoint in self._endpoints.values():
                    ends.callback(endpoint.close)
                for spaces in self._namespaces.values():
                    ends.callback(spaces.close)
                self._namespaces, self._endpoints = {}, {}

    def _dataset(self) -> Dataset | None:
        from sandbox.datasets import Dataset

        wish = self.choice.dataset
        if not wish:
            return None
        if Path(wish).is_dir():
            return Dataset.from_folder(Path(wish))
        return Dataset.named(wish)

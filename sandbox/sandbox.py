"""A sandbox: a named set of running engines. What the command line and programs both call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox import config
from sandbox.down import take_down, taken_down
from sandbox.endpoint import Endpoint
from sandbox.engines.registry import NAMES, chosen
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, NotSoError, SandboxError, UsageError
from sandbox.events import Done, Phase, Sink, silent
from sandbox.runtimes.native import process
from sandbox.runtimes.registry import EXTERNAL, Runtimes
from sandbox.state import RESTORE, Seat, State, engine_of, replica_number
from sandbox.status import EngineStatus, endpoint_of, status_of, wrapped
from sandbox.up import BringUp, UpResult

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.engines.base import Engine
    from sandbox.grading.place import Place
    from sandbox.leases import Lease
    from sandbox.runtimes.external.addresses import Address
    from sandbox.snapshots import Snapshot

T = TypeVar("T")


class Sandbox:
    """A named sandbox; as a context manager its engines run and, unless they ran before, are stopped at the
    end by the last one who uses them so: other blocks, tasks, processes and runs of tests share them.

    >>> with Sandbox(["postgres", "redis"]) as s:      # doctest: +SKIP
    ...     s["postgres"].url

    ``async with`` does the same in a thread, so that the loop goes on.

    ``engines`` are the ones that ``with`` brings up (all of them for None). ``sink`` receives events.
    """

    prefers_default_ports = True

    def __init__(
        self, engines: Iterable[str] | None = None, *, name: str | None = None, sink: Sink = silent
    ) -> None:
        self.wanted = chosen(list(engines)) if engines is not None else list(NAMES)
        self.name = name or os.environ.get("SANDBOX_NAME") or "default"
        self.sink = sink
        self.runtime = Runtimes()
        self._state: State | None = None
        self._leases: list[Lease] = []

    @property
    def state(self) -> State:
        """The state folder, read on first use."""
        if self._state is None:
            self._state = State(self.name)
        return self._state

    @property
    def root(self) -> Path:
        """The state folder, there or not."""
        return config.home() / self.name

    @property
    def name_option(self) -> str:
        """What commands for it end with: `` --name <name>``, nothing for the usual one."""
        return "" if self.name == "default" else f" --name {self.name}"

    def __enter__(self) -> Sandbox:
        from sandbox.leases import Lease

        lease = Lease(self)
        try:
            lease.need(self.wanted)
        except BaseException:
            lease.end()
            raise
        self._leases.append(lease)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._leases.pop().end()

    async def __aenter__(self) -> Sandbox:
        from sandbox.leases import aside

        return await aside(self.__enter__, undo=self.__exit__)

    async def __aexit__(self, *_exc: object) -> None:
        from sandbox.leases import aside

        await aside(self.__exit__)

    def __getitem__(self, name: str) -> Endpoint:
        return self.endpoint(name)

    # -- looking ---------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether it has a state folder, running or not."""
        return self.root.is_dir()

    def seat(self, name: str) -> Seat:
        """The engine's place in the state folder."""
        return self.state.seat(name)

    def running(self) -> list[str]:
        """The engines whose process lives."""
        return [
            name
            for name in NAMES
            if name in self.state.engines and self.runtime.observe(self.seat(name), memory=False).alive
        ]

    def engine(self, name: str) -> Engine:
        """The engine of a name, as it may be used here: on a server of somebody else's only what is ours."""
        return self.runtime.engine(self.seat(name))

    def external(self) -> list[str]:
        """The engines that run elsewhere and are only used; none when the state file cannot be read."""
        with suppress(SandboxError):
            return [name for name, record in self.state.engines.items() if record.runtime == EXTERNAL]
        return []

    def endpoint(self, name: str) -> Endpoint:
        """Where a running engine answers; EnvironmentRefusedError when it does not run."""
        engine = engine_named(name)
        if name not in self.state.engines or not self.runtime.observe(self.seat(name), memory=False).alive:
            raise EnvironmentRefusedError(
                f"{engine.title} does not run in sandbox {self.name!r}.",
                code="engine-not-running",
                actions=[f"sandbox up {name}{self.name_option}"],
            )
        return endpoint_of(self.seat(name))

    def replicas(self, name: str) -> list[Endpoint]:
        """The administrator's endpoints of an engine's running replicas, the first one first."""
        seats = [self.seat(replica) for replica in self.state.replicas(engine_named(name).name)]
        return [endpoint_of(s) for s in seats if self.runtime.observe(s, memory=False).alive]

    def status(self, names: Sequence[str] | None = None, *, probe: bool = True) -> list[EngineStatus]:
        """Every engine of the sandbox (or those named) as it is now, each followed by its replicas; with
        ``probe``, asked a real query."""
        wanted = [n for n in (names or NAMES) if n in self.state.engines]
        self._sweep(wanted)
        wanted = [row for name in wanted for row in (name, *self.state.replicas(name))]
        return self.each(
            wanted,
            lambda name: status_of(self.runtime, self.seat(name), self.seat(engine_of(name)), probe=probe),
        )

    def counts(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Rows by engine and table, counted by the engines: ``[{"engine", "table", "rows"}]``."""

        def count(name: str) -> list[dict[str, Any]]:
            found = self.engine(name).counts(self.endpoint(name))
            return [{"engine": name, "table": table, "rows": rows} for table, rows in found.items()]

        return [row for rows in self.each(names or self.running(), count) for row in rows]

    def forgetful(self) -> list[str]:
        """The engines whose data are gone once they are stopped; none when the state file cannot be read."""
        with suppress(SandboxError):
            return [name for name in self.state.engines if not self.runtime.facts(self.seat(name)).keeps]
        return []

    # -- up --------------------------------------------------------------------------------------------

    def up(
        self,
        names: Sequence[str] | None = None,
        *,
        dataset: Callable[[], Dataset] | None = None,
        asked_ports: Mapping[str, int] | None = None,
        durable: bool | None = None,
        offline: bool = False,
        memory: int | None = None,
        replicas: int | None = None,
        runtime: str | None = None,
        external: Mapping[str, Address] | None = None,
        provider: str | None = None,
        dry_run: bool = False,
    ) -> UpResult:
        """Bring engines up: observe, plan, act. What runs and matches is kept.

        ``runtime`` is what shall run engines that are new here (None: SANDBOX_RUNTIME, else ``auto``).
        ``external`` are addresses of engines that run already; without ``names`` nothing but these is used.
        ``provider`` is which product shall serve an engine that has a choice, ``ministack`` or ``localstack``
        for aws (None: what serves it, for a new one SANDBOX_AWS_PROVIDER).
        ``replicas`` is how many copies shall follow each engine (None: as many as there are).
        ``dataset`` gives the dataset to load (None: the course's into new engines, nothing into others).
        An engine that fails is in ``failed``; the others stay up."""
        outside = dict(external or {})
        wanted = chosen([*(names or ()), *outside] or None)
        asked = dict(asked_ports or {})
        for name in asked:
            if name not in wanted:
                raise UsageError(f"--port names {name}, which is not brought up.", code="port-without-engine")
        if replicas:
            from sandbox.replicas import check

            check(self, list(names or ()), replicas, runtime)
            if elsewhere := [n for n in names or () if n in outside or n in self.external()]:
                raise UsageError(f"{elsewhere[0]} is external and has no replicas here.", code="no-replicas")
        given = dataset() if dataset else None
        bring = BringUp(
            self, wanted, given, asked, durable, offline, memory, replicas, runtime, outside, provider
        )
        if dry_run:
            return UpResult(bring.plan(), self.status(wanted, probe=False))
        with self.state.locked(self.sink), process.marked(self.helpers_mark):
            self._finish_restore()
            self._sweep(wanted)
            return bring.act()

    @property
    def helpers_mark(self) -> str:
        """What marks the short-lived programs that a command starts for the sandbox."""
        return f"{self.root}:up"

    # -- down, load, reset -----------------------------------------------------------------------------

    def down(self, names: Sequence[str] | None = None, *, delete: bool = False) -> list[str]:
        """Stop engines and their replicas; their data stay unless ``delete``. Returns what ran. Works without
        a readable state file: from the records of processes alone."""
        return take_down(self, chosen(list(names) if names else None), delete=delete)

    def end_helpers(self) -> None:
        """End what a killed ``up`` had started and not waited for: initdb, cp and the like."""
        for stray in process.strays(self.helpers_mark):
            # The mark is the whole process's: another thread's helper, for another sandbox, may carry ours.
            if not process.at_work(stray):
                process.stop(stray, seconds=0.5)

    def _finish_restore(self) -> None:
        if (self.root / RESTORE).exists():
            from sandbox.snapshots import finish

            finish(self)

    def _sweep(self, wanted: Sequence[str]) -> None:
        """Delete instances that killed commands left."""
        if (self.root / "instances").is_dir():
            from sandbox.instances import sweep

            sweep(self, wanted)

    def blank_seat(self, name: str) -> Seat:
        """The place of an engine or a replica, also of one of which nothing is known but its processes."""
        from sandbox.engines.base import Credentials
        from sandbox.state import EngineRecord

        if self._state is not None and name in self._state.engines:
            return self._state.seat(name)
        bare = EngineRecord("native")
        return Seat(self.name, engine_of(name), self.root, bare, Credentials("", ""), replica_number(name))

    def forget_state(self) -> None:
        """Read the state folder anew when it is next asked for: it was deleted."""
        self._state = None

    def load_into(self, name: str, dataset: Dataset) -> dict[str, int]:
        """Bring a dataset into one engine and remember it; the lock must be held. Rows by table."""
        engine, seat = self.engine(name), self.seat(name)
        import time

        began = time.monotonic()
        self.sink(Phase(name, "load"))
        rows = engine.load(self.endpoint(name), dataset, self.sink)
        seconds = time.monotonic() - began
        total = sum(rows.values())
        self.sink(Done(name, "load", seconds, f"{total:,} rows, {total / max(seconds, 1e-3):,.0f} rows/s"))
        seat.record.dataset, seat.record.dataset_label = dataset.hash, dataset.name
        return rows

    def load(self, names: Sequence[str] | None, dataset: Dataset) -> list[dict[str, Any]]:
        """Bring a dataset into running engines (all that run, for None); rows by engine and table."""
        return self._rows_of(names, lambda name: self.load_into(name, dataset))

    def reset(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Back to the state after ``up``, without a restart: what a person made is gone, the data whole."""

        def reset(name: str) -> dict[str, int]:
            import time

            began = time.monotonic()
            self.sink(Phase(name, "reset"))
            if (self.root / "namespaces").is_dir():
                from sandbox.namespaces import sweep

                sweep(self, name)
            rows = self.engine(name).reset(self.endpoint(name), self.dataset(name), self.sink)
            self.sink(Done(name, "reset", time.monotonic() - began))
            return rows

        return self._rows_of(names, reset)

    def _rows_of(
        self, names: Sequence[str] | None, act: Callable[[str], dict[str, int]]
    ) -> list[dict[str, Any]]:
        with self.state.locked(self.sink):
            wanted = chosen(list(names)) if names else self.running()
            for name in wanted:
                self.endpoint(name)
            found = self.each(wanted, act)
            self.state.save()
        return [
            {"engine": name, "table": table, "rows": rows}
            for name, tables in zip(wanted, found, strict=True)
            for table, rows in tables.items()
        ]

    # -- snapshots -------------------------------------------------------------------------------------

    def save_snapshot(
        self, name: str, engines: Sequence[str] | None = None, *, force: bool = False
    ) -> Snapshot:
        """Save the data of engines, running or stopped, as they are at this moment; all that have some, for
        None. ``force`` replaces a snapshot of that name."""
        from sandbox import snapshots

        return snapshots.save(self, name, engines, force=force)

    def restore_snapshot(self, name: str, engines: Sequence[str] | None = None) -> Snapshot:
        """Give engines (all of the snapshot, for None) the data back that they had when it was saved. Those
        that run are restarted."""
        from sandbox import snapshots

        return snapshots.restore(self, name, engines)

    def snapshots(self) -> list[Snapshot]:
        """The sandbox's snapshots, the oldest first."""
        from sandbox import snapshots

        return snapshots.listed(self)

    def delete_snapshot(self, name: str) -> None:
        """Delete a snapshot."""
        from sandbox import snapshots

        snapshots.delete(self, name)

    def dataset(self, name: str) -> Dataset:
        """The dataset that an engine was last given."""
        from sandbox.datasets import Dataset

        label = self.seat(name).record.dataset_label or "course"
        return Dataset.named(label, self.runtime.cache, self.sink)

    # -- what clients need -----------------------------------------------------------------------------

    def env(self, names: Sequence[str] | None = None) -> dict[str, str]:
        """Variables for clients of the running engines (or those named)."""
        values: dict[str, str] = {"SANDBOX_NAME": self.name}
        for name in chosen(list(names)) if names else self.running():
            engine, endpoint = engine_named(name), self.endpoint(name)
            values.update(engine.generic_env(endpoint))
            values.update(engine.env(endpoint))
            for number, replica in enumerate(self.replicas(name), 1):
                values.update(engine.generic_env(replica, number))
        return values

    def bin(self, names: Sequence[str] | None = None) -> list[Path]:
        """Folders with the clients of running engines (psql, mariadb, valkey-cli, aws)."""
        found: list[Path] = []
        for name in names or self.running():
            found.extend(self.runtime.bin(self.seat(name)))
        return found

    def namespace(self, name: str, *, loaded: bool = False) -> AbstractContextManager[Endpoint]:
        """A place in a running engine for the context alone, empty or with the dataset; see
        :mod:`sandbox.namespaces`, also for many of them."""
        from sandbox.namespaces import namespace

        return namespace(self, name, loaded=loaded)

    def place(self, name: str) -> Place:
        """What grading needs to know of a running engine."""
        from sandbox.grading.place import Place
        from sandbox.instances import instance

        endpoint, seat = self.endpoint(name), self.seat(name)
        found = self.runtime.facts(seat)
        return Place(
            sandbox=self.name,
            home=self.state.root,
            engine=self.engine(name),
            endpoint=endpoint,
            credentials=seat.credentials,
            bin=tuple(self.bin([name])),
            lacks=found.lacks,
            approximation=found.approximation or _outside(seat),
            facts={
                "engine_version": seat.record.version or found.version,
                "product": seat.record.product or found.product,
                "runtime": seat.record.runtime,
                "dataset_hash": seat.record.dataset,
            },
            instance=lambda key, **wish: instance(self, name, key, **wish),
            neighbour=self.place,
            revive=lambda: self.revive(name),
        )

    def revive(self, name: str) -> None:
        """Have an engine that was killed run again on its data; EnvironmentRefusedError for one that somebody
        took down meanwhile."""
        if not self.root.is_dir():
            raise taken_down(self, name)
        with self.state.locked(self.sink):
            record = self.state.engines.get(name)
        if record is None or not record.wanted:
            raise taken_down(self, name)
        for problem in self.up([name]).failed.values():
            raise problem

    def wait(self, names: Sequence[str] | None, seconds: float) -> None:
        """Until the engines answer a real query; NotSoError when they do not in time."""
        import time

        wanted = chosen(list(names)) if names else [n for n in NAMES if n in self.state.engines]
        deadline = time.monotonic() + seconds
        while True:
            self.state.read()
            unready = set(wanted) - {s.name for s in self.status(wanted) if s.healthy}
            if not unready:
                return
            if time.monotonic() >= deadline:
                raise NotSoError(
                    f"Not ready after {seconds:g} s: {', '.join(sorted(unready))}.",
                    code="not-ready",
                    actions=["sandbox status", f"sandbox up {' '.join(sorted(unready))}"],
                )
            time.sleep(0.05)

    def logs(self, name: str, *, lines: int = 50, follow: bool = False) -> Iterator[str]:
        """The last lines of output of an engine or a replica (``postgres-replica-1``)."""
        if name not in self.state.replicas(engine_of(name)):
            engine_named(name)
        return self.runtime.logs(self.blank_seat(name), lines=lines, follow=follow)

    def each(self, names: Sequence[str], act: Callable[[str], T]) -> list[T]:
        """Do the same for several engines side by side; the first error is raised when all have ended."""
        if len(names) <= 1:
            return [self._said(name, act) for name in names]
        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            futures = [pool.submit(self._said, name, act) for name in names]
            with suppress(BaseException):
                wait_for(futures)
            return [future.result() for future in futures]

    def _said(self, name: str, act: Callable[[str], T]) -> T:
        try:
            return act(name)
        except SandboxError:
            raise
        except Exception as problem:
            raise wrapped(name, problem) from problem


def _outside(seat: Seat) -> str:
    """What a report says of an engine that is not ours; empty for those that are."""
    who = seat.record.options.get("answers_run_as", "")
    if not who or who == engine_named(seat.engine).learner:
        return ""
    return f"An external server, on which answers ran as its user {who!r} and not as a lesser one."

"""A sandbox: a named set of running engines. What the command line and programs both call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.registry import NAMES, chosen
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, NotSoError, SandboxError, UsageError
from sandbox.events import Done, Phase, Sink, Warned, silent
from sandbox.runtimes.native import ports, process
from sandbox.runtimes.native.registry import recipe
from sandbox.runtimes.native.runtime import NativeRuntime
from sandbox.state import Seat, State
from sandbox.status import EngineStatus, wrapped
from sandbox.up import BringUp, UpResult

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.grading.place import Place

T = TypeVar("T")


class Sandbox:
    """A named sandbox; as a context manager it is brought up and, unless it ran before, taken down again.

    >>> with Sandbox(["postgres", "redis"]) as s:      # doctest: +SKIP
    ...     s["postgres"].url

    ``engines`` are the ones that ``with`` brings up (all of them for None). ``sink`` receives events.
    """

    def __init__(
        self, engines: Iterable[str] | None = None, *, name: str | None = None, sink: Sink = silent
    ) -> None:
        self.wanted = chosen(list(engines)) if engines is not None else list(NAMES)
        self.name = name or os.environ.get("SANDBOX_NAME") or "default"
        self.sink = sink
        self.runtime = NativeRuntime()
        self._state: State | None = None
        self._ours: list[str] = []

    @property
    def state(self) -> State:
        """The state folder, read on first use."""
        if self._state is None:
            self._state = State(self.name)
        return self._state

    def __enter__(self) -> Sandbox:
        before = set(self.running())
        result = self.up(self.wanted)
        self._ours = [name for name in self.wanted if name not in before]
        if result.failed:
            self.down(self._ours)
            raise next(iter(result.failed.values()))
        return self

    def __exit__(self, *_exc: object) -> None:
        self.down(self._ours)

    def __getitem__(self, name: str) -> Endpoint:
        return self.endpoint(name)

    # -- looking ---------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether it has a state folder, running or not."""
        return (config.home() / self.name).is_dir()

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

    def endpoint(self, name: str) -> Endpoint:
        """Where a running engine answers; EnvironmentRefusedError when it does not run."""
        engine = engine_named(name)
        if name not in self.state.engines or not self.runtime.observe(self.seat(name), memory=False).alive:
            flag = "" if self.name == "default" else f" --name {self.name}"
            raise EnvironmentRefusedError(
                f"{engine.title} does not run in sandbox {self.name!r}.",
                code="engine-not-running",
                actions=[f"sandbox up {name}{flag}"],
            )
        seat = self.seat(name)
        return engine.endpoint(ports.HOST, seat.record.ports["main"], seat.credentials)

    def status(self, names: Sequence[str] | None = None, *, probe: bool = True) -> list[EngineStatus]:
        """Every engine of the sandbox (or those named) as it is now; with ``probe``, asked a real query."""
        wanted = [n for n in (names or NAMES) if n in self.state.engines]
        return self._each(wanted, lambda name: self._status_of(name, probe=probe))

    def _status_of(self, name: str, *, probe: bool) -> EngineStatus:
        engine, seat, found = engine_named(name), self.seat(name), recipe(name)
        seen = self.runtime.observe(seat)
        port = seat.record.ports.get("main")
        state, problem = ("running", "") if seen.alive else ("stopped", "")
        if not seen.alive and seat.record.wanted:
            state, problem = "died", "its process is gone"
        if seen.alive and probe:
            try:
                engine.probe(self.endpoint(name))
            except Exception as refused:  # noqa: BLE001 - whatever a driver raises, it is not healthy
                state, problem = "unhealthy", str(refused)
        return EngineStatus(
            name=name,
            title=engine.title,
            product=found.product,
            version=found.version,
            runtime=seat.record.runtime,
            state=state,
            healthy=state == "running",
            host=ports.HOST,
            port=port,
            pid=seen.pid,
            memory_bytes=seen.memory_bytes,
            approximation=found.approximation,
            dataset=seat.record.dataset_label,
            seconds=seat.record.seconds,
            problem=problem,
        )

    def counts(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Rows by engine and table, counted by the engines: ``[{"engine", "table", "rows"}]``."""

        def count(name: str) -> list[dict[str, Any]]:
            found = engine_named(name).counts(self.endpoint(name))
            return [{"engine": name, "table": table, "rows": rows} for table, rows in found.items()]

        return [row for rows in self._each(names or self.running(), count) for row in rows]

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
        dry_run: bool = False,
    ) -> UpResult:
        """Bring engines up: observe, plan, act. What runs and matches is kept.

        ``dataset`` gives the dataset to load (None: the course's into new engines, nothing into others).
        An engine that fails is in ``failed``; the others stay up."""
        wanted = chosen(list(names) if names else None)
        asked = dict(asked_ports or {})
        for name in asked:
            if name not in wanted:
                raise UsageError(f"--port names {name}, which is not brought up.", code="port-without-engine")
        bring = BringUp(self, wanted, dataset() if dataset else None, asked, durable, offline, memory)
        if dry_run:
            return UpResult(bring.plan(), self.status(wanted, probe=False))
        with self.state.locked(self.sink), process.marked(self._helpers_mark):
            return bring.act()

    @property
    def _helpers_mark(self) -> str:
        return f"{config.home() / self.name}:up"

    # -- down, load, reset -----------------------------------------------------------------------------

    def down(self, names: Sequence[str] | None = None, *, delete: bool = False) -> list[str]:
        """Stop engines; their data stay unless ``delete``. Returns those that ran. Works without a
        readable state file: from the records of processes alone."""
        wanted = chosen(list(names) if names else None)
        try:
            state = self.state
        except SandboxError:
            return self._down_blind(wanted)
        if not state.root.is_dir():
            return []
        with state.locked(self.sink):
            there = [n for n in wanted if n in state.engines or (state.root / "run" / f"{n}.pid").exists()]
            ran = self._each(there, lambda name: self.runtime.stop(self._blank_seat(name), self.sink))
            for name in there:
                if name in state.engines:
                    state.engines[name].wanted = False
                if delete:
                    shutil.rmtree(state.root / "engines" / name, ignore_errors=True)
                    state.forget(name)
            self._end_helpers()
            if there:
                state.save()
            if delete and not state.engines:
                shutil.rmtree(state.root, ignore_errors=True)
                self._state = None
            return [name for name, did in zip(there, ran, strict=True) if did]

    def _end_helpers(self) -> None:
        """What a killed ``up`` had started and not waited for: initdb, cp and the like."""
        for stray in process.strays(self._helpers_mark):
            process.stop(stray, seconds=0.5)

    def _down_blind(self, wanted: Sequence[str]) -> list[str]:
        ran = [name for name in wanted if self.runtime.stop(self._blank_seat(name), self.sink)]
        self._end_helpers()
        self.sink(Warned(f"The state file of sandbox {self.name!r} cannot be read; it was left as it is."))
        return ran

    def _blank_seat(self, name: str) -> Seat:
        from sandbox.engines.base import Credentials
        from sandbox.state import EngineRecord

        if self._state is not None and name in self._state.engines:
            return self._state.seat(name)
        return Seat(self.name, name, config.home() / self.name, EngineRecord("native"), Credentials("", ""))

    def load_into(self, name: str, dataset: Dataset) -> dict[str, int]:
        """Bring a dataset into one engine and remember it; the lock must be held. Rows by table."""
        engine, seat = engine_named(name), self.seat(name)
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
            rows = engine_named(name).reset(self.endpoint(name), self.dataset(name), self.sink)
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
            found = self._each(wanted, act)
            self.state.save()
        return [
            {"engine": name, "table": table, "rows": rows}
            for name, tables in zip(wanted, found, strict=True)
            for table, rows in tables.items()
        ]

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
        return values

    def bin(self, names: Sequence[str] | None = None) -> list[Path]:
        """Folders with the clients of running engines (psql, mariadb, valkey-cli, aws)."""
        found: list[Path] = []
        for name in names or self.running():
            found.extend(self.runtime.installed(name, silent).bin)
        return found

    def place(self, name: str) -> Place:
        """What grading needs to know of a running engine."""
        from sandbox.grading.place import Place

        endpoint, seat, found = self.endpoint(name), self.seat(name), recipe(name)
        return Place(
            sandbox=self.name,
            home=self.state.root,
            engine=engine_named(name),
            endpoint=endpoint,
            credentials=seat.credentials,
            bin=tuple(self.bin([name])),
            lacks=found.lacks,
            approximation=found.approximation,
            facts={
                "engine_version": found.version,
                "product": found.product,
                "runtime": seat.record.runtime,
                "dataset_hash": seat.record.dataset,
            },
        )

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
        """An engine's last lines of output."""
        engine_named(name)
        return self.runtime.logs(self._blank_seat(name), lines=lines, follow=follow)

    def _each(self, names: Sequence[str], act: Callable[[str], T]) -> list[T]:
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

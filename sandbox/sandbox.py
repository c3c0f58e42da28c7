"""A sandbox: a named set of running engines. What the command line and programs both call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.registry import NAMES, chosen
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, NotSoError, SandboxError, UsageError
from sandbox.events import Done, Failed, Phase, Sink, Warned, silent
from sandbox.plan import Seen, Step, Wish, plan_up, starts
from sandbox.runtimes.base import Started
from sandbox.runtimes.native import ports, process
from sandbox.runtimes.native.registry import recipe
from sandbox.runtimes.native.runtime import NativeRuntime
from sandbox.state import Seat, State

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.grading.place import Place

T = TypeVar("T")


@dataclass
class EngineStatus:
    """One engine of a sandbox as it is now; the fields of ``data.engines[]`` in the JSON of ``up`` and
    ``status``. ``state`` is running, unhealthy, died or stopped; ``seconds`` what the last start took."""

    name: str
    title: str
    product: str
    version: str
    runtime: str
    state: str
    healthy: bool
    host: str
    port: int | None
    pid: int | None
    memory_bytes: int | None
    approximation: str
    dataset: str
    seconds: float | None = None
    problem: str = ""
    kept: bool = False


@dataclass
class UpResult:
    """What ``up`` did: engines as they are now, what was started with seconds by phase, what failed."""

    steps: list[Step]
    engines: list[EngineStatus]
    started: dict[str, Started] = field(default_factory=dict)
    failed: dict[str, SandboxError] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)


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
        if dry_run:
            return self._up(wanted, dataset, asked, durable, offline, memory, dry_run=True)
        with self.state.locked(self.sink), process.marked(self._helpers_mark):
            return self._up(wanted, dataset, asked, durable, offline, memory, dry_run=False)

    @property
    def _helpers_mark(self) -> str:
        return f"{config.home() / self.name}:up"

    def _up(
        self,
        wanted: list[str],
        dataset: Callable[[], Dataset] | None,
        asked: dict[str, int],
        durable: bool | None,
        offline: bool,
        memory: int | None,
        *,
        dry_run: bool,
    ) -> UpResult:
        from sandbox.datasets import Dataset

        chosen_dataset = dataset() if dataset else None
        seen = {name: self._seen(name) for name in wanted}
        wishes = [
            Wish(n, chosen_dataset.hash if chosen_dataset else None, asked.get(n), durable) for n in wanted
        ]
        steps = plan_up(wishes, seen)
        to_start = starts(steps)
        if dry_run:
            return UpResult(steps, self.status(wanted, probe=False))
        self._check_room(to_start, memory)
        for step in steps:
            if step.action == "stop":
                self.runtime.stop(self.seat(step.engine), self.sink)
        if to_start:
            self.runtime.fetch(to_start, self.sink, offline=offline)
        for name in to_start:
            if seen[name].has_data:
                self.runtime.clear(self.seat(name))
        self._choose_ports(to_start, asked)
        for name in to_start:
            record = self.seat(name).record
            record.wanted = True
            if durable is not None:
                record.durable = durable
        if to_start:
            self.state.save()
        result = UpResult(steps, [])
        new_dataset = chosen_dataset or (Dataset.course() if to_start else None)
        loads = {s.engine for s in steps if s.action == "load"}

        def bring(name: str) -> Started | None:
            seat = self.seat(name)
            started = None
            if name in to_start:
                started = self._start(seat, new_dataset, offline)
            if name in loads and chosen_dataset is not None:
                self._load_into(name, chosen_dataset)
            return started

        slowest_first = sorted(wanted, key=lambda n: recipe(n).order)
        self._act(slowest_first, bring, result)
        if to_start or loads:
            self.state.save()
        if new_dataset is not None:
            created = {s.engine for s in steps if s.action == "create"} - set(result.failed)
            self.runtime.make_spares([self.seat(n) for n in created], new_dataset)
        result.engines = self.status(wanted, probe=False)
        for status in result.engines:
            status.kept = status.name not in to_start
        return result

    def _seen(self, name: str) -> Seen:
        if name not in self.state.engines:
            return Seen(missing_mib=self._missing_mib(name))
        seat = self.seat(name)
        alive = self.runtime.observe(seat, memory=False).alive
        if alive and not ports.answers(seat.record.ports.get("main", 0)):
            self.sink(Warned(f"{name} runs but does not answer on its port; it is started anew."))
            self.runtime.stop(seat, self.sink)
            alive = False
        return Seen(
            alive=alive,
            has_data=seat.data.is_dir(),
            dataset=seat.record.dataset,
            port=seat.record.ports.get("main"),
            durable=seat.record.durable,
            died=seat.record.wanted and not alive and seat.data.is_dir(),
            missing_mib=0 if alive else self._missing_mib(name),
        )

    def _missing_mib(self, name: str) -> int:
        from sandbox.runtimes.native.artifacts import missing

        size = sum(a.size for a in missing(recipe(name).groups, self.runtime.cache))
        return -(-size // 2**20)

    def _check_room(self, to_start: Sequence[str], memory: int | None) -> None:
        from sandbox import preflight

        preflight.check_memory(to_start, memory)
        new = [n for n in to_start if not (self.runtime.cache / "golden" / n).is_dir()]
        download = sum(self._missing_mib(n) for n in to_start) << 20
        preflight.check_disk(new, download, [self.runtime.cache, config.home()])

    def _choose_ports(self, to_start: Sequence[str], asked: Mapping[str, int]) -> None:
        taken = {p for r in self.state.engines.values() for p in r.ports.values()}
        for name in to_start:
            record, found, engine = self.seat(name).record, recipe(name), engine_named(name)
            for role in found.ports:
                before = record.ports.get(role)
                if role == "main" and name in asked:
                    record.ports[role] = ports.asked(name, asked[name])
                elif before is not None and ports.free(before):
                    continue
                else:
                    default = role == "main" and found.prefers_default_port and before is None
                    wish = engine.default_port if default else None
                    if wish is not None and wish not in taken and ports.free(wish):
                        record.ports[role] = wish
                    else:
                        record.ports[role] = ports.any_free(taken)
                        busy = before if before is not None else wish
                        if busy is not None and role == "main":
                            self.sink(
                                Warned(
                                    f"Port {busy} is held by {ports.holder(busy)}; "
                                    f"{name} takes {record.ports[role]}."
                                )
                            )
                taken.add(record.ports[role])

    def _start(self, seat: Seat, dataset: Dataset | None, offline: bool) -> Started:
        from sandbox.datasets import Dataset

        fresh = not seat.data.is_dir()
        used = dataset or Dataset.course()
        if fresh:
            seat.record.dataset, seat.record.dataset_label = used.hash, used.name
        # Saved before the copy: a crash between copy and password must know which golden copy it came from.
        started = self.runtime.start(seat, used, self.sink, offline=offline, save=self.state.save)
        seat.record.seconds = round(started.seconds, 3)
        self.state.save()
        return started

    def _act(self, names: Sequence[str], bring: Callable[[str], Started | None], result: UpResult) -> None:
        pool = ThreadPoolExecutor(max_workers=max(1, len(names)), thread_name_prefix="up")
        futures = {name: pool.submit(bring, name) for name in names}
        try:
            wait_for(list(futures.values()))
        except BaseException:
            # Ctrl-C or SIGTERM: what is not yet up gives up and ends its process; what is up stays.
            self.runtime.cancelled.set()
            wait_for(list(futures.values()), timeout=10)
            self.state.save()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        for name, future in futures.items():
            problem = future.exception()
            if problem is None:
                started = future.result()
                if started:
                    result.started[name] = started
                continue
            error = problem if isinstance(problem, SandboxError) else _wrapped(name, problem)
            self.sink(Failed(name, error.title))
            result.failed[name] = error

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

    def _load_into(self, name: str, dataset: Dataset) -> dict[str, int]:
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
        return self._rows_of(names, lambda name: self._load_into(name, dataset))

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
        kind, _, scale = label.partition("-")
        if label == "course":
            return Dataset.course()
        if label == "empty":
            return Dataset.empty(self.runtime.cache)
        if kind == "scale" and scale.isdigit():
            return Dataset.at_scale(int(scale), self.runtime.cache, self.sink)
        return Dataset(self.runtime.cache / "datasets" / label)

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
            raise _wrapped(name, problem) from problem


def _wrapped(name: str, problem: BaseException) -> SandboxError:
    """A driver's error in our words: the engine refused; it is no mistake of the person's."""
    engine: Engine = engine_named(name)
    return EnvironmentRefusedError(
        f"{engine.title}: {type(problem).__name__}: {problem}",
        code="engine-error",
        actions=[f"sandbox logs {name}", "sandbox status"],
    )

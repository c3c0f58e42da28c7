"""What ``up`` does: look, plan, see whether there is room, fetch, choose ports, start side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import config
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Failed, Warned
from sandbox.plan import Seen, Step, Wish, plan_up, starts
from sandbox.runtimes.base import Started
from sandbox.runtimes.native import ports
from sandbox.runtimes.native.registry import recipe
from sandbox.state import Seat
from sandbox.status import EngineStatus, wrapped

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.sandbox import Sandbox


@dataclass
class UpResult:
    """What ``up`` did: engines as they are now, what was started with seconds by phase, what failed."""

    steps: list[Step]
    engines: list[EngineStatus]
    started: dict[str, Started] = field(default_factory=dict)
    failed: dict[str, SandboxError] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class BringUp:
    """One ``up`` of one sandbox, with all that was asked of it; see :meth:`sandbox.Sandbox.up`."""

    box: Sandbox
    wanted: list[str]
    dataset: Dataset | None
    asked: Mapping[str, int]
    durable: bool | None
    offline: bool
    memory: int | None

    def plan(self) -> list[Step]:
        """The steps, from what is seen now."""
        wished = self.dataset.hash if self.dataset else None
        wishes = [Wish(name, wished, self.asked.get(name), self.durable) for name in self.wanted]
        return plan_up(wishes, {name: self._seen(name) for name in self.wanted})

    def act(self) -> UpResult:
        """Plan and do it. The sandbox's lock must be held."""
        box, steps = self.box, self.plan()
        to_start = starts(steps)
        self._check_room(to_start)
        for step in steps:
            if step.action == "stop":
                box.runtime.stop(box.seat(step.engine), box.sink)
        if to_start:
            self._make_ready(to_start)
        result = UpResult(steps, [])
        loads = {s.engine for s in steps if s.action == "load"}

        def bring(name: str) -> Started | None:
            started = self._start(box.seat(name)) if name in to_start else None
            if name in loads and self.dataset is not None:
                box.load_into(name, self.dataset)
            return started

        self._side_by_side(sorted(self.wanted, key=lambda n: recipe(n).order), bring, result)
        if to_start or loads:
            box.state.save()
        self._make_spares({s.engine for s in steps if s.action == "create"} - set(result.failed))
        result.engines = box.status(self.wanted, probe=False)
        for status in result.engines:
            status.kept = status.name not in to_start
        return result

    def _make_ready(self, to_start: Sequence[str]) -> None:
        box = self.box
        box.runtime.fetch(to_start, box.sink, offline=self.offline)
        for name in to_start:
            if box.seat(name).data.is_dir():
                box.runtime.clear(box.seat(name))
        self._choose_ports(to_start)
        for name in to_start:
            record = box.seat(name).record
            record.wanted = True
            if self.durable is not None:
                record.durable = self.durable
        box.state.save()

    def _make_spares(self, created: set[str]) -> None:
        from sandbox.datasets import Dataset

        if created:
            seats = [self.box.seat(name) for name in created]
            self.box.runtime.make_spares(seats, self.dataset or Dataset.course())

    def _seen(self, name: str) -> Seen:
        if name not in self.box.state.engines:
            return Seen(missing_mib=self._missing_mib(name))
        seat = self.box.seat(name)
        alive = self.box.runtime.observe(seat, memory=False).alive
        if alive and not ports.answers(seat.record.ports.get("main", 0)):
            self.box.sink(Warned(f"{name} runs but does not answer on its port; it is started anew."))
            self.box.runtime.stop(seat, self.box.sink)
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

        size = sum(a.size for a in missing(recipe(name).groups, self.box.runtime.cache))
        return -(-size // 2**20)

    def _check_room(self, to_start: Sequence[str]) -> None:
        from sandbox import preflight

        preflight.check_memory(to_start, self.memory)
        new = [n for n in to_start if not (self.box.runtime.cache / "golden" / n).is_dir()]
        download = sum(self._missing_mib(n) for n in to_start) << 20
        preflight.check_disk(new, download, [self.box.runtime.cache, config.home()])

    def _choose_ports(self, to_start: Sequence[str]) -> None:
        taken = {p for r in self.box.state.engines.values() for p in r.ports.values()}
        for name in to_start:
            record, found, engine = self.box.seat(name).record, recipe(name), engine_named(name)
            for role in found.ports:
                before = record.ports.get(role)
                if role == "main" and name in self.asked:
                    record.ports[role] = ports.asked(name, self.asked[name])
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
                            self.box.sink(
                                Warned(
                                    f"Port {busy} is held by {ports.holder(busy)}; "
                                    f"{name} takes {record.ports[role]}."
                                )
                            )
                taken.add(record.ports[role])

    def _start(self, seat: Seat) -> Started:
        from sandbox.datasets import Dataset

        fresh = not seat.data.is_dir()
        used = self.dataset or Dataset.course()
        if fresh:
            seat.record.dataset, seat.record.dataset_label = used.hash, used.name
        try:
            started = self._start_once(seat, used)
        except EnvironmentRefusedError as error:
            if not self._lost_a_port(seat, error):
                raise
            started = self._start_once(seat, used)
        seat.record.seconds = round(started.seconds, 3)
        self.box.state.save()
        return started

    def _start_once(self, seat: Seat, dataset: Dataset) -> Started:
        # Saved before the copy: a crash between copy and password must know which golden copy it came from.
        box = self.box
        return box.runtime.start(seat, dataset, box.sink, offline=self.offline, save=box.state.save)

    def _lost_a_port(self, seat: Seat, error: EnvironmentRefusedError) -> bool:
        """Whether the engine ended because somebody took its port after it was chosen (some bind theirs
        seconds later); it has another one then."""
        lost = [role for role, port in seat.record.ports.items() if not ports.free(port)]
        if error.code != "engine-died" or not lost or seat.engine in self.asked:
            return False
        for role in lost:
            before = seat.record.ports[role]
            seat.record.ports[role] = ports.any_free(seat.record.ports.values())
            text = f"Port {before} was just taken by {ports.holder(before)}; "
            self.box.sink(Warned(f"{text}{seat.engine} takes {seat.record.ports[role]}."))
        return True

    def _side_by_side(
        self, names: Sequence[str], bring: Callable[[str], Started | None], result: UpResult
    ) -> None:
        pool = ThreadPoolExecutor(max_workers=max(1, len(names)), thread_name_prefix="up")
        futures = {name: pool.submit(bring, name) for name in names}
        try:
            wait_for(list(futures.values()))
        except BaseException:
            # Ctrl-C or SIGTERM: what is not yet up gives up and ends its process; what is up stays.
            self.box.runtime.cancelled.set()
            wait_for(list(futures.values()), timeout=10)
            self.box.state.save()
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
            error = problem if isinstance(problem, SandboxError) else wrapped(name, problem)
            self.box.sink(Failed(name, error.title))
            result.failed[name] = error

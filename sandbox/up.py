"""What ``up`` does: look, plan, see whether there is room, fetch, choose ports, start side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import config, replicas
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Failed, Warned
from sandbox.plan import Seen, Step, Wish, plan_up, starts
from sandbox.runtimes import ports
from sandbox.runtimes.base import Started
from sandbox.runtimes.choice import choose, connect, providers, settle
from sandbox.state import Seat, kind_of
from sandbox.status import EngineStatus, wrapped

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.runtimes.external.addresses import Address
    from sandbox.sandbox import Sandbox

_GIVE_UP_SECONDS = 30
"""How long an interrupted command waits for starts that are under way to end what they began."""


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
    wished_replicas: int | None = None
    runtime: str | None = None
    external: Mapping[str, Address] = field(default_factory=dict)
    provider: str | None = None

    def plan(self) -> list[Step]:
        """The steps, from what is seen now."""
        wished = self.dataset.hash if self.dataset else None
        wishes = [
            Wish(name, wished, self.asked.get(name), self.durable, self.wished_replicas)
            for name in self.wanted
        ]
        served = providers(self.box, self.wanted, self.provider, self.external)
        runtimes = choose(self.box, self.wanted, self.runtime, self.external, served)
        if self.wished_replicas is not None:
            replicas.check_here(self.box, runtimes, self.wished_replicas)
        return plan_up(
            wishes,
            {name: self._seen(name, runtimes[name], kind_of(name, served[name])) for name in self.wanted},
        )

    def act(self) -> UpResult:
        """Plan and do it. The sandbox's lock must be held."""
        box = self.box
        runtimes = settle(box, self.wanted, self.runtime, self.external, self.provider)
        if "docker" in runtimes.values() or any((box.root / "engines").glob("*-replica-*/data.new")):
            box.end_helpers()
        for name, address in self.external.items():
            connect(box, name, address)
        steps = self.plan()
        to_start = starts(steps)
        self._check_room(to_start)
        for step in steps:
            if step.action == "stop":
                box.runtime.stop(box.seat(step.engine), box.sink)
            elif step.action == "delete":
                replicas.delete(box, step.engine)
        if to_start:
            self._make_ready(to_start)
        result = UpResult(steps, [])
        loads = {s.engine for s in steps if s.action == "load"}

        def bring(name: str) -> Started | None:
            replicas.copy_at_rest(self, name, steps)
            started = self._start(box.seat(name)) if name in to_start else None
            replicas.bring(self, name, steps, result)
            if name in loads and self.dataset is not None:
                box.load_into(name, self.dataset)
            return started

        slowest_first = sorted(self.wanted, key=lambda n: box.runtime.facts(box.seat(n)).order)
        self._side_by_side(slowest_first, bring, result)
        if to_start or loads:
            box.state.save()
        created = {s.engine for s in steps if s.action == "create" and s.engine in self.wanted}
        self._make_spares(created - set(result.failed))
        result.engines = box.status(self.wanted, probe=False)
        for status in result.engines:
            status.kept = status.name not in to_start
        return result

    def _make_ready(self, to_start: Sequence[str]) -> None:
        box = self.box
        seats = [box.seat(n) for n in to_start if n in self.wanted]
        box.runtime.fetch(seats, box.sink, offline=self.offline)
        for name in to_start:
            if box.runtime.has_data(box.seat(name)):
                box.runtime.clear(box.seat(name))
        self._choose_ports(to_start)
        for name in to_start:
            seat = box.seat(name)
            record = seat.record
            record.wanted = True
            record.ring = box.runtime.facts(seat).forms_ring and bool(box.state.replicas(seat.engine))
            if self.durable is not None:
                record.durable = self.durable
        box.state.save()

    def _make_spares(self, created: set[str]) -> None:
        from sandbox.datasets import Dataset

        if created:
            seats = [self.box.seat(name) for name in created]
            self.box.runtime.make_spares(seats, self.dataset or Dataset.course())

    def _seen(self, name: str, runtime: str, kind: str) -> Seen:
        if name not in self.box.state.engines:
            missing = self.box.runtime.named(runtime).missing(kind)
            return Seen(missing_mib=-(-missing // 2**20))
        seat = self.box.seat(name)
        there = self.box.runtime.has_data(seat)
        alive = self.box.runtime.observe(seat, memory=False).alive
        facts = self.box.runtime.facts(seat)
        if alive and facts.ours and not there:
            # Its first start was killed before the dataset was whole.
            self.box.runtime.stop(seat, self.box.sink, abort=True)
            alive = False
        if alive and facts.ours and not ports.answers(seat.record.ports.get("main", 0)):
            self.box.sink(Warned(f"{name} runs but does not answer on its port; it is started anew."))
            self.box.runtime.stop(seat, self.box.sink)
            alive = False
        return Seen(
            alive=alive,
            has_data=there,
            dataset=seat.record.dataset,
            port=seat.record.ports.get("main"),
            durable=seat.record.durable,
            died=seat.record.wanted and not alive and there,
            missing_mib=0 if alive else -(-self.box.runtime.missing(seat) // 2**20),
            replicas=replicas.seen(self, seat),
            copied_at_rest=facts.copied_at_rest,
            closed=facts.forms_ring and not seat.record.ring,
        )

    def _check_room(self, to_start: Sequence[str]) -> None:
        from sandbox import preflight

        runtime, seats = self.box.runtime, [self.box.seat(n) for n in to_start]
        preflight.check_memory({s.name: runtime.facts(s).memory_mib for s in seats}, self.memory)
        engines = [s for s in seats if not s.replica]
        needs = {s.name: runtime.needs(s) for s in engines if runtime.needs(s)}
        download = sum(runtime.missing(s) for s in engines)
        preflight.check_disk(needs, download, [runtime.cache, config.home()])

    def _choose_ports(self, to_start: Sequence[str]) -> None:
        taken = {p for r in self.box.state.engines.values() for p in r.ports.values()}
        for name in to_start:
            seat = self.box.seat(name)
            record, engine = seat.record, engine_named(seat.engine)
            found = self.box.runtime.facts(seat)
            for role in found.ports:
                before = record.ports.get(role)
                asked = self.asked.get(name) if role == "main" else None
                if before is not None and asked in (None, before) and self._has_port(seat, before):
                    continue
                if asked is not None:
                    record.ports[role] = ports.asked(name, asked)
                else:
                    prefers = found.prefers_default_port and self.box.prefers_default_ports
                    default = role == "main" and prefers and before is None and not seat.replica
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

    def _has_port(self, seat: Seat, port: int) -> bool:
        return ports.free(port) or self.box.runtime.observe(seat, memory=False).waits

    def _start(self, seat: Seat) -> Started:
        from sandbox.datasets import Dataset

        fresh = not self.box.runtime.has_data(seat)
        used = self.remember_dataset(seat) if fresh else self.dataset or Dataset.course()
        try:
            started = self._start_once(seat, used)
        except EnvironmentRefusedError as error:
            if not self.lost_a_port(seat, error):
                raise
            started = self._start_once(seat, used)
        seat.record.seconds = round(started.seconds, 3)
        self.box.state.save()
        return started

    def remember_dataset(self, seat: Seat) -> Dataset:
        """The dataset that a new engine shall have, noted in its record."""
        from sandbox.datasets import Dataset

        used = self.dataset or Dataset.course()
        if self.dataset is None and seat.record.dataset and not self.box.runtime.facts(seat).keeps:
            # It lost what it had been given when it was stopped.
            used = self.box.dataset(seat.engine)
        seat.record.dataset, seat.record.dataset_label = used.hash, used.name
        return used

    def _start_once(self, seat: Seat, dataset: Dataset) -> Started:
        # Saved before the copy: a crash between copy and password must know which golden copy it came from.
        box = self.box
        return box.runtime.start(seat, dataset, box.sink, offline=self.offline, save=box.state.save)

    def lost_a_port(self, seat: Seat, error: EnvironmentRefusedError) -> bool:
        """Whether the engine ended because somebody took its port after it was chosen (some bind theirs
        seconds later), and may be started once more: on another port, or again on the one that was asked for
        when that is free by now."""
        lost = [role for role, port in seat.record.ports.items() if not ports.free(port)]
        if error.code != "port-lost" and not (error.code == "engine-died" and lost):
            return False
        if seat.name in self.asked:
            return not lost
        for role in lost or list(seat.record.ports):
            before = seat.record.ports[role]
            seat.record.ports[role] = ports.any_free(seat.record.ports.values())
            text = f"Port {before} was just taken by {ports.holder(before)}; "
            self.box.sink(Warned(f"{text}{seat.name} takes {seat.record.ports[role]}."))
        return True

    def _side_by_side(
        self, names: Sequence[str], bring: Callable[[str], Started | None], result: UpResult
    ) -> None:
        pool = ThreadPoolExecutor(max_workers=max(1, len(names)), thread_name_prefix="up")
        futures: dict[str, Future[Started | None]] = {}
        try:
            for name in names:
                futures[name] = pool.submit(bring, name)
            wait_for(list(futures.values()))
        except BaseException:
            # Ctrl-C or SIGTERM: what is not yet up gives up and ends its process; what is up stays.
            self.box.runtime.cancelled.set()
            wait_for(list(futures.values()), timeout=_GIVE_UP_SECONDS)
            self.box.state.save()
            raise
        finally:
            # Threads that are left would take signals that this one blocks later, to pass them on.
            pool.shutdown(wait=all(f.done() for f in futures.values()), cancel_futures=True)
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

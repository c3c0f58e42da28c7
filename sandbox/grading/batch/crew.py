"""Gradings side by side. An engine of a sandbox grades one answer at a time, so there is a lane for each
engine; more at once needs further sandboxes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Event, Sink, Warned, silent
from sandbox.grading import report, runner
from sandbox.grading.batch.spares import Spare
from sandbox.grading.batch.submissions import Answer
from sandbox.grading.exercise import Exercise
from sandbox.grading.folder import submission
from sandbox.grading.places import places

if TYPE_CHECKING:
    from sandbox.grading.place import Place
    from sandbox.sandbox import Sandbox


@dataclass(frozen=True)
class Unit:
    """One answer of one student to be graded: plain data, which can be sent to another machine."""

    student: str
    exercise: str
    exercise_hash: str
    engines: tuple[str, ...]
    answer: Answer
    seed: int


def warnings_only(sink: Sink) -> Sink:
    """Hundreds of gradings tell nothing of their steps, only what went wrong."""

    def passed(event: Event) -> None:
        if isinstance(event, Warned):
            sink(event)

    return passed


@dataclass
class Bench:
    """A sandbox to grade in, which of its engines are in use, and what grading knows of them."""

    box: Sandbox
    engines: frozenset[str] = frozenset()
    busy: set[str] = field(default_factory=set)
    _places: dict[str, Place] = field(default_factory=dict)

    def grade(
        self, unit: Unit, exercise: Exercise, *, sink: Sink = silent, cancel: threading.Event | None = None
    ) -> dict[str, Any]:
        """Grade one answer; the result in the shape of ``report.result_json``. The answer lies alone in a
        new folder. An engine that died is brought back once, and the answer graded again."""
        try:
            return self._grade(unit, exercise, sink, cancel)
        except EnvironmentRefusedError as refused:
            if refused.code == "taken-down" or not unit.engines or (cancel is not None and cancel.is_set()):
                raise
            self._places.clear()
            for error in self.box.up(unit.engines).failed.values():
                raise error from None
            return self._grade(unit, exercise, sink, cancel)

    def _grade(
        self, unit: Unit, exercise: Exercise, sink: Sink, cancel: threading.Event | None
    ) -> dict[str, Any]:
        engine = exercise.spec.engine
        if engine not in self._places:
            self._places.update(places([exercise], self.box))
        with submission() as folder:
            file = folder / f"answer{unit.answer.suffix}"
            file.write_bytes(unit.answer.content)
            result = runner.grade(
                exercise,
                file,
                self._places[engine],
                seed=unit.seed,
                sink=warnings_only(sink),
                keep=False,
                cancel=cancel,
            )
        return report.result_json(result)


class Crew:
    """Grades units with so many threads. ``done(unit, result or error)`` is called from them.

    ``spare(number)`` gives a further sandbox when there are more jobs than lanes."""

    def __init__(
        self,
        box: Sandbox,
        exercises: Mapping[str, Exercise],
        done: Callable[[Unit, dict[str, Any] | SandboxError], None],
        *,
        sink: Sink = silent,
    ) -> None:
        self.exercises, self.done, self.sink = exercises, done, sink
        self.cancel = threading.Event()
        self.spares: list[Spare] = []
        self._main = box
        self._benches: list[Bench] = []
        self._waiting: dict[tuple[str, ...], deque[Unit]] = {}
        self._changed = threading.Condition()

    def run(self, units: Sequence[Unit], jobs: int, spare: Callable[[], Spare]) -> None:
        """Grade them all. What is interrupted ends the answers under way, which are not told of; the first
        unforeseen error is raised."""
        for unit in units:
            self._waiting.setdefault(unit.engines, deque()).append(unit)
        needed = {engine for unit in units for engine in unit.engines}
        self._benches = [Bench(self._main, frozenset(needed))]
        wanted = further(units, jobs)
        with ThreadPoolExecutor(max_workers=jobs + 1, thread_name_prefix="grading") as pool:
            futures = [pool.submit(self._work) for _ in range(jobs)]
            # The first lanes grade while further sandboxes start.
            futures.append(pool.submit(self._bring, wanted, spare))
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.stop()
                with suppress(BaseException):
                    wait_for(futures)
                raise

    def stop(self) -> None:
        """End the answers under way and begin no other."""
        self.cancel.set()
        with self._changed:
            self._changed.notify_all()

    def _bring(self, wanted: Sequence[frozenset[str]], spare: Callable[[], Spare]) -> None:
        for engines in wanted:
            if self.cancel.is_set() or not any(self._waiting.values()):
                return
            one = spare()
            self.spares.append(one)
            try:
                datasets = {name: self._main.dataset(name) for name in engines}
                one.bring(sorted(engines), datasets)
            except SandboxError as error:
                self.sink(Warned(f"No further sandbox for grading: {error.title} Going on with fewer."))
                return
            with self._changed:
                self._benches.append(Bench(one.box, engines))
                self._changed.notify_all()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            unit, bench = taken
            try:
                found: dict[str, Any] | SandboxError = bench.grade(
                    unit, self.exercises[unit.exercise], sink=self.sink, cancel=self.cancel
                )
            except SandboxError as error:
                found = error
            except BaseException:
                self.stop()
                raise
            finally:
                with self._changed:
                    bench.busy.difference_update(unit.engines)
                    self._changed.notify_all()
            if self.cancel.is_set():
                return
            self.done(unit, found)

    def _take(self) -> tuple[Unit, Bench] | None:
        """The next unit whose engines are free in some sandbox, of the kind that waits most; None at end."""
        with self._changed:
            while not self.cancel.is_set():
                groups = sorted(((k, q) for k, q in self._waiting.items() if q), key=lambda g: -len(g[1]))
                if not groups:
                    return None
                for engines, queue in groups:
                    for bench in self._benches:
                        if bench.engines.issuperset(engines) and not bench.busy.intersection(engines):
                            bench.busy.update(engines)
                            return queue.popleft(), bench
                self._changed.wait()
            return None


def further(units: Sequence[Unit], jobs: int) -> list[frozenset[str]]:
    """The engines of the further sandboxes that so many jobs can use, the most useful engines first: none
    while the lanes of the one sandbox are enough."""
    counts: dict[str, int] = {}
    for unit in units:
        for engine in unit.engines:
            counts[engine] = counts.get(engine, 0) + 1
    copies = dict.fromkeys(counts, 1)
    for _ in range(jobs - len(counts)):
        most = max(counts, key=lambda name: counts[name] / copies[name], default=None)
        if most is None or counts[most] / copies[most] < 2:
            break
        copies[most] += 1
    found: list[frozenset[str]] = []
    for number in range(2, max(copies.values(), default=1) + 1):
        engines = {name for name, many in copies.items() if many >= number}
        # Exercises that need several engines find them all in one sandbox.
        together = [set(u.engines) for u in units if len(u.engines) > 1 and engines.intersection(u.engines)]
        found.append(frozenset(engines.union(*together)))
    return found

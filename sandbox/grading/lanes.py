"""Which exercises may be graded side by side: lanes, within which one comes after the other.

Exercises on one engine may own the same things, so they wait for each other. Those with an instance of
their own meet nobody; and where an engine gives each attempt a world of its own (an account), only those of
one service share what is left.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.grading.exercise import Exercise

T = TypeVar("T")

BESIDE = 2
"""How many exercises are under way beyond one for each processor: some only wait for a clock or a lock."""


def claims(exercise: Exercise) -> tuple[str, ...]:
    """Names of what a grading holds while it lasts, in one order for all, so that no two gradings wait for
    each other."""
    from sandbox.engines.registry import engine

    def claim(name: str) -> str:
        if exercise.spec.instance and name == exercise.spec.engine:
            return f"{name}-{exercise.id.replace('/', '-')}"
        return f"{name}-{exercise.spec.service}" if engine(name).apart else name

    return tuple(sorted(claim(name) for name in exercise.spec.engines))


def _lane(exercise: Exercise) -> str:
    # Instances are heavy to start: one at a time for each engine, beside the engine's other exercises.
    if exercise.spec.instance:
        return f"{exercise.spec.engine} instances"
    return "+".join(claims(exercise))


@dataclass
class _Lane:
    """Exercises that wait for each other, by their numbers, and what those done took."""

    waiting: list[int] = field(default_factory=list)
    busy: bool = False
    done: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> float:
        """Seconds that it will still take, by what it took; endless before the first."""
        return len(self.waiting) * self.seconds / self.done if self.done else float("inf")


def side_by_side(exercises: Sequence[Exercise], work: Callable[[Exercise, threading.Event], T]) -> list[T]:
    """``work`` done for every exercise; results in the order of the exercises.

    As many at once as keep the processors busy, for more would only be in each other's way; of the lanes
    that are free, the one with the longest way to go comes first. ``work`` is handed an event that is set
    when the caller is interrupted or another lane has failed: the answers under way are ended then, and the
    first error is raised."""
    cancel = threading.Event()
    turn = threading.Condition()
    lanes: dict[str, _Lane] = {}
    for number, exercise in enumerate(exercises):
        lanes.setdefault(_lane(exercise), _Lane()).waiting.append(number)
    results: dict[int, T] = {}

    def taken() -> _Lane | None:
        with turn:
            while not cancel.is_set():
                left = [lane for lane in lanes.values() if lane.waiting]
                free = [lane for lane in left if not lane.busy]
                if free or not left:
                    found = max(free, key=lambda lane: lane.left, default=None)
                    if found is not None:
                        found.busy = True
                    return found
                turn.wait()
        return None

    def worker() -> None:
        while (lane := taken()) is not None:
            number, began = lane.waiting.pop(0), time.monotonic()
            try:
                results[number] = work(exercises[number], cancel)
            except BaseException:
                cancel.set()
                raise
            finally:
                with turn:
                    lane.busy, lane.done = False, lane.done + 1
                    lane.seconds += time.monotonic() - began
                    turn.notify_all()

    workers = max(min(len(lanes), (os.cpu_count() or 1) + BESIDE), 1)
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="lane") as pool:
        futures = [pool.submit(worker) for _ in range(workers)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            cancel.set()
            with turn:
                turn.notify_all()
            raise
    return [results[number] for number in range(len(exercises))]

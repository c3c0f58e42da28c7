"""Exercises of different engines side by side: one lane an engine, within a lane one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sandbox.grading.exercise import Exercise

T = TypeVar("T")


def by_engine(exercises: Sequence[Exercise], work: Callable[[Exercise, threading.Event], T]) -> list[T]:
    """``work`` done for every exercise; results in the order of the exercises.

    ``work`` is handed an event that is set when the caller is interrupted or another lane has failed: the
    answers under way are ended then, and the first error is raised."""
    cancel = threading.Event()
    lanes: dict[str, list[int]] = {}
    for number, exercise in enumerate(exercises):
        lanes.setdefault(exercise.spec.engine, []).append(number)
    results: dict[int, T] = {}

    def lane(numbers: list[int]) -> None:
        for number in numbers:
            if cancel.is_set():
                return
            results[number] = work(exercises[number], cancel)

    with ThreadPoolExecutor(max_workers=max(len(lanes), 1), thread_name_prefix="lane") as pool:
        futures = [pool.submit(lane, numbers) for numbers in lanes.values()]
        try:
            for future in futures:
                future.result()
        except BaseException:
            cancel.set()
            raise
    return [results[number] for number in range(len(exercises))]

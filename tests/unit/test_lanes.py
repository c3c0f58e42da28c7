"""In which order, and beside which others, exercises are graded."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.grading import lanes


def exercise(engine: str, number: int) -> Any:
    spec = SimpleNamespace(engine=engine, engines=(engine,), instance=False, service=engine)
    return SimpleNamespace(id=f"{engine}/{number:02}", spec=spec)


def test_exercises_of_one_lane_wait_for_each_other_and_all_are_done_once() -> None:
    all_of_them = [exercise(engine, n) for engine in ("postgres", "redis", "mysql") for n in range(8)]
    at_work: Counter[str] = Counter()
    guard = threading.Lock()

    def work(one: Any, cancel: threading.Event) -> str:
        with guard:
            at_work[one.spec.engine] += 1
            assert at_work[one.spec.engine] == 1
        time.sleep(0.005)
        with guard:
            at_work[one.spec.engine] -= 1
        return str(one.id)

    assert lanes.side_by_side(all_of_them, work) == [one.id for one in all_of_them]


def test_no_more_are_under_way_than_keep_the_processors_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    engines = ("postgres", "redis", "mysql", "gremlin", "cassandra", "mongodb")
    under_way, most = 0, 0
    guard = threading.Lock()
    as_many = threading.Event()

    def work(one: Any, cancel: threading.Event) -> None:
        nonlocal under_way, most
        with guard:
            under_way += 1
            most = max(most, under_way)
            if under_way == 1 + lanes.BESIDE:
                as_many.set()
        # The first wait for as many as there may be; those after them for one that should not come.
        as_many.wait(60)
        time.sleep(0.01)
        with guard:
            under_way -= 1

    lanes.side_by_side([exercise(engine, n) for engine in engines for n in range(3)], work)
    assert most == 1 + lanes.BESIDE


def test_the_lane_with_the_longest_way_to_go_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(lanes, "BESIDE", 0)
    order: list[str] = []
    now = 0
    monkeypatch.setattr(lanes, "time", SimpleNamespace(monotonic=lambda: now))

    def work(one: Any, cancel: threading.Event) -> None:
        nonlocal now
        order.append(one.spec.engine)
        now += 50 if one.spec.engine == "cassandra" else 1

    lanes.side_by_side([exercise(e, n) for e in ("redis", "cassandra") for n in range(4)], work)
    assert order == ["redis", *["cassandra"] * 4, *["redis"] * 3]

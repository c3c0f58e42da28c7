"""A small class on real engines, for the tests that grade one."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.events import Event
from sandbox.grading.batch import gradebook, run
from sandbox.grading.exercise import Exercise
from sandbox.sandbox import Sandbox

FIRST = "01-create-insert-query"
RDS, CACHE, MEMORY = (f"{service}/{FIRST}" for service in ("rds-postgresql", "elasticache", "memorydb"))
SEED = 41


def hand_in(folder: Path, student: str, exercise: str, source: str) -> None:
    """One of the files that ship with an exercise, as a student's answer."""
    shipped = next((config.resources("exercises") / exercise).glob(f"{source}.*"))
    target = folder / student / "sandbox-work" / exercise / f"answer{shipped.suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shipped, target)


def wrong(exercise: str) -> str:
    return f"wrong/{sorted((config.resources('exercises') / exercise / 'wrong').iterdir())[0].stem}"


def graded(
    box: Sandbox,
    exercises: list[Exercise],
    source: Path,
    results: Path,
    told: list[Event] | None = None,
    **more: Any,
) -> dict[str, Any]:
    wish = replace(run.Wish(source, results, seed=SEED), **more)
    sink = told.append if told is not None else lambda _event: None
    batch = run.run(wish, exercises, exercises, run.here(box, wish, sink=sink), sink=sink)
    run.demand(batch)
    return gradebook.of_batch(batch)


TIMES = {"seconds", "answer_seconds", "graded_at", "made_at"}


def timeless(value: Any) -> Any:
    """A document without what differs from one run to the next: times and how long things took."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    if isinstance(value, str):
        return re.sub(r"\b\d{13}-\d+\b", "id of a stream's entry, which is a time", value)
    return [timeless(item) for item in value] if isinstance(value, list) else value


def points(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        one["student"]: {
            entry["exercise"]: entry["points"] if entry["state"] == "graded" else entry["state"]
            for entry in one["results"]
        }
        for one in document["students"]
    }

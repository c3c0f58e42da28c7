"""A learner's own attempt: the file in ``./sandbox-work``, new data, hints counted, progress kept."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from sandbox.errors import NotSoError
from sandbox.events import Sink, silent
from sandbox.grading import execution, runner, work
from sandbox.grading.exercise import Exercise
from sandbox.grading.model import ExerciseResult
from sandbox.grading.place import Place
from sandbox.grading.progress import Progress


def answer_file(exercise: Exercise, place: Place, given: Path | None = None) -> Path:
    """The file to grade: the one given, else the learner's in ``./sandbox-work``."""
    return given or work.answer_of(exercise, execution.accepted(exercise, place.engine))


def attempt(
    exercise: Exercise,
    place: Place,
    file: Path,
    *,
    seed: int | None = None,
    hint_price: int | None = None,
    sink: Sink = silent,
) -> ExerciseResult:
    """Grade a learner's answer and note it in their progress. ``seed`` None: data never seen before;
    ``hint_price`` None: what the exercise says."""
    progress = Progress()
    chosen = seed if seed is not None else secrets.randbelow(1_000_000)
    result = runner.grade(exercise, file, place, seed=chosen, sink=sink)
    result = replace(
        result,
        hints=progress.of(exercise.id).hints,
        hint_price=price_of(exercise, hint_price),
    )
    progress.graded(result)
    return result


def price_of(exercise: Exercise, hint_price: int | None) -> int:
    """Points that one hint costs: the teacher's word, else the exercise's."""
    return exercise.spec.hint_price if hint_price is None else hint_price


def next_hint(exercise: Exercise, hint_price: int | None) -> str:
    """What the next hint costs, as a sentence; empty when all were taken."""
    taken = Progress().of(exercise.id).hints
    if taken >= len(exercise.spec.hints):
        return ""
    price = price_of(exercise, hint_price)
    cost = "free" if not price else f"minus {price} point{'s' if price > 1 else ''}"
    return (
        f"Next hint ({taken + 1} of {len(exercise.spec.hints)}, {cost}): sandbox exercise hint {exercise.id}"
    )


def solution(exercise: Exercise, *, give_up: bool) -> str:
    """The text of the reference answer; NotSoError before the exercise is solved, unless ``give_up``, which
    is noted."""
    progress = Progress()
    if progress.of(exercise.id).state != "solved":
        if not give_up:
            raise NotSoError(
                f"{exercise.id} is not solved yet: its solution is shown after full points.",
                code="not-solved",
                actions=[
                    f"sandbox exercise hint {exercise.id}",
                    f"sandbox exercise solution {exercise.id} --give-up   # is noted in your progress",
                ],
            )
        progress.gave_up(exercise.id)
    return exercise.solution.read_text(encoding="utf-8")

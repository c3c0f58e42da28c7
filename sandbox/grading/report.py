"""Results of grading in the shapes that ``--json`` gives and every report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.grading.exercise import Exercise, load_checks
from sandbox.grading.model import ExerciseResult, Outcome
from sandbox.grading.progress import Record
from sandbox.grading.verify import Verified


def exercise_json(exercise: Exercise, record: Record) -> dict[str, Any]:
    """``{id, service, engine, part, title, points, state, ...}``; ``state`` is new, tried or solved."""
    spec = exercise.spec
    return {
        "id": exercise.id,
        "service": spec.service,
        "engine": spec.engine,
        "part": spec.part,
        "title": spec.title,
        "points": load_checks(exercise).points,
        "state": record.state,
        "level": spec.level,
        "minutes": spec.minutes,
        "requires": list(spec.requires),
        "attempts": record.attempts,
    }


def result_json(result: ExerciseResult) -> dict[str, Any]:
    """``{exercise, points, max_points, seconds, checks: [...], passed, problem, output, skipped, facts}``."""
    return {
        "exercise": result.exercise,
        "points": result.points,
        "max_points": result.max_points,
        "seconds": result.seconds,
        "checks": [
            {
                "id": c.id,
                "sentence": c.sentence,
                "outcome": str(c.outcome),
                "points": c.points,
                "max_points": c.max_points,
                "message": c.message,
            }
            for c in result.checks
        ],
        "passed": result.passed,
        "hints": result.hints,
        "penalty": result.penalty,
        "problem": result.problem,
        "output": result.output,
        "skipped": result.skipped,
        "facts": result.facts,
    }


def verified_json(found: Verified) -> dict[str, Any]:
    """``{id, ok, seconds, problems[], skipped}``."""
    return {
        "id": found.id,
        "ok": found.ok,
        "seconds": found.seconds,
        "problems": list(found.problems),
        "skipped": found.skipped,
    }


def state_of(result: ExerciseResult) -> str:
    """A word for a result: full points, not yet, skipped, or cannot tell (when nothing else is short)."""
    if result.skipped:
        return "skipped"
    if result.passed:
        return "full points"
    outcomes = {c.outcome for c in result.checks} - {Outcome.PASSED}
    return "cannot tell" if outcomes == {Outcome.UNKNOWN} else "not yet"


def all_full(results: Sequence[ExerciseResult]) -> bool:
    """Whether everything that could be graded here got full points, and something could."""
    graded = [result for result in results if not result.skipped]
    return bool(graded) and all(result.passed for result in graded)

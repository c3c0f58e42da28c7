"""Proves exercises: the starter does not pass, the solution gets full points, and each wrong answer loses
exactly the checks that the TOML says."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Done, Sink, silent
from sandbox.grading.exercise import Checks, Exercise
from sandbox.grading.model import ExerciseResult, Outcome
from sandbox.grading.place import Place
from sandbox.grading.runner import Read, grade

FEWEST_WRONG = 2
FEWEST_HINTS = 3


@dataclass(frozen=True)
class Verified:
    """What verifying one exercise found. ``problems`` are sentences, each naming the file it speaks of;
    ``skipped`` says why its answers were not run here."""

    id: str
    seconds: float
    problems: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class _Case:
    """One answer and the checks it must lose; None: at least one, whichever (the starter)."""

    file: Path
    name: str
    loses: frozenset[str] | None


def verify(
    exercise: Exercise,
    place: Place,
    *,
    seeds: Sequence[int] = (1,),
    shuffle: random.Random | None = None,
    sink: Sink = silent,
    cancel: threading.Event | None = None,
) -> Verified:
    """Run starter, solution and wrong answers once for each seed and say all that is not as it must be."""
    began = time.monotonic()
    read = Read.of(exercise)
    checks = read.checks
    problems = standing_problems(exercise, checks)
    if exercise.spec.service not in place.engine.services:
        problems.append(f"exercise.toml: {place.engine.name} does not stand in for {exercise.spec.service}.")
    skipped = ""
    covered: set[str] = set()
    for seed in seeds:
        cases = [case for case in _cases(exercise) if case.file.is_file()]
        if shuffle is not None:
            shuffle.shuffle(cases)
        for case in cases:
            if cancel is not None and cancel.is_set():
                break
            last = case is cases[-1] and seed == seeds[-1]
            try:
                result = grade(
                    exercise,
                    case.file,
                    place,
                    seed=seed,
                    sink=sink,
                    keep=not last,
                    cancel=cancel,
                    read=read,
                )
            except EnvironmentRefusedError as refused:
                # One exercise whose engine refuses does not keep the others from being proved.
                problems.append(f"{case.name} (seed {seed}) could not be graded: {refused.title}")
                continue
            if result.skipped:
                skipped = result.skipped
                break
            covered |= _lost(result)
            problems += [f"{case.name} (seed {seed}): {text}" for text in _judge(case, result)]
        if skipped:
            break
    if cancel is not None and cancel.is_set():
        return Verified(exercise.id, round(time.monotonic() - began, 2), tuple(problems), skipped)
    if not skipped:
        problems += [
            f"check.py: no wrong answer loses the check {check.id}, and the starter does not either."
            for check in checks.checks
            if check.id not in covered
        ]
    seconds = round(time.monotonic() - began, 2)
    found = Verified(exercise.id, seconds, tuple(dict.fromkeys(problems)), skipped)
    sink(Done(exercise.id, "verify", seconds, _summary(found)))
    return found


def _summary(found: Verified) -> str:
    if found.problems:
        return f"{len(found.problems)} problem{'s' if len(found.problems) > 1 else ''}"
    return f"skipped: {found.skipped}" if found.skipped else "ok"


def _cases(exercise: Exercise) -> list[_Case]:
    wrong = [_Case(exercise.folder / w.file, w.file, frozenset(w.loses)) for w in exercise.spec.wrong]
    starter = _Case(exercise.starter, exercise.starter.name, None)
    return [starter, _Case(exercise.solution, exercise.solution.name, frozenset()), *wrong]


def _lost(result: ExerciseResult) -> set[str]:
    return {c.id for c in result.checks if c.outcome in (Outcome.FAILED, Outcome.SKIPPED)}


def _judge(case: _Case, result: ExerciseResult) -> list[str]:
    problems = [
        f"cannot tell check {c.id}: {c.message}" for c in result.checks if c.outcome is Outcome.UNKNOWN
    ]
    lost = _lost(result)
    if case.loses is None:
        if not lost and not problems:
            problems.append("the starter gets full points; it must lose at least one check.")
        return problems
    for name in sorted(lost - case.loses):
        said = next(c for c in result.checks if c.id == name)
        problems.append(f"loses the check {name}, which it must not lose ({said.message})")
    problems += [f"does not lose the check {name}, which it must lose." for name in sorted(case.loses - lost)]
    if not case.loses and result.problem:
        problems.append(f"ends with a problem: {result.problem}")
    elif problems and result.problem:
        problems.append(f"the answer itself ended so: {result.problem}")
    return problems


def standing_problems(exercise: Exercise, checks: Checks) -> list[str]:
    """What can be seen to be wrong without running anything."""
    problems = []
    for path in (exercise.readme, exercise.starter, exercise.solution):
        if not path.is_file() or not path.read_text(encoding="utf-8", errors="replace").strip():
            problems.append(f"{path.name} is missing or empty.")
    spec = exercise.spec
    if len(spec.wrong) < FEWEST_WRONG:
        problems.append(
            f"exercise.toml: {len(spec.wrong)} wrong answers; there must be at least {FEWEST_WRONG}."
        )
    if len(spec.hints) < FEWEST_HINTS:
        problems.append(f"exercise.toml: {len(spec.hints)} hints; there must be at least {FEWEST_HINTS}.")
    for path in sorted(p for p in exercise.folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        count = path.read_text(encoding="utf-8", errors="replace").count("TODO")
        if count:
            name = path.relative_to(exercise.folder).as_posix()
            problems.append(f"{name} says TODO in {count} place{'s' if count > 1 else ''}.")
    known = {check.id for check in checks.checks}
    for wrong in spec.wrong:
        if not (exercise.folder / wrong.file).is_file():
            problems.append(f"{wrong.file} is missing.")
        if not wrong.loses:
            problems.append(f"exercise.toml: {wrong.file} loses nothing; then it is not wrong.")
        problems += [
            f"exercise.toml: {wrong.file} loses {name!r}, and there is no such check (there are "
            f"{', '.join(sorted(known))})."
            for name in wrong.loses
            if name not in known
        ]
    listed = {wrong.file for wrong in spec.wrong}
    for path in sorted((exercise.folder / "wrong").glob("*")):
        name = path.relative_to(exercise.folder).as_posix()
        if path.is_file() and name not in listed:
            problems.append(f"{name} is not named in exercise.toml.")
    return problems

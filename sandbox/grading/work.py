"""The learner's own files: ``./sandbox-work/<exercise>/answer.<language>``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from sandbox.errors import UsageError
from sandbox.grading.exercise import Exercise

FOLDER = "sandbox-work"


def folder_of(exercise: Exercise, base: Path | None = None) -> Path:
    """Where a learner's files of an exercise lie, relative to the current folder."""
    return (base or Path()) / FOLDER / exercise.id


def start(exercise: Exercise, *, overwrite: bool, base: Path | None = None) -> Path:
    """Copy the starter and the task to the learner; the path of the answer to edit. UsageError when there
    is one already and ``overwrite`` is not given."""
    folder = folder_of(exercise, base)
    target = folder / f"answer{exercise.spec.answer}"
    if target.exists() and not overwrite:
        raise UsageError(
            f"{target} is there already.",
            code="work-exists",
            detail="Starting again would overwrite it.",
            actions=[
                f"sandbox exercise start {exercise.id} --force",
                f"sandbox exercise grade {exercise.id}",
            ],
        )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(exercise.starter, target)
    shutil.copyfile(exercise.readme, folder / "README.md")
    return target


def answer_of(exercise: Exercise, suffixes: Sequence[str], base: Path | None = None) -> Path:
    """The learner's answer: in the exercise's language if there, else the only one in another that fits."""
    folder = folder_of(exercise, base)
    found = [folder / f"answer{suffix}" for suffix in (exercise.spec.answer, *suffixes)]
    there = list(dict.fromkeys(path for path in found if path.is_file()))
    if len(there) > 1 and there[0].suffix != exercise.spec.answer:
        names = " and ".join(path.name for path in there)
        raise UsageError(
            f"{folder} has more than one answer: {names}.",
            code="several-answers",
            actions=[f"sandbox exercise grade {exercise.id} --answer {there[0]}"],
        )
    if not there:
        raise UsageError(
            f"There is no answer to {exercise.id} at {found[0]}.",
            code="no-answer-file",
            actions=[
                f"sandbox exercise start {exercise.id}",
                f"sandbox exercise grade {exercise.id} --answer FILE",
            ],
        )
    return there[0]

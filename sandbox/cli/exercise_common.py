"""What the commands of ``sandbox exercise`` share: arguments, the places of engines, the last word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sandbox.output import Output

if TYPE_CHECKING:
    from sandbox.grading.exercise import Exercise
    from sandbox.grading.model import ExerciseResult
    from sandbox.grading.place import Place


def complete_exercise(incomplete: str) -> list[str]:
    from sandbox.grading.exercise import folders

    return [name for name in folders() if name.startswith(incomplete)]


def complete_service(incomplete: str) -> list[str]:
    from sandbox.grading.exercise import folders

    return sorted({name.split("/")[0] for name in folders() if name.startswith(incomplete)})


OneExercise: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="ID", help="The exercise's id, or its folder.", autocompletion=complete_exercise),
]
Exercises: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID",
        help="Ids of exercises, or their folders.",
        autocompletion=complete_exercise,
        show_default=False,
    ),
]
Seed: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Data that varies is drawn from it; without it, `grade` draws a new one each time.",
        show_default=False,
    ),
]


HintPrice: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--hint-price",
        metavar="POINTS",
        envvar="SANDBOX_HINT_PRICE",
        min=0,
        help="Points that each hint taken costs.",
        show_default="as the exercise says, mostly 0",
    ),
]
AnswerFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--answer", metavar="FILE", help="Grade this file.", show_default="the one in ./sandbox-work"
    ),
]


def all_exercises(out: Output) -> list[Exercise]:
    from sandbox.events import Warned
    from sandbox.grading.exercise import find_all

    found, errors = find_all()
    for error in errors:
        out.sink(Warned(f"{error.title} {error.detail}"))
    return found


def chosen_exercises(ids: list[str] | None, out: Output) -> list[Exercise]:
    from sandbox.grading.exercise import find

    return [find(one) for one in dict.fromkeys(ids)] if ids else all_exercises(out)


def places(exercises: list[Exercise], name: str | None, out: Output) -> dict[str, Place]:
    """Places by engine, in the sandbox of that name."""
    from sandbox.grading.places import places as found
    from sandbox.sandbox import Sandbox

    return found(exercises, Sandbox(name=name, sink=out.sink))


def demand_full(results: list[ExerciseResult]) -> None:
    from sandbox.errors import NotSoError
    from sandbox.grading.report import all_full

    if all_full(results):
        return
    short = [r for r in results if not r.passed]
    if len(results) == 1:
        only = results[0]
        raise NotSoError(
            f"{only.exercise} was skipped here."
            if only.skipped
            else f"{only.exercise}: not full points yet.",
            code="exercise-skipped" if only.skipped else "exercise-not-passed",
            detail=only.skipped,
            actions=[] if only.skipped else [f"sandbox exercise hint {only.exercise}"],
        )
    raise NotSoError(
        f"{len(short)} of {len(results)} exercises did not get full points.", code="exercise-not-passed"
    )

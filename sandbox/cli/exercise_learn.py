"""``sandbox exercise hint``, ``watch``, ``solution`` and ``reset``: help for the one who learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.exercise_common import AnswerFile, HintPrice, OneExercise, Seed, places
from sandbox.cli.options import AsJson, Name
from sandbox.output import command

if TYPE_CHECKING:
    from sandbox.grading.model import ExerciseResult


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(epilog="Example:  sandbox exercise watch s3/01-create-insert-query")(watch)
    app.command(epilog="Example:  sandbox exercise hint s3/01-create-insert-query")(hint)
    app.command(epilog="Example:  sandbox exercise solution s3/01-create-insert-query --give-up")(solution)
    app.command(epilog="Example:  sandbox exercise reset documentdb/01-create-insert-query")(reset)


def watch(
    exercise_id: OneExercise,
    answer: AnswerFile = None,
    seed: Seed = None,
    hint_price: HintPrice = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Grade your answer now and each time you save it, until full points or Ctrl-C."""
    with command("exercise watch", as_json=as_json) as out:
        from sandbox.cli.exercise_view import graded
        from sandbox.grading import own, report
        from sandbox.grading.exercise import find
        from sandbox.grading.watch import saves

        exercise = find(exercise_id)
        place = places([exercise], name, out)[exercise.spec.engine]
        file = own.answer_file(exercise, place, answer)
        results: list[ExerciseResult] = []
        try:
            for _ in saves(file):
                result = own.attempt(exercise, place, file, seed=seed, hint_price=hint_price, sink=out.sink)
                results.append(result)
                shown: list[Any] = graded(result, most_lines=20)
                if result.passed or result.skipped:
                    for line in shown:
                        out.show(line)
                    break
                for line in (
                    *shown,
                    own.next_hint(exercise, hint_price),
                    f"Waiting for you to save {file} ...",
                ):
                    out.show(line)
        except KeyboardInterrupt:
            out.say("")
        out.result({"results": [report.result_json(r) for r in results]})


def hint(
    exercise_id: OneExercise,
    number: Annotated[
        int | None,
        typer.Argument(metavar="N", help="Which one; default: the next.", show_default=False, min=1),
    ] = None,
    hint_price: HintPrice = None,
    as_json: AsJson = False,
) -> None:
    """The next hint, or hint N: each says more than the one before, and may cost points."""
    with command("exercise hint", as_json=as_json) as out:
        from sandbox.errors import UsageError
        from sandbox.grading.exercise import find
        from sandbox.grading.own import next_hint, price_of
        from sandbox.grading.progress import Progress

        exercise, progress = find(exercise_id), Progress()
        hints = exercise.spec.hints
        chosen = number or min(progress.of(exercise.id).hints + 1, len(hints))
        if chosen > len(hints):
            raise UsageError(
                f"{exercise.id} has {len(hints)} hints; there is no hint {chosen}.",
                code="unknown-hint",
                actions=[f"sandbox exercise hint {exercise.id} {len(hints)}"],
            )
        progress.hinted(exercise.id, chosen)
        text = hints[chosen - 1]
        data = {
            "exercise": exercise.id,
            "number": chosen,
            "of": len(hints),
            "hint": text,
            "price": price_of(exercise, hint_price),
        }
        out.result(data, f"Hint {chosen} of {len(hints)}: {text}", next_hint(exercise, hint_price))


def solution(
    exercise_id: OneExercise,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Also before you have solved it; your progress notes that.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The reference answer, once you have full points."""
    with command("exercise solution", as_json=as_json) as out:
        from sandbox.grading import own
        from sandbox.grading.exercise import find

        exercise = find(exercise_id)
        text = own.solution(exercise, give_up=give_up)
        out.result({"exercise": exercise.id, "language": exercise.spec.answer, "solution": text}, text)


def reset(exercise_id: OneExercise, name: Name = None, as_json: AsJson = False) -> None:
    """Clear what attempts at an exercise left in the engine. Your files and your progress stay."""
    with command("exercise reset", as_json=as_json) as out:
        from sandbox.grading import runner
        from sandbox.grading.exercise import find

        exercise = find(exercise_id)
        place = places([exercise], name, out)[exercise.spec.engine]
        runner.reset(exercise, place, sink=out.sink)
        out.result({"exercise": exercise.id, "engine": place.engine.name}, f"Cleared: {exercise.id}.")

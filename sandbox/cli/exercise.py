"""``sandbox exercise``: tasks to do on the engines, graded by what became of the engine."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from sandbox.cli import exercise_author, exercise_learn, submissions
from sandbox.cli.exercise_common import (
    AnswerFile,
    Exercises,
    HintPrice,
    OneExercise,
    Seed,
    all_exercises,
    complete_service,
    demand_full,
    places,
)
from sandbox.cli.exercise_view import graded, standing
from sandbox.cli.options import AsJson, Name, complete_engine
from sandbox.grading.model import PARTS
from sandbox.output import command, table

app = typer.Typer(no_args_is_help=True)


@app.command("list", epilog="Example:  sandbox exercise list --service dynamodb")
def list_(
    service: Annotated[
        str | None, typer.Option("--service", help="Only of this service.", autocompletion=complete_service)
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="Only on this engine.", autocompletion=complete_engine)
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            "--part", help=f"Only of this part: {', '.join(PARTS)}.", autocompletion=lambda: list(PARTS)
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """All exercises, and which of them you have solved."""
    with command("exercise list", as_json=as_json) as out:
        from sandbox.engines.registry import NAMES
        from sandbox.errors import unknown_name
        from sandbox.grading.progress import Progress, Record
        from sandbox.grading.report import exercise_json

        found = all_exercises(out)
        services = {e.spec.service for e in found}
        if service is not None and service not in services:
            raise unknown_name("service", service, services, list_command="sandbox exercise list")
        if engine is not None and engine not in NAMES:
            raise unknown_name("engine", engine, NAMES, list_command="sandbox engines")
        if part is not None and part not in PARTS:
            raise unknown_name("part", part, PARTS, list_command="sandbox exercise list")
        done = Progress().read()
        chosen = [
            e
            for e in found
            if service in (None, e.spec.service)
            and engine in (None, e.spec.engine)
            and part in (None, e.spec.part)
        ]
        data = [exercise_json(e, done.get(e.id, Record())) for e in chosen]
        rows = [
            (d["id"], d["part"], d["level"], d["minutes"], d["points"], d["state"], d["title"]) for d in data
        ]
        solved = sum(d["state"] == "solved" for d in data)
        out.result(
            {"exercises": data},
            table(
                ("ID", "PART", "LEVEL", "MIN", "POINTS", "STATE", "TITLE"),
                rows,
                right=("LEVEL", "MIN", "POINTS"),
            ),
            *(["", table(*standing(data))] if len({d["service"] for d in data}) > 1 else []),
            f"{len(data)} exercises, {solved} solved. Next: sandbox exercise show ID",
        )


@app.command(epilog="Example:  sandbox exercise show aurora-mysql/01-create-insert-query")
def show(exercise_id: OneExercise, as_json: AsJson = False) -> None:
    """The task, as its README says it."""
    with command("exercise show", as_json=as_json) as out:
        from sandbox.grading.exercise import find, load_checks
        from sandbox.grading.progress import Progress
        from sandbox.grading.report import exercise_json

        exercise = find(exercise_id)
        text = exercise.readme.read_text(encoding="utf-8")
        data = {
            **exercise_json(exercise, Progress().of(exercise.id)),
            "readme": text,
            "aws_difference": exercise.spec.aws_difference,
            "hints": len(exercise.spec.hints),
            "checks": [
                {"id": c.id, "sentence": c.sentence, "points": c.points} for c in load_checks(exercise).checks
            ],
        }
        shown: Any = text
        if sys.stdout.isatty():
            from rich.markdown import Markdown

            shown = Markdown(text)
        out.result(data, shown)


@app.command(epilog="Example:  sandbox exercise start keyspaces/01-create-insert-query")
def start(
    exercise_id: OneExercise,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an answer that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the starter into ./sandbox-work/, for you to edit."""
    with command("exercise start", as_json=as_json) as out:
        from sandbox.grading import work
        from sandbox.grading.exercise import find

        exercise = find(exercise_id)
        target = work.folder_of(exercise) / f"answer{exercise.spec.answer}"
        if target.exists() and not force and not as_json and sys.stdin.isatty():
            force = typer.confirm(f"{target} is there already. Overwrite it?", err=True)
        target = work.start(exercise, overwrite=force)
        out.result(
            {"exercise": exercise.id, "answer": str(target), "readme": str(target.with_name("README.md"))},
            f"Edit {target}, then: sandbox exercise grade {exercise.id}",
        )


@app.command(epilog="Example:  sandbox exercise grade neptune/01-create-insert-query --answer my.gremlin")
def grade(
    exercise_ids: Exercises = None,
    answer: AnswerFile = None,
    seed: Seed = None,
    hint_price: HintPrice = None,
    reports: submissions.Report = None,
    folder: submissions.SubmissionsFolder = None,
    results: submissions.ResultsFolder = None,
    jobs: submissions.Jobs = None,
    again: submissions.Again = False,
    seed_per_student: submissions.SeedPerStudent = False,
    dask: submissions.Dask = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Run your answer on the engine and grade what it did. Exit code 0 for full points, else 1.

    With --submissions: grade the answers of a whole class to the exercises named, or to all, and write tables
    and reports. Exit code 0 when everything was graded, whatever the points."""
    with command("exercise grade", as_json=as_json) as out:
        from sandbox.grading import own, report
        from sandbox.grading.exercise import find

        of_a_class: dict[str, Any] = {
            "results": results,
            "jobs": jobs,
            "again": again,
            "seed_per_student": seed_per_student,
            "dask": dask,
        }
        submissions.check(folder, exercise_ids, answer=answer, **of_a_class)
        if folder is not None:
            submissions.grade_class(
                out, exercise_ids, folder, seed=seed, reports=reports, name=name, **of_a_class
            )
            return
        (exercise_id,) = exercise_ids or [""]
        exercise = find(exercise_id)
        submissions.check_reports(reports)
        place = places([exercise], name, out)[exercise.spec.engine]
        file = own.answer_file(exercise, place, answer)
        result = own.attempt(exercise, place, file, seed=seed, hint_price=hint_price, sink=out.sink)
        after = [] if result.passed or result.skipped else [own.next_hint(exercise, hint_price)]
        after += submissions.write_reports(exercise, result, reports)
        out.result({"results": [report.result_json(result)]}, *graded(result, most_lines=40), *after)
        demand_full([result])


exercise_author.register(app)
exercise_learn.register(app)

"""``sandbox exercise grade --submissions``: a whole class's answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from sandbox.cli.exercise_common import all_exercises, chosen_exercises
from sandbox.output import Output, table

if TYPE_CHECKING:
    from sandbox.grading.exercise import Exercise
    from sandbox.grading.model import ExerciseResult

RESULTS = Path("sandbox-results")

SubmissionsFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--submissions",
        metavar="DIR",
        help="Grade a class: a folder (or zip) with a folder or a zip for each student.",
        show_default=False,
    ),
]
ResultsFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--results",
        metavar="DIR",
        help="With --submissions: where results and reports go; what is graded there is not graded again.",
        show_default=str(RESULTS),
    ),
]
Jobs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        max=64,
        help="With --submissions: answers graded at once; above the number of engines, further sandboxes.",
        show_default="one for each engine, as many as processors",
    ),
]
Again: TypeAlias = Annotated[bool, typer.Option("--again", help="With --submissions: grade everything anew.")]
SeedPerStudent: TypeAlias = Annotated[
    bool, typer.Option("--seed-per-student", help="With --submissions: other data for each student.")
]
Dask: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="With --submissions: grade on the workers of this Dask scheduler.",
        show_default=False,
    ),
]
Report: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a report as well: .html, .json, .xml (JUnit) or .csv. May be repeated.",
        show_default=False,
    ),
]


def check(submissions: Path | None, exercise_ids: list[str] | None, **options: Any) -> None:
    """UsageError for options that do not go together: those of a class without one, and the reverse.
    ``options`` are by name, as given (None, False or empty when not)."""
    from sandbox.errors import UsageError

    of_a_class = ("results", "jobs", "again", "seed_per_student", "dask")
    wrong = [
        f"--{name.replace('_', '-')}"
        for name, value in options.items()
        if value and ((name in of_a_class) == (submissions is None)) and name != "report"
    ]
    if wrong:
        how = "only with --submissions" if submissions is None else "not with --submissions"
        raise UsageError(
            f"{', '.join(wrong)}: {how}.", code="options-exclude", actions=["sandbox exercise grade --help"]
        )
    if submissions is None and len(exercise_ids or []) != 1:
        raise UsageError(
            "Name one exercise, or the folder of a class with --submissions.",
            code="which-exercises",
            actions=["sandbox exercise list", "sandbox exercise grade --submissions DIR"],
        )
    if options.get("dask") and options.get("jobs"):
        raise UsageError("--jobs is this machine's, --dask a cluster's: give one.", code="options-exclude")


def grade_class(
    out: Output,
    exercise_ids: list[str] | None,
    submissions: Path,
    *,
    results: Path | None,
    jobs: int | None,
    again: bool,
    seed: int | None,
    seed_per_student: bool,
    dask: str | None,
    reports: list[Path] | None,
    name: str | None,
) -> None:
    """Grade the class, write tables and reports, show the table."""
    import os

    from sandbox.grading.batch import gradebook, run
    from sandbox.grading.batch.reports import write_all, write_one
    from sandbox.sandbox import Sandbox

    check_reports(reports)
    everything = all_exercises(out)
    chosen = run.unique(chosen_exercises(exercise_ids, out) if exercise_ids else everything)
    # One that is named by its folder need not be among all.
    known = run.unique([*everything, *chosen])
    folder = results or RESULTS
    wish = run.Wish(
        source=submissions,
        results=folder,
        jobs=jobs or min(os.cpu_count() or 1, len({e.spec.engine for e in chosen})),
        seed=seed,
        seed_per_student=seed_per_student,
        again=again,
    )
    if dask:
        from sandbox.grading.batch.cluster import on_dask

        grader = on_dask(dask, sink=out.sink)
    else:
        grader = run.here(Sandbox(name=name, sink=out.sink), wish, sink=out.sink)
    batch = run.run(wish, chosen, known, grader, sink=out.sink)
    document = gradebook.of_batch(batch)
    files = write_all(document, folder)
    for path in reports or []:
        write_one(document, path)
        files.append(path)
    _show(out, batch, document, files)
    run.demand(batch)


def _show(out: Output, batch: Any, document: dict[str, Any], files: list[Path]) -> None:
    rows = [
        (
            one["student"],
            one["points"],
            one["max_points"],
            one["answered"],
            one["states"].get("no answer", 0),
            one["unknown"] or "",
            len(one["not_recognised"]) or "",
        )
        for one in document["students"]
    ]
    data = {**document, "results": str(files[0].parent), "files": [str(f) for f in files]}
    out.result(
        {**data, "graded": batch.graded, "kept": batch.kept},
        table(
            ("STUDENT", "POINTS", "OF", "ANSWERS", "NONE", "CANNOT TELL", "NOT RECOGNISED"),
            rows,
            right=("POINTS", "OF", "ANSWERS", "NONE", "CANNOT TELL", "NOT RECOGNISED"),
        ),
        f"{_many(batch.graded, 'answer')} graded in {batch.seconds:.1f} s, {batch.kept} as graded before; "
        f"seed {batch.seed}.",
        *(f"Not recognised: {f['file']}: {f['why']}" for f in document["not_recognised"]),
        *(f"No longer handed in: {files[0].parent}/students/{f}" for f in document["left_over"]),
        f"Reports: {' '.join(str(f) for f in files)}",
    )


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def check_reports(reports: list[Path] | None) -> None:
    """UsageError for a report that cannot be written, before anything is graded."""
    if reports:
        from sandbox.grading.batch.reports import check_report

        for path in reports:
            check_report(path)


def write_reports(exercise: Exercise, result: ExerciseResult, reports: list[Path] | None) -> list[str]:
    """The reports of one attempt; a line for each, to show."""
    if not reports:
        return []
    import getpass

    from sandbox.grading.batch.gradebook import of_one
    from sandbox.grading.batch.reports import write_one

    document = of_one(exercise, result, getpass.getuser())
    for path in reports:
        write_one(document, path)
    return [f"Reports: {' '.join(str(path) for path in reports)}"]

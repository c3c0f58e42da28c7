"""``sandbox exercise``: tasks to do on the engines, graded by what became of the engine."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from sandbox.cli.exercise_view import graded, verdict
from sandbox.cli.options import AsJson, Name, complete_engine
from sandbox.output import Output, command, table

if TYPE_CHECKING:
    from sandbox.grading.exercise import Exercise
    from sandbox.grading.model import ExerciseResult
    from sandbox.grading.place import Place

app = typer.Typer(no_args_is_help=True)


def _complete_exercise(incomplete: str) -> list[str]:
    from sandbox.grading.exercise import folders

    return [name for name in folders() if name.startswith(incomplete)]


def _complete_service(incomplete: str) -> list[str]:
    from sandbox.grading.exercise import folders

    return sorted({name.split("/")[0] for name in folders() if name.startswith(incomplete)})


OneExercise: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="The exercise's id.", autocompletion=_complete_exercise)
]
Exercises: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID",
        help="Ids of exercises.",
        autocompletion=_complete_exercise,
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


@app.command("list", epilog="Example:  sandbox exercise list --service dynamodb")
def list_(
    service: Annotated[
        str | None, typer.Option("--service", help="Only of this service.", autocompletion=_complete_service)
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="Only on this engine.", autocompletion=complete_engine)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """All exercises, and which of them you have solved."""
    with command("exercise list", as_json=as_json) as out:
        from sandbox.engines.registry import NAMES
        from sandbox.errors import unknown_name
        from sandbox.grading.progress import Progress, Record
        from sandbox.grading.report import exercise_json

        found = _all(out)
        services = {e.spec.service for e in found}
        if service is not None and service not in services:
            raise unknown_name("service", service, services, list_command="sandbox exercise list")
        if engine is not None and engine not in NAMES:
            raise unknown_name("engine", engine, NAMES, list_command="sandbox engines")
        done = Progress().read()
        chosen = [e for e in found if service in (None, e.spec.service) and engine in (None, e.spec.engine)]
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
    exercise_id: OneExercise,
    answer: Annotated[
        Path | None,
        typer.Option(
            "--answer", metavar="FILE", help="Grade this file.", show_default="the one in ./sandbox-work"
        ),
    ] = None,
    seed: Seed = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Run your answer on the engine and grade what it did. Exit code 0 for full points, else 1."""
    with command("exercise grade", as_json=as_json) as out:
        import secrets

        from sandbox.grading import execution, report, runner, work
        from sandbox.grading.exercise import find
        from sandbox.grading.progress import Progress

        exercise = find(exercise_id)
        place = _places([exercise], name, out)[exercise.spec.engine]
        file = answer or work.answer_of(exercise, execution.accepted(exercise, place.engine))
        chosen = seed if seed is not None else secrets.randbelow(1_000_000)
        result = runner.grade(exercise, file, place, seed=chosen, sink=out.sink)
        Progress().graded(result)
        out.result({"results": [report.result_json(result)]}, *graded(result, most_lines=40))
        _demand_full([result])


@app.command(epilog="Example:  sandbox exercise run memorydb/01-create-insert-query")
def run(
    exercise_ids: Exercises = None, seed: Seed = None, name: Name = None, as_json: AsJson = False
) -> None:
    """The reference answer at work: statements, results, the grade. Without ID: the grades of all."""
    with command("exercise run", as_json=as_json) as out:
        from sandbox.grading import report, runner
        from sandbox.grading.lanes import by_engine

        exercises = _chosen(exercise_ids, out)
        places = _places(exercises, name, out)
        guard = threading.Lock()

        def work(exercise: Exercise, cancel: threading.Event) -> ExerciseResult:
            place, chosen = places[exercise.spec.engine], 1 if seed is None else seed
            result = runner.grade(
                exercise,
                exercise.solution,
                place,
                seed=chosen,
                sink=out.sink,
                keep=False,
                echo=True,
                cancel=cancel,
            )
            if exercise_ids and not as_json:
                with guard:
                    out.say(f"\n== {exercise.id}: {exercise.spec.title}")
                    for line in graded(result):
                        out.say(line) if isinstance(line, str) else out.console.print(line)
            return result

        results = by_engine(exercises, work)
        rows = [
            (r.exercise, f"{r.points}/{r.max_points}", f"{r.seconds:.2f}", report.state_of(r))
            for r in results
        ]
        out.result(
            {"results": [report.result_json(r) for r in results]},
            "",
            table(("EXERCISE", "POINTS", "SECONDS", "GRADE"), rows, right=("POINTS", "SECONDS")),
        )
        _demand_full(results)


@app.command(epilog="Example:  sandbox exercise verify --all --repeat 5 --shuffle")
def verify(
    exercise_ids: Exercises = None,
    everything: Annotated[bool, typer.Option("--all", help="Every exercise.")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The first seed.")] = 1,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Times, each with the next seed.")
    ] = 1,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="In an order drawn from the seed.")] = False,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Prove exercises: the starter fails, the solution passes, each wrong answer loses just its checks."""
    with command("exercise verify", as_json=as_json) as out:
        import random

        from sandbox.errors import NotSoError, UsageError
        from sandbox.grading import report
        from sandbox.grading.exercise import find_all
        from sandbox.grading.lanes import by_engine
        from sandbox.grading.verify import Verified
        from sandbox.grading.verify import verify as prove

        if bool(exercise_ids) == everything:
            raise UsageError(
                "Name exercises, or --all for all of them.",
                code="which-exercises",
                actions=["sandbox exercise verify --all", "sandbox exercise list"],
            )
        broken: list[Verified] = []
        if everything:
            exercises, errors = find_all()
            broken = [Verified(e.title, 0.0, (e.detail or e.title,)) for e in errors]
        else:
            exercises = _chosen(exercise_ids, out)
        places = _places(exercises, name, out)
        draw = random.Random(seed) if shuffle else None  # noqa: S311 - an order, not a secret
        if draw is not None:
            draw.shuffle(exercises)
        seeds = range(seed, seed + repeat)

        def work(exercise: Exercise, cancel: threading.Event) -> Verified:
            order = random.Random(f"{seed}{exercise.id}") if shuffle else None  # noqa: S311
            place = places[exercise.spec.engine]
            return prove(exercise, place, seeds=seeds, shuffle=order, sink=out.sink, cancel=cancel)

        found = sorted(by_engine(exercises, work), key=lambda v: v.id) + broken
        rows = [(v.id, verdict(v), f"{v.seconds:.1f}") for v in found]
        problems = [f"{v.id}: {problem}" for v in found for problem in v.problems]
        out.result(
            {"exercises": [report.verified_json(v) for v in found]},
            table(("EXERCISE", "VERIFIED", "SECONDS"), rows, right=("SECONDS",)),
            *problems,
        )
        bad = [v for v in found if not v.ok]
        if bad:
            raise NotSoError(
                f"{len(bad)} of {len(found)} exercises are not in order.",
                code="exercises-not-verified",
            )


@app.command(epilog="Example:  sandbox exercise hint s3/01-create-insert-query")
def hint(
    exercise_id: OneExercise,
    number: Annotated[
        int | None,
        typer.Argument(metavar="N", help="Which one; default: the next.", show_default=False, min=1),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The next hint, or hint N: each says more than the one before."""
    with command("exercise hint", as_json=as_json) as out:
        from sandbox.errors import UsageError
        from sandbox.grading.exercise import find
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
        data = {"exercise": exercise.id, "number": chosen, "of": len(hints), "hint": text}
        out.result(data, f"Hint {chosen} of {len(hints)}: {text}")


@app.command(epilog="Example:  sandbox exercise reset documentdb/01-create-insert-query")
def reset(exercise_id: OneExercise, name: Name = None, as_json: AsJson = False) -> None:
    """Clear what attempts at an exercise left in the engine. Your files and your progress stay."""
    with command("exercise reset", as_json=as_json) as out:
        from sandbox.grading import runner
        from sandbox.grading.exercise import find

        exercise = find(exercise_id)
        place = _places([exercise], name, out)[exercise.spec.engine]
        runner.reset(exercise, place, sink=out.sink)
        out.result({"exercise": exercise.id, "engine": place.engine.name}, f"Cleared: {exercise.id}.")


def _all(out: Output) -> list[Exercise]:
    from sandbox.events import Warned
    from sandbox.grading.exercise import find_all

    found, errors = find_all()
    for error in errors:
        out.sink(Warned(f"{error.title} {error.detail}"))
    return found


def _chosen(ids: list[str] | None, out: Output) -> list[Exercise]:
    from sandbox.grading.exercise import find

    return [find(one) for one in dict.fromkeys(ids)] if ids else _all(out)


def _places(exercises: list[Exercise], name: str | None, out: Output) -> dict[str, Place]:
    """The engines that the exercises need; one error names all that do not run."""
    from sandbox.engines.registry import NAMES
    from sandbox.errors import EnvironmentRefusedError
    from sandbox.sandbox import Sandbox

    box = Sandbox(name=name, sink=out.sink)
    needed = {exercise.spec.engine for exercise in exercises}
    running = set(box.running())
    missing = [engine for engine in NAMES if engine in needed - running]
    if missing:
        flag = "" if box.name == "default" else f" --name {box.name}"
        raise EnvironmentRefusedError(
            f"{', '.join(missing)} {'does' if len(missing) == 1 else 'do'} not run in sandbox {box.name!r}.",
            code="engine-not-running",
            actions=[f"sandbox up {' '.join(missing)}{flag}"],
        )
    return {engine: box.place(engine) for engine in sorted(needed)}


def _demand_full(results: list[ExerciseResult]) -> None:
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

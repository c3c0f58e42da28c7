"""``sandbox exercise new``, ``run`` and ``verify``: a new exercise, reference answers at work, the proof."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox.cli.exercise_common import (
    Exercises,
    Seed,
    chosen_exercises,
    complete_service,
    demand_full,
    places,
)
from sandbox.cli.exercise_view import graded, verdict
from sandbox.cli.options import AsJson, Name
from sandbox.grading.model import PARTS
from sandbox.output import command, table

if TYPE_CHECKING:
    from sandbox.grading.exercise import Exercise
    from sandbox.grading.model import ExerciseResult
    from sandbox.grading.verify import Verified


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(epilog="Example:  sandbox exercise new rds-postgresql join-two-tables --part query")(new)
    app.command(epilog="Example:  sandbox exercise run memorydb/01-create-insert-query")(run)
    app.command(epilog="Example:  sandbox exercise verify --all --repeat 5 --shuffle")(verify)


def new(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="The service.", autocompletion=complete_service)
    ],
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="A short name, such as join-two-tables.")],
    part: Annotated[
        str,
        typer.Option("--part", help=f"One of: {', '.join(PARTS)}.", autocompletion=lambda: list(PARTS)),
    ] = "query",
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Where exercises of your own lie.",
            show_default="the first of SANDBOX_EXERCISES, else ./sandbox-exercises",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a small exercise that runs, for you to make your own; `verify` names what is left to write."""
    with command("exercise new", as_json=as_json) as out:
        from sandbox.engines.services import engine_of
        from sandbox.grading import scaffold
        from sandbox.grading.exercise import own_roots

        roots = own_roots()
        root = into or (roots[0] if roots else Path("sandbox-exercises"))
        folder = scaffold.new(service, slug, root, part=part)
        name = f"{folder.parent.name}/{folder.name}"
        steps = [f"sandbox up {engine_of(service)}", f"sandbox exercise verify {folder}"]
        out.result(
            {"exercise": name, "folder": str(folder), "next": steps},
            f"Made {folder}. Write what says TODO, then:",
            *(f"  {step}" for step in steps),
        )


def run(
    exercise_ids: Exercises = None, seed: Seed = None, name: Name = None, as_json: AsJson = False
) -> None:
    """The reference answer at work: statements, results, the grade. Without ID: the grades of all."""
    with command("exercise run", as_json=as_json) as out:
        from sandbox.grading import report, runner
        from sandbox.grading.lanes import side_by_side

        exercises = chosen_exercises(exercise_ids, out)
        stands = places(exercises, name, out)
        guard = threading.Lock()

        def work(exercise: Exercise, cancel: threading.Event) -> ExerciseResult:
            place, chosen = stands[exercise.spec.engine], 1 if seed is None else seed
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

        results = side_by_side(exercises, work)
        rows = [
            (r.exercise, f"{r.points}/{r.max_points}", f"{r.seconds:.2f}", report.state_of(r))
            for r in results
        ]
        out.result(
            {"results": [report.result_json(r) for r in results]},
            "",
            table(("EXERCISE", "POINTS", "SECONDS", "GRADE"), rows, right=("POINTS", "SECONDS")),
        )
        demand_full(results)


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
        import gc
        import random

        # Little of what the drivers make is garbage in circles: to look for it as often as usual takes more
        # than it frees, most of all while modules are read.
        gc.set_threshold(100_000)

        from sandbox.errors import NotSoError, UsageError
        from sandbox.grading import report
        from sandbox.grading.exercise import find_all
        from sandbox.grading.lanes import side_by_side
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
            exercises = chosen_exercises(exercise_ids, out)
        stands = places(exercises, name, out)
        draw = random.Random(seed) if shuffle else None  # noqa: S311 - an order, not a secret
        if draw is not None:
            draw.shuffle(exercises)
        seeds = range(seed, seed + repeat)

        # All that is loaded by now stays: a look for garbage need not walk through it again and again.
        gc.freeze()

        def work(exercise: Exercise, cancel: threading.Event) -> Verified:
            order = random.Random(f"{seed}{exercise.id}") if shuffle else None  # noqa: S311
            place = stands[exercise.spec.engine]
            return prove(exercise, place, seeds=seeds, shuffle=order, sink=out.sink, cancel=cancel)

        found = sorted(side_by_side(exercises, work), key=lambda v: v.id) + broken
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

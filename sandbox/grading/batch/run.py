"""A batch from beginning to end: what was handed in, what is graded already, the rest, the tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.events import Progress, Sink, Warned, silent
from sandbox.grading.batch import spares, store
from sandbox.grading.batch.crew import Crew, Unit
from sandbox.grading.batch.store import Store
from sandbox.grading.batch.submissions import Submissions
from sandbox.grading.batch.submissions import read as read_submissions
from sandbox.grading.exercise import Exercise, folder_hash, load_checks
from sandbox.grading.places import places

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox

MOST_ERRORS = 5
"""After so many answers in a row that could not be graded, something is wrong with the machine."""


@dataclass(frozen=True)
class Wish:
    """What a teacher asks for. ``seed`` None: the one of before, else a new one. ``again``: all anew."""

    source: Path
    results: Path
    jobs: int = 1
    seed: int | None = None
    seed_per_student: bool = False
    again: bool = False


@dataclass
class Batch:
    """One batch as it was done: ``graded`` and ``kept`` count answers graded now and taken from before;
    ``errors`` are answers that could not be graded, with why; ``left_over`` result files of students who
    handed in nothing this time."""

    wish: Wish
    exercises: list[Exercise]
    submissions: Submissions
    store: Store
    seed: int
    seconds: float = 0.0
    graded: int = 0
    kept: int = 0
    errors: list[tuple[Unit, SandboxError]] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


Done = Callable[[Unit, "dict[str, Any] | SandboxError"], None]


Grader = Callable[[Sequence[Unit], Mapping[str, Exercise], Done], None]
"""Who grades units and tells of each: the crew of this machine, or a cluster."""


def run(
    wish: Wish,
    chosen: Sequence[Exercise],
    known: Sequence[Exercise],
    grader: Grader,
    *,
    sink: Sink = silent,
) -> Batch:
    """Grade what is not graded yet and keep it, student by student. ``chosen`` exercises are graded,
    ``known`` are all there are. What is interrupted is kept so far, and the next run goes on from there."""
    began = time.monotonic()
    if wish.results.absolute() == wish.source.absolute():
        raise UsageError(
            f"{wish.results} cannot hold both submissions and results.",
            code="results-folder",
            actions=["give another folder with --results"],
        )
    submissions = read_submissions(wish.source, known, besides=wish.results)
    kept = Store(wish.results)
    with kept.opened():
        seed = kept.seed(wish.seed)
        batch = Batch(wish, list(chosen), submissions, kept, seed)
        units = _plan(batch)
        _Keeping(batch, units, sink).grade(grader)
        batch.left_over = kept.others({s.name for s in submissions.students})
    batch.seconds = round(time.monotonic() - began, 3)
    return batch


def _plan(batch: Batch) -> list[Unit]:
    """The units to grade; what needs no grading is entered at once."""
    hashes = {e.id: folder_hash(e.folder) for e in batch.exercises}
    points = {e.id: load_checks(e).points for e in batch.exercises}
    units = []
    for student in batch.submissions.students:
        before = batch.store.student(student.name)["exercises"]
        seed = store.seed_of(batch.seed, student.name, per_student=batch.wish.seed_per_student)
        for exercise in batch.exercises:
            answer = student.answers.get(exercise.id)
            facts: dict[str, Any] = {"exercise_hash": hashes[exercise.id], "max_points": points[exercise.id]}
            old = before.get(exercise.id)
            if answer is None:
                before[exercise.id] = store.entry(store.NO_ANSWER, None, seed=seed, **facts)
            elif answer.refused:
                before[exercise.id] = store.entry(
                    store.REFUSED,
                    answer,
                    seed=seed,
                    message=f"The answer cannot be graded: {answer.refused}.",
                    **facts,
                )
            else:
                fresh = store.entry(store.ERROR, answer, seed=seed, message="It was not graded yet.", **facts)
                if not batch.wish.again and store.settled(old, fresh):
                    before[exercise.id] = {**old, "file": answer.file}
                    batch.kept += 1
                    continue
                before[exercise.id] = fresh
                units.append(
                    Unit(student.name, exercise.id, hashes[exercise.id], exercise.spec.engines, answer, seed)
                )
        batch.store.complete(
            student.name,
            not_recognised=[{"file": file, "why": why} for file, why in student.not_recognised],
            ignored=list(student.ignored),
        )
    return units


class _Keeping:
    """Takes results as they come, from several threads, and keeps each at once."""

    def __init__(self, batch: Batch, units: Sequence[Unit], sink: Sink) -> None:
        self.batch, self.units, self.sink = batch, units, sink
        self._guard = threading.Lock()
        self._in_a_row = 0

    def grade(self, grader: Grader) -> None:
        if not self.units:
            return
        self._tell()
        grader(self.units, {e.id: e for e in self.batch.exercises}, self.done)

    def done(self, unit: Unit, found: dict[str, Any] | SandboxError) -> None:
        """Keep one result. An error is noted and the others go on; many in a row end the batch."""
        kept = self.batch.store
        old = kept.student(unit.student)["exercises"][unit.exercise]
        if isinstance(found, SandboxError):
            kept.keep(
                unit.student, unit.exercise, {**old, "message": f"It could not be graded: {found.title}"}
            )
            self.sink(Warned(f"{unit.student}, {unit.exercise}: could not be graded: {found.title}"))
        else:
            kept.keep(unit.student, unit.exercise, store.graded(old, found))
        with self._guard:
            if isinstance(found, SandboxError):
                self.batch.errors.append((unit, found))
                self._in_a_row += 1
                if self._in_a_row >= MOST_ERRORS:
                    raise found
            else:
                self.batch.graded += 1
                self._in_a_row = 0
            self._tell()

    def _tell(self) -> None:
        done = self.batch.graded + len(self.batch.errors)
        self.sink(Progress("batch", "grade", done, len(self.units), "answers"))


def here(box: Sandbox, wish: Wish, *, sink: Sink = silent) -> Grader:
    """The grader of this machine: the sandbox's engines, with ``--jobs`` beyond them further sandboxes."""

    def grade(units: Sequence[Unit], exercises: Mapping[str, Exercise], done: Done) -> None:
        needed = {unit.exercise for unit in units}
        places([exercises[name] for name in sorted(needed)], box)  # one error names all that do not run
        _warn_of_neighbours(wish.source, sink)
        spares.sweep(box.name)
        crew = Crew(box, exercises, done, sink=sink)
        with spares.ended(crew.spares):
            crew.run(units, wish.jobs, lambda: spares.claim(box.name))

    return grade


def _warn_of_neighbours(source: Path, sink: Sink) -> None:
    """An answer must not read other students' answers: where it could, say how to prevent it."""
    from sandbox.grading.limits import strongest_isolation

    name = strongest_isolation().name
    if name == "none":
        sink(Warned("Answers run as you here, and could read each other in the folder of submissions."))
    elif name == "user" and _open_to_all(source):
        sink(Warned(f"Every user may read {source}, so an answer could read the others: chmod 700 {source}"))


def _open_to_all(path: Path) -> bool:
    import stat

    full = path.resolve()
    wanted = stat.S_IXOTH if full.is_dir() else stat.S_IROTH
    return bool(full.stat().st_mode & wanted) and all(p.stat().st_mode & stat.S_IXOTH for p in full.parents)


def demand(batch: Batch) -> None:
    """EnvironmentRefusedError when answers could not be graded."""
    if not batch.errors:
        return
    unit, error = batch.errors[0]
    raise EnvironmentRefusedError(
        f"{len(batch.errors)} of {len(batch.errors) + batch.graded} answers could not be graded.",
        code="not-all-graded",
        detail=f"{unit.student}, {unit.exercise}: {error.title}",
        actions=["the same command again   # grades what is missing", *error.actions],
    )


def unique(exercises: Iterable[Exercise]) -> list[Exercise]:
    """Exercises in order of their ids, each once."""
    return list({e.id: e for e in sorted(exercises, key=lambda e: e.id)}.values())

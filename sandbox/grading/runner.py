"""Grades one answer: namespace, prepare, the answer under limits as the learner, checks as administrator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.events import Phase, Sink, Warned, silent
from sandbox.grading import execution
from sandbox.grading.context import Context
from sandbox.grading.desk import Desk, TooLong
from sandbox.grading.exercise import Checks, Exercise, folder_hash, load_checks
from sandbox.grading.lanes import claims
from sandbox.grading.model import CannotTell, Check, CheckResult, ExerciseResult, Lost, Outcome
from sandbox.grading.place import Place
from sandbox.grading.stage import (
    ENGINE_SECONDS,
    Stage,
    asked,
    attempt_of,
    close,
    only_files,
    said,
    staged,
)

CHECK_SECONDS = 90.0
"""How long a check may take. This and what follows only ends what would never end: on a busy machine a server
or this process stands still for ten seconds and more, which is not the learner's doing."""
TRIALS_SECONDS = 60.0
"""How long the trials of one check may take: an answer that only keeps them waiting has lost it."""
CRASH_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Read:
    """What grading reads of an exercise's folder: its checks, and its hash."""

    checks: Checks
    hash: str

    @classmethod
    def of(cls, exercise: Exercise) -> Read:
        """Read it now."""
        return cls(load_checks(exercise), folder_hash(exercise.folder))


def grade(
    exercise: Exercise,
    answer: Path,
    place: Place,
    *,
    seed: int,
    sink: Sink = silent,
    keep: bool = True,
    echo: bool = False,
    cancel: threading.Event | None = None,
    read: Read | None = None,
) -> ExerciseResult:
    """Run an answer and check the engine's state.

    Gradings on one engine of one sandbox wait for each other. With ``keep`` what the answer made stays for
    the learner to look at, until the next attempt; ``echo`` prints statements before their results. ``read``
    spares a caller with several answers to read the exercise for each of them.
    UsageError for an answer that cannot be read, EnvironmentRefusedError when the engine refuses; whatever
    the answer or a check does is in the result."""
    began = time.monotonic()
    read = read or Read.of(exercise)
    checks = read.checks
    content = execution.read(exercise, answer, place.engine)
    facts: dict[str, Any] = {
        "engine": place.engine.name,
        **place.facts,
        "exercise_hash": read.hash,
        "seed": seed,
    }
    if place.approximation:
        facts["approximation"] = place.approximation
    lacking = sorted(set(exercise.spec.requires) & place.lacks)
    if lacking:
        return _skipped(exercise, checks, place, lacking, facts)
    with (
        _alone(place, exercise, sink),
        _desk() as desk,
        staged(exercise, place, seed=seed, desk=desk, sink=sink, keep=keep) as stage,
    ):
        attempt = _Attempt(exercise, checks, content, answer.suffix, stage, desk, sink, echo, cancel)
        done, results = attempt.graded()
    return ExerciseResult(
        exercise=exercise.id,
        checks=tuple(results),
        seconds=round(time.monotonic() - began, 3),
        problem=done.problem,
        output=done.shown,
        facts={**facts, **done.facts},
    )


def reset(exercise: Exercise, place: Place, *, sink: Sink = silent) -> None:
    """Clear what attempts at an exercise left in the engines."""
    places = [place, *(place.neighbour(name) for name in exercise.spec.needs.engines if place.neighbour)]
    with _alone(place, exercise, sink), _desk() as desk:
        for each in places:
            attempt = attempt_of(exercise, 0, each.engine.name)
            asked(desk, each, lambda each=each, attempt=attempt: each.engine.clear(each.endpoint, attempt))


@dataclass
class _Attempt:
    """One answer on its way: prepare, its runs, the checks."""

    exercise: Exercise
    checks: Checks
    content: bytes
    suffix: str
    stage: Stage
    desk: Desk
    sink: Sink
    echo: bool
    cancel: threading.Event | None

    def graded(self) -> tuple[execution.Done, list[CheckResult]]:
        """What the answer did, and what became of the checks."""
        context, name = self.stage.context, self.exercise.id
        self.sink(Phase(name, "prepare"))
        try:
            if self.checks.prepare is not None:
                given = self.desk.do(partial(self.checks.prepare, context), ENGINE_SECONDS)
                context.given = given if isinstance(given, Mapping) else {}
        except Exception as error:  # noqa: BLE001 - not the learner's doing, whatever it is
            return self._unknown(f"The exercise could not be prepared: {said(error)}")
        times = self.exercise.spec.run.times
        shown: list[str] = []
        for number in range(1, times + 1):
            # An open connection to a database would keep the answer from dropping or copying it.
            close(context, self.desk)
            context.guard()
            self.sink(Phase(name, "answer", f"run {number} of {times}" if times > 1 else ""))
            context.run = number
            done = self._run(number)
            shown.append(done.shown)
            context.outputs.append(done.output)
            context.output, context.results, context.choices = done.output, done.results, done.choices
            if self.cancel is not None and self.cancel.is_set():
                return self._unknown(done.problem, done)
            if self.stage.revive():
                self.sink(Warned(f"{name}: {self.stage.place.engine.title} was gone and was started again."))
            self._settle()
            if number < times and self.checks.between is not None:
                try:
                    self.desk.do(partial(self.checks.between, context), ENGINE_SECONDS)
                except Exception as error:  # noqa: BLE001 - ours as well
                    return self._unknown(f"What lies between two runs could not be done: {said(error)}", done)
        done = replace(done, shown="".join(shown))
        only_files(context.work)
        self.sink(Phase(name, "check"))
        return done, run_checks(self.checks.checks, context, self.desk)

    def _settle(self) -> None:
        try:
            self.desk.do(self.stage.context.settle, ENGINE_SECONDS)
        except Exception as error:  # noqa: BLE001 - the checks will tell whether the engine answers
            self.sink(Warned(f"{self.exercise.id}: what the answer left at work goes on: {said(error)}"))

    def _unknown(
        self, why: str, done: execution.Done | None = None
    ) -> tuple[execution.Done, list[CheckResult]]:
        done = replace(done, problem=why) if done else execution.Done(problem=why)
        return done, [_result(check, Outcome.UNKNOWN, why) for check in self.checks.checks]

    def _run(self, number: int) -> execution.Done:
        stage, context = self.stage, self.stage.context
        crash = self.checks.crash if number == 1 else None
        with _ended_by(crash, context, self.desk, self.cancel) as stop:
            done = execution.execute(
                self.exercise,
                self.content,
                self.suffix,
                stage.place,
                stage.learner,
                echo=self.echo,
                cancel=stop,
                folder=stage.folder,
                keep=True,
                extra_env={"SANDBOX_RUN": str(number)},
            )
        return replace(done, problem="") if context.crashed and number == 1 else done


@contextmanager
def _ended_by(
    crash: Callable[[Any], Any] | None, context: Context, desk: Desk, cancel: threading.Event | None
) -> Iterator[threading.Event | None]:
    """The event that ends an answer: the caller's; with a ``crash``, also when that says so."""
    if crash is None:
        yield cancel
        return
    stop, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(CRASH_POLL_SECONDS):
            if cancel is not None and cancel.is_set():
                stop.set()
                return
            # What cannot be asked yet (no table so far) is no reason for a crash.
            with suppress(Exception):
                if desk.do(lambda: crash(context), CHECK_SECONDS):
                    context.crashed = True
                    stop.set()
                    return

    watcher = threading.Thread(target=watch, name="crash", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        over.set()
        watcher.join()


def run_checks(checks: Sequence[Check], context: Context, desk: Desk) -> list[CheckResult]:
    """Every check in order, each within its time; those that rest on one that did not pass are not run."""
    results: dict[str, CheckResult] = {}
    for check in checks:
        before = [results[name] for name in check.after]
        unknown = next((r for r in before if r.outcome is Outcome.UNKNOWN), None)
        unmet = next((r for r in before if r.outcome is not Outcome.PASSED), None)
        if unknown is not None:
            why = f"It rests on {unknown.id}, of which we cannot tell."
            results[check.id] = _result(check, Outcome.UNKNOWN, why)
        elif unmet is not None:
            results[check.id] = _result(check, Outcome.SKIPPED, f"It rests on {unmet.id}.")
        else:
            results[check.id] = _run_check(check, context, desk)
    return list(results.values())


def _run_check(check: Check, context: Context, desk: Desk) -> CheckResult:
    context.deadline = time.monotonic() + TRIALS_SECONDS
    for other in context.others.values():
        other.deadline = context.deadline
    try:
        desk.do(lambda: check.function(context), CHECK_SECONDS)
    except Lost as lost:
        return _result(check, Outcome.FAILED, str(lost))
    except AssertionError as failed:
        outcome = Outcome.FAILED if str(failed) else Outcome.UNKNOWN
        return _result(check, outcome, str(failed) or "The check failed without saying why.")
    except CannotTell as unsure:
        return _result(check, Outcome.UNKNOWN, str(unsure))
    except TooLong as late:
        # Its connections may still be in use in the thread left behind: the next check gets new ones.
        context.abandon()
        return _result(check, Outcome.UNKNOWN, f"We cannot tell: the check took over {late.seconds:g} s.")
    except BaseException as error:  # noqa: BLE001 - a crash of a check is ours, never the learner's
        return _result(check, Outcome.UNKNOWN, f"We cannot tell: {said(error)}")
    return _result(check, Outcome.PASSED)


def _result(check: Check, outcome: Outcome, message: str = "") -> CheckResult:
    # What cannot be told costs nothing: its points are neither given nor asked for.
    asked = 0 if outcome is Outcome.UNKNOWN else check.points
    points = check.points if outcome is Outcome.PASSED else 0
    return CheckResult(check.id, check.sentence, outcome, points, asked, message)


def _skipped(
    exercise: Exercise, checks: Checks, place: Place, lacking: list[str], facts: dict[str, Any]
) -> ExerciseResult:
    product = place.facts.get("product") or place.engine.title
    why = f"It requires {', '.join(lacking)}, which {product} lacks here."
    results = tuple(_result(check, Outcome.SKIPPED, why) for check in checks.checks)
    return ExerciseResult(exercise.id, results, 0.0, skipped=why, facts=facts)


@contextmanager
def _desk() -> Iterator[Desk]:
    desk = Desk()
    try:
        yield desk
    finally:
        desk.close()


@contextmanager
def _alone(place: Place, exercise: Exercise, sink: Sink) -> Iterator[None]:
    """Hold the engines for this grading: what two exercises own may be the same."""
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        for name in claims(exercise):
            lock = FileLock(place.home / f"grading-{name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                sink(Phase(exercise.id, "wait", f"for another grading on {name}"))
                lock.acquire()
            stack.callback(lock.release)
        yield

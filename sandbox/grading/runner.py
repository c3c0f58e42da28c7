"""Grades one answer: namespace, prepare, the answer under limits as the learner, checks as administrator."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Phase, Sink, Warned, silent
from sandbox.grading import execution
from sandbox.grading.context import Context
from sandbox.grading.desk import Desk, TooLong
from sandbox.grading.exercise import Checks, Exercise, folder_hash, load_checks
from sandbox.grading.model import CannotTell, Check, CheckResult, ExerciseResult, Lost, Outcome
from sandbox.grading.place import Place

ENGINE_SECONDS = 90.0
"""How long an engine may take to make a namespace ready or to clear it."""
CHECK_SECONDS = 30.0


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
) -> ExerciseResult:
    """Run an answer and check the engine's state.

    Gradings on one engine of one sandbox wait for each other. With ``keep`` what the answer made stays for
    the learner to look at, until the next attempt; ``echo`` prints statements before their results.
    UsageError for an answer that cannot be read, EnvironmentRefusedError when the engine refuses; whatever
    the answer or a check does is in the result."""
    began = time.monotonic()
    checks = load_checks(exercise)
    content = execution.read(exercise, answer, place.engine)
    facts: dict[str, Any] = {
        "engine": place.engine.name,
        **place.facts,
        "exercise_hash": folder_hash(exercise.folder),
        "seed": seed,
    }
    if place.approximation:
        facts["approximation"] = place.approximation
    lacking = sorted(set(exercise.spec.requires) & place.lacks)
    if lacking:
        return _skipped(exercise, checks, place, lacking, facts)
    attempt = attempt_of(exercise, seed)
    with _alone(place, exercise, sink), _desk() as desk:
        _demand_dataset(exercise, place, desk)
        sink(Phase(exercise.id, "begin"))
        learner = _engine(desk, place, lambda: place.engine.begin(place.endpoint, attempt, place.credentials))
        context = Context(place, attempt, learner)
        try:
            done, results = _attempt(
                exercise, checks, content, answer.suffix, place, learner, context, desk, sink, echo, cancel
            )
        finally:
            _close(context, desk)
            if not keep:
                _clear(place, attempt, desk, sink)
    return ExerciseResult(
        exercise=exercise.id,
        checks=tuple(results),
        seconds=round(time.monotonic() - began, 3),
        problem=done.problem,
        output=done.shown,
        facts={**facts, **done.facts},
    )


def reset(exercise: Exercise, place: Place, *, sink: Sink = silent) -> None:
    """Clear what attempts at an exercise left in the engine."""
    with _alone(place, exercise, sink), _desk() as desk:
        _engine(desk, place, lambda: place.engine.clear(place.endpoint, attempt_of(exercise, 0)))


def attempt_of(exercise: Exercise, seed: int) -> Attempt:
    """The attempt at an exercise in a sandbox. The key is the exercise's own, so that what an answer left
    is found again by the next attempt and by ``reset``; the lock keeps two from running at once."""
    key = hashlib.sha256(exercise.id.encode()).hexdigest()[:8]
    return Attempt(exercise.id, key, seed, exercise.spec.owns)


def _attempt(
    exercise: Exercise,
    checks: Checks,
    content: bytes,
    suffix: str,
    place: Place,
    learner: Endpoint,
    context: Context,
    desk: Desk,
    sink: Sink,
    echo: bool,
    cancel: threading.Event | None,
) -> tuple[execution.Done, list[CheckResult]]:
    sink(Phase(exercise.id, "prepare"))
    try:
        if checks.prepare is not None:
            given = desk.do(lambda: checks.prepare(context) if checks.prepare else None, ENGINE_SECONDS)
            context.given = given if isinstance(given, Mapping) else {}
    except Exception as error:  # noqa: BLE001 - not the learner's doing, whatever it is
        why = f"The exercise could not be prepared: {_said(error)}"
        return execution.Done(problem=why), [_result(check, Outcome.UNKNOWN, why) for check in checks.checks]
    # An open connection to a database would keep the answer from dropping or copying it.
    _close(context, desk)
    sink(Phase(exercise.id, "answer"))
    done = execution.execute(exercise, content, suffix, place, learner, echo=echo, cancel=cancel)
    context.output, context.results, context.choices = done.output, done.results, done.choices
    sink(Phase(exercise.id, "check"))
    if done.end == "cancelled":
        return done, [_result(check, Outcome.UNKNOWN, done.problem) for check in checks.checks]
    return done, run_checks(checks.checks, context, desk)


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
        return _result(check, Outcome.UNKNOWN, f"We cannot tell: {_said(error)}")
    return _result(check, Outcome.PASSED)


def _result(check: Check, outcome: Outcome, message: str = "") -> CheckResult:
    # What cannot be told costs nothing: its points are neither given nor asked for.
    asked = 0 if outcome is Outcome.UNKNOWN else check.points
    points = check.points if outcome is Outcome.PASSED else 0
    return CheckResult(check.id, check.sentence, outcome, points, asked, message)


def _said(error: BaseException) -> str:
    text = error.title if isinstance(error, SandboxError) else str(error)
    return f"{type(error).__name__}: {text}".strip().splitlines()[0][:500]


def _skipped(
    exercise: Exercise, checks: Checks, place: Place, lacking: list[str], facts: dict[str, Any]
) -> ExerciseResult:
    product = place.facts.get("product") or place.engine.title
    why = f"It requires {', '.join(lacking)}, which {product} lacks here."
    results = tuple(_result(check, Outcome.SKIPPED, why) for check in checks.checks)
    return ExerciseResult(exercise.id, results, 0.0, skipped=why, facts=facts)


def _engine(desk: Desk, place: Place, act: Any) -> Any:
    try:
        return desk.do(act, ENGINE_SECONDS)
    except SandboxError:
        raise
    except Exception as error:
        raise EnvironmentRefusedError(
            f"{place.engine.title} refused to make ready for an exercise: {_said(error)}",
            code="engine-refused",
            actions=[
                "sandbox status",
                f"sandbox logs {place.engine.name}",
                f"sandbox up {place.engine.name}",
            ],
        ) from error


def _clear(place: Place, attempt: Attempt, desk: Desk, sink: Sink) -> None:
    try:
        _engine(desk, place, lambda: place.engine.clear(place.endpoint, attempt))
    except SandboxError as error:
        sink(Warned(f"{attempt.exercise}: what the answer made could not be cleared: {error.title}"))


def _close(context: Context, desk: Desk) -> None:
    try:
        desk.do(context.close, 10)
    except TooLong:
        context.abandon()


_WHOLE: set[tuple[Path, str, int]] = set()


def _demand_dataset(exercise: Exercise, place: Place, desk: Desk) -> None:
    seen = (place.home, place.engine.name, place.endpoint.port)
    if not exercise.spec.needs.dataset or seen in _WHOLE:
        return
    counts: Mapping[str, int] = _engine(desk, place, lambda: place.engine.counts(place.endpoint))
    missing = [table for table in ("customers", "employees", "orders") if not counts.get(table)]
    if missing:
        raise EnvironmentRefusedError(
            f"{exercise.id} needs the dataset, and {place.engine.name} has no {', '.join(missing)}.",
            code="dataset-missing",
            actions=[f"sandbox load {place.engine.name}"],
        )
    _WHOLE.add(seen)


@contextmanager
def _desk() -> Iterator[Desk]:
    desk = Desk()
    try:
        yield desk
    finally:
        desk.close()


@contextmanager
def _alone(place: Place, exercise: Exercise, sink: Sink) -> Iterator[None]:
    """Hold the engine for this grading: what two exercises own may be the same."""
    from filelock import FileLock, Timeout

    lock = FileLock(place.home / f"grading-{place.engine.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sink(Phase(exercise.id, "wait", f"for another grading on {place.engine.name}"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()

"""The rules of grading that need no engine: outcomes, points, dependencies, progress, verdicts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import SandboxError, UsageError
from sandbox.grading import CannotTell, Mismatch, Missing, check, report, runner
from sandbox.grading.desk import Desk, TooLong
from sandbox.grading.model import CheckResult, ExerciseResult, Outcome
from sandbox.grading.progress import Progress


class Nothing:
    """A context for checks that look at nothing."""

    deadline = 0.0
    others: dict[str, Any] = {}  # noqa: RUF012 - nobody adds to it

    def abandon(self) -> None:
        pass


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def graded(desk: Desk, *functions: Callable[[Any], None]) -> list[CheckResult]:
    checks = [f.__sandbox_check__ for f in functions]  # type: ignore[attr-defined]
    return runner.run_checks(checks, Nothing(), desk)  # type: ignore[arg-type]


def one(desk: Desk, body: Callable[[Any], None]) -> CheckResult:
    def function(ctx: Any) -> None:
        """It is so."""
        body(ctx)

    (result,) = graded(desk, check(points=3)(function))
    return result


def raising(error: BaseException) -> Callable[[Any], None]:
    def body(_ctx: Any) -> None:
        raise error

    return body


def test_a_check_that_returns_has_passed(desk: Desk) -> None:
    result = one(desk, lambda _: None)
    assert (result.outcome, result.points, result.max_points) == (Outcome.PASSED, 3, 3)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Missing("Table employees"), "Table employees is missing."),
        (Mismatch("The count", expected=2, found=3), "expected 2, found 3"),
        (AssertionError("there must be two"), "there must be two"),
    ],
)
def test_what_differs_is_failed_and_costs_its_points(desk: Desk, error: Exception, said: str) -> None:
    result = one(desk, raising(error))
    assert (result.outcome, result.points, result.max_points) == (Outcome.FAILED, 0, 3)
    assert said in result.message


def test_an_expected_value_that_is_the_answer_is_not_told(desk: Desk) -> None:
    result = one(desk, raising(Mismatch("The sum", expected=4711, found=3, show_expected=False)))
    assert "4711" not in result.message


@pytest.mark.parametrize(
    "error",
    [
        CannotTell("no"),
        KeyError("x"),
        AssertionError(),
        ConnectionError("gone"),
        SystemExit(1),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_our_own_crash_is_unknown_and_costs_nothing(desk: Desk, error: BaseException) -> None:
    result = one(desk, raising(error))
    assert (result.outcome, result.points, result.max_points) == (Outcome.UNKNOWN, 0, 0)


def test_a_check_that_takes_too_long_is_unknown_and_the_next_one_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    ended = []

    @check(points=1)
    def slow(ctx: Any) -> None:
        """Slow."""
        ended.append(release.wait(600))

    @check(points=1)
    def quick(ctx: Any) -> None:
        """Quick."""

    with monkeypatch.context() as patched:
        patched.setattr(runner, "CHECK_SECONDS", 0.1)
        results = graded(desk, slow)
    results += graded(desk, quick)
    assert [r.outcome for r in results] == [Outcome.UNKNOWN, Outcome.PASSED]
    assert not ended
    release.set()


def test_what_rests_on_a_failed_check_is_skipped_and_on_an_unknown_one_unknown(desk: Desk) -> None:
    @check(points=1)
    def failed(ctx: Any) -> None:
        """Failed."""
        raise Missing("x")

    @check(points=1)
    def unknown(ctx: Any) -> None:
        """Unknown."""
        raise CannotTell("x")

    @check(points=2, after=[failed])
    def after_failed(ctx: Any) -> None:
        """After failed."""

    @check(points=2, after=[after_failed])
    def after_skipped(ctx: Any) -> None:
        """After skipped."""

    @check(points=2, after=[failed, unknown])
    def after_unknown(ctx: Any) -> None:
        """After unknown."""

    results = graded(desk, failed, unknown, after_failed, after_skipped, after_unknown)
    assert [r.outcome for r in results] == ["failed", "unknown", "skipped", "skipped", "unknown"]
    assert [r.max_points for r in results] == [1, 0, 2, 2, 0]


def test_a_desk_gives_the_result_the_error_or_that_it_took_too_long(desk: Desk) -> None:
    release = threading.Event()
    assert desk.do(lambda: threading.current_thread().name, 60) == "grading"
    with pytest.raises(ZeroDivisionError):
        desk.do(lambda: 1 // 0, 60)
    with pytest.raises(TooLong):
        desk.do(lambda: release.wait(600), 0.05)
    assert desk.do(lambda: 1, 60) == 1
    release.set()


def result_of(*outcomes: str, exercise: str = "s3/01-x", skipped: str = "") -> ExerciseResult:
    checks = tuple(
        CheckResult(f"c{i}", "It is so.", Outcome(o), 2 if o == "passed" else 0, 0 if o == "unknown" else 2)
        for i, o in enumerate(outcomes)
    )
    return ExerciseResult(exercise, checks, 0.1, skipped=skipped)


def test_only_full_points_pass() -> None:
    assert result_of("passed", "passed").passed
    for other in ("failed", "unknown", "skipped"):
        assert not result_of("passed", other).passed
    assert not result_of().passed


def test_a_skipped_exercise_is_never_passed() -> None:
    skipped = result_of("skipped", skipped="It requires users.")
    assert not skipped.passed
    assert report.state_of(skipped) == "skipped"
    assert not report.all_full([skipped])
    assert report.all_full([result_of("passed"), skipped])


def test_the_json_of_a_result_has_the_fields_that_others_build_on() -> None:
    data = report.result_json(result_of("passed", "failed"))
    assert {"exercise", "points", "max_points", "seconds", "checks"} <= set(data)
    assert set(data["checks"][0]) == {"id", "sentence", "outcome", "points", "max_points", "message"}
    assert json.loads(json.dumps(data))["checks"][1]["outcome"] == "failed"


def test_progress_keeps_what_was_solved_and_counts_attempts(tmp_path: Path) -> None:
    progress = Progress(tmp_path)
    assert progress.of("s3/01-x").state == "new"
    assert progress.graded(result_of("passed", "failed")).state == "tried"
    assert progress.graded(result_of("passed", "passed")).state == "solved"
    after = progress.graded(result_of("failed", "failed"))
    assert (after.state, after.attempts, after.best, after.points) == ("solved", 3, 4, 4)
    assert Progress(tmp_path).of("s3/01-x") == after
    assert sorted(p.name for p in tmp_path.iterdir()) == ["progress.json", "progress.lock"]


def test_a_skipped_exercise_is_no_attempt(tmp_path: Path) -> None:
    assert Progress(tmp_path).graded(result_of("skipped", skipped="no")).attempts == 0


def test_two_gradings_at_once_both_count(tmp_path: Path) -> None:
    names = [f"s3/{i:02}-x" for i in range(8)]
    threads = [
        threading.Thread(target=Progress(tmp_path).graded, args=(result_of("passed", exercise=n),))
        for n in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(Progress(tmp_path).read()) == set(names)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema_version": 99, "exercises": {}}', '{"schema_version": 1}']
)
def test_a_progress_file_that_cannot_be_read_is_named_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        Progress(tmp_path).graded(result_of("passed"))
    assert str(path) in caught.value.title
    assert path.read_text() == text


def test_a_choice_answer_is_taken_only_where_choices_are_asked_for(tmp_path: Path) -> None:
    from sandbox.engines.registry import engine
    from sandbox.grading import execution
    from sandbox.grading.exercise import find_all

    exercise = next(e for e in find_all()[0] if e.spec.engine == "redis")
    redis = engine("redis")
    assert execution.accepted(exercise, redis) == (".redis", ".sh", ".py")
    for name in ("a.toml", "a.sql", "a"):
        with pytest.raises(SandboxError) as caught:
            execution.read(exercise, tmp_path / name, redis)
        assert caught.value.code == "unknown-answer-language"
    with pytest.raises(SandboxError) as caught:
        execution.read(exercise, tmp_path / "a.redis", redis)
    assert caught.value.code == "no-answer-file"

"""Exercises on live engines: grading, the verifier, and the commands a learner types."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.registry import NAMES
from sandbox.errors import EnvironmentRefusedError
from sandbox.grading import runner
from sandbox.grading.exercise import Exercise, find, find_all, folders, load
from sandbox.grading.lanes import side_by_side
from sandbox.grading.model import ExerciseResult, Outcome
from sandbox.grading.place import Place
from sandbox.grading.places import places
from sandbox.grading.verify import Verified, verify
from sandbox.sandbox import Sandbox
from tests.integration.conftest import REDIS_CHECK, TOML


def outcomes(result: ExerciseResult) -> dict[str, str]:
    return {check.id: str(check.outcome) for check in result.checks}


# -- grading ---------------------------------------------------------------------------------------------


def test_the_solution_gets_full_points_and_says_on_what_it_rests(
    place: Place, make: Callable[..., Exercise]
) -> None:
    exercise = make()
    result = runner.grade(exercise, exercise.solution, place, seed=42)
    assert (result.passed, result.points, result.max_points, result.problem) == (True, 5, 5, "")
    assert {"engine_version", "runtime", "dataset_hash", "exercise_hash", "answer_sha256"} <= set(
        result.facts
    )
    assert result.facts["seed"] == 42


def test_a_wrong_answer_is_told_what_differs_and_what_rests_on_it_is_skipped(
    place: Place, make: Callable[..., Exercise]
) -> None:
    exercise = make()
    result = runner.grade(exercise, exercise.folder / "wrong/no-key.redis", place, seed=1)
    assert outcomes(result) == {"key-set": "failed", "key-right": "skipped"}
    assert result.checks[0].message == "Key a is missing."
    assert (result.points, result.max_points) == (0, 5)


def test_data_varies_with_the_seed_so_that_a_copied_value_does_not_pass(
    place: Place, make: Callable[..., Exercise], tmp_path: Path
) -> None:
    exercise, answer = make(), tmp_path / "copied.redis"
    answer.write_text("SET a 7\n")
    assert runner.grade(exercise, answer, place, seed=7).passed
    assert not runner.grade(exercise, answer, place, seed=8).passed


def test_the_same_thing_done_in_python_or_shell_passes_as_well(
    place: Place, make: Callable[..., Exercise], tmp_path: Path
) -> None:
    exercise = make()
    script, program = tmp_path / "answer.sh", tmp_path / "answer.py"
    line = "import os, redis; redis.Redis.from_url(os.environ['REDIS_URL']).copy('wanted', 'a')"
    script.write_text(f'python -c "{line}"\n')
    program.write_text(line + "\n")
    for answer in (script, program):
        result = runner.grade(exercise, answer, place, seed=3)
        assert result.passed, result


def test_a_refused_statement_is_reported_with_its_line_and_ends_the_answer(
    place: Place, make: Callable[..., Exercise], tmp_path: Path
) -> None:
    exercise, answer = make(), tmp_path / "answer.redis"
    answer.write_text("# one\n\nPING\nNOSUCHCOMMAND 1\nCOPY wanted a\n")
    result = runner.grade(exercise, answer, place, seed=3)
    assert result.problem.startswith("Line 4: ")
    assert "NOSUCHCOMMAND" in result.problem
    assert outcomes(result)["key-set"] == "failed"


def test_what_an_answer_made_stays_until_the_next_attempt_or_a_reset(
    place: Place, make: Callable[..., Exercise]
) -> None:
    exercise = make()
    runner.grade(exercise, exercise.solution, place, seed=1)
    endpoint = place.engine.attempt_endpoint(place.endpoint, runner.attempt_of(exercise, 1))
    with place.engine.connect(endpoint) as connection:
        assert connection.get("a") == "1"
        runner.grade(exercise, exercise.starter, place, seed=2)
        assert connection.get("a") is None
        runner.grade(exercise, exercise.solution, place, seed=2)
        runner.reset(exercise, place)
        assert connection.dbsize() == 0
        runner.grade(exercise, exercise.solution, place, seed=2, keep=False)
        assert connection.dbsize() == 0


def test_an_exercise_that_requires_what_the_engine_lacks_is_skipped_with_the_reason(
    place: Place, make: Callable[..., Exercise]
) -> None:
    exercise = make(extra='requires = ["teleport"]')
    result = runner.grade(exercise, exercise.solution, replace(place, lacks=frozenset({"teleport"})), seed=1)
    assert not result.passed
    assert "teleport" in result.skipped
    assert set(outcomes(result).values()) == {"skipped"}
    assert runner.grade(exercise, exercise.solution, place, seed=1).passed


def test_a_result_that_rests_on_an_approximation_says_so(place: Place, make: Callable[..., Exercise]) -> None:
    exercise = make()
    result = runner.grade(exercise, exercise.solution, replace(place, approximation="Only like it."), seed=1)
    assert result.facts["approximation"] == "Only like it."
    assert "approximation" not in runner.grade(exercise, exercise.solution, place, seed=1).facts


def test_when_prepare_fails_nothing_can_be_told_and_nothing_is_lost(
    place: Place, make: Callable[..., Exercise]
) -> None:
    exercise = make(**{"check.py": REDIS_CHECK.replace('return {"wanted"', 'return {1: 1 / 0, "wanted"')})
    result = runner.grade(exercise, exercise.solution, place, seed=1)
    assert set(outcomes(result).values()) == {"unknown"}
    assert "could not be prepared" in result.problem
    assert result.max_points == 0


def test_an_engine_that_is_gone_is_an_error_with_a_remedy_and_not_a_failed_answer(
    place: Place, make: Callable[..., Exercise]
) -> None:
    exercise = make()
    gone = replace(place, endpoint=replace(place.endpoint, port=1))
    with pytest.raises(EnvironmentRefusedError) as caught:
        runner.grade(exercise, exercise.solution, gone, seed=1)
    assert caught.value.code == "engine-refused"
    assert "sandbox up redis" in caught.value.actions


def test_two_gradings_on_one_engine_wait_for_each_other(
    place: Place, make: Callable[..., Exercise], tmp_path: Path
) -> None:
    exercise, answer = make(), tmp_path / "answer.py"
    answer.write_text(
        "import os, redis, time\n"
        "store = redis.Redis.from_url(os.environ['REDIS_URL'], decode_responses=True)\n"
        "store.set('mine', os.getpid())\ntime.sleep(0.5)  # time for the other one, if it did not wait\n"
        "assert store.get('mine') == str(os.getpid())\nstore.copy('wanted', 'a')\n"
    )
    results: list[ExerciseResult] = []
    threads = [
        threading.Thread(
            target=lambda seed=seed: results.append(runner.grade(exercise, answer, place, seed=seed))
        )
        for seed in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.passed for r in results] == [True, True], results


def test_a_choices_answer_is_parsed_and_not_executed(
    place: Place, make: Callable[..., Exercise], tmp_path: Path
) -> None:
    check = '''\
from sandbox.grading import Mismatch, check

@check(points=1)
def choice(ctx):
    """The best engine is chosen."""
    if ctx.choices.get("scenario", {}).get("engine") != "redis":
        raise Mismatch("The engine", expected="redis", found=ctx.choices, show_expected=False)
'''
    toml = TOML.format(service="elasticache", engine="redis", suffix=".toml", extra="")
    exercise = make(**{"check.py": check, "exercise.toml": toml})
    answer = tmp_path / "answer.toml"
    answer.write_text('[scenario]\nengine = "redis"\n')
    assert runner.grade(exercise, answer, place, seed=1).passed
    answer.write_text("[scenario\n")
    result = runner.grade(exercise, answer, place, seed=1)
    assert "line 1" in result.problem
    assert not result.passed


def test_results_reach_the_checks_with_their_types(
    sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]], tmp_path: Path
) -> None:
    engine_up("postgres")
    folder = tmp_path / "rds-postgresql" / "01-types"
    folder.mkdir(parents=True)
    (folder / "exercise.toml").write_text(
        TOML.format(
            service="rds-postgresql", engine="postgres", suffix=".sql", extra="[needs]\ndataset = true\n"
        )
    )
    (folder / "check.py").write_text(
        '''\
import datetime
from decimal import Decimal
from sandbox.grading import check

@check(points=1)
def typed(ctx):
    """The row was shown."""
    tables = [result for result in ctx.results if result.columns]
    assert list(tables[0].columns) == ["totaldue", "orderdate"], tables[0].columns
    assert tuple(tables[0].rows[0]) == (Decimal("37497.4457"), datetime.date(2014, 5, 1)), tables[0].rows
    assert "37497.4457" in ctx.output, ctx.output
    assert ctx.scalar("select count(*) from public.orders where salesorderid = %s", (71782,)) >= 1
    assert ctx.rows("select 1 as one") == [(1,)]
    assert ctx.scalar("select current_database()", database="postgres") == "postgres"
'''
    )
    answer = tmp_path / "answer.sql"
    answer.write_text("select totaldue, orderdate from orders where salesorderid = 71782 limit 1;\n")
    exercise = load(folder)
    result = runner.grade(exercise, answer, sandbox.place("postgres"), seed=1)
    assert result.passed, result
    endless = tmp_path / "endless.sql"
    endless.write_text("select g, repeat('x', 1000) from generate_series(1, 20000) g;\n")
    result = runner.grade(exercise, endless, sandbox.place("postgres"), seed=1)
    assert "the first 60 shown" in result.output
    assert not result.problem


# -- the verifier ----------------------------------------------------------------------------------------


def test_a_good_exercise_is_verified_with_any_seed_in_any_order(
    place: Place, make: Callable[..., Exercise]
) -> None:
    import random

    found = verify(make(), place, seeds=(1, 2, 3), shuffle=random.Random(4))
    assert found.ok, found.problems


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a starter that passes": ({"starter.redis": "COPY wanted a\n"}, "starter gets full points"),
    "a solution that fails": (
        {"solution.redis": "PING\n"},
        "solution.redis (seed 1): loses the check key-set",
    ),
    "a solution that is refused": (
        {"solution.redis": "COPY wanted a\nNOSUCH\n"},
        "solution.redis (seed 1): ends with a problem",
    ),
    "a solution that fits one seed only": ({"solution.redis": "SET a 1\n"}, "solution.redis (seed 2): loses"),
    "a wrong answer that is right": (
        {"wrong/other.redis": "COPY wanted a\n"},
        "wrong/other.redis (seed 1): does not lose the check key-right",
    ),
    "a wrong answer that loses another check": (
        {"wrong/other.redis": "PING\n"},
        "wrong/other.redis (seed 1): loses the check key-set, which it must not lose",
    ),
    "a check that crashes": (
        {"check.py": REDIS_CHECK.replace('ctx.given["wanted"]:', 'ctx.given["wantd"]:')},
        "cannot tell check key-right",
    ),
    "a check that nothing loses": (
        {
            "check.py": REDIS_CHECK
            + '\n@check(points=1)\ndef idle(ctx):\n    """It is so."""\n    ctx.connection.ping()\n'
        },
        "no wrong answer loses the check idle",
    ),
    "no task": ({"README.md": None}, "README.md is missing"),
    "no solution": ({"solution.redis": None}, "solution.redis is missing"),
    "a wrong answer that is not there": ({"wrong/other.redis": None}, "wrong/other.redis is missing"),
    "a wrong answer that is not named": ({"wrong/third.redis": "PING\n"}, "wrong/third.redis is not named"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_verifier_finds(place: Place, make: Callable[..., Exercise], what: str) -> None:
    files, said = BROKEN[what]
    found = verify(make(**files), place, seeds=(1, 2))
    assert not found.ok
    assert any(said in problem for problem in found.problems), found.problems


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('hints = ["one", "two", "three"]', 'hints = ["one", "two"]', "2 hints"),
        ('loses = ["key-right"]', 'loses = ["key-wrong"]', "there is no such check"),
        ('loses = ["key-right"]', "loses = []", "then it is not wrong"),
        ('engine = "redis"', 'engine = "postgres"', "does not stand in"),
    ],
)
def test_the_verifier_finds_in_the_toml(
    place: Place, make: Callable[..., Exercise], old: str, new: str, said: str
) -> None:
    exercise = make()
    path = exercise.folder / "exercise.toml"
    path.write_text(path.read_text().replace(old, new))
    changed = load(exercise.folder)
    if changed.spec.engine != "redis":
        changed = replace(changed, spec=replace(changed.spec, service="s3"))
    found = verify(changed, place)
    assert any(said in problem for problem in found.problems), found.problems


def test_an_exercise_skipped_here_is_told_as_skipped(place: Place, make: Callable[..., Exercise]) -> None:
    found = verify(make(extra='requires = ["teleport"]'), replace(place, lacks=frozenset({"teleport"})))
    assert found.ok
    assert "teleport" in found.skipped


def test_an_interrupted_lane_ends_the_others(make: Callable[..., Exercise]) -> None:
    exercise = make()
    other = replace(exercise, spec=replace(exercise.spec, engine="postgres"))
    cancelled: list[bool] = []

    def work(one: Exercise, cancel: threading.Event) -> bool:
        if one is exercise:
            raise EnvironmentRefusedError("gone", code="gone")
        cancelled.append(cancel.wait(120))
        return True

    with pytest.raises(EnvironmentRefusedError):
        side_by_side([exercise, other], work)
    assert cancelled in ([True], []), "it was begun and ended, or not begun any more"


@pytest.mark.parametrize("exercise_id", list(folders()))
def test_the_shipped_exercise_is_proven(
    exercise_id: str, sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]]
) -> None:
    exercise = find(exercise_id)
    for name in exercise.spec.engines:
        engine_up(name)
    found = verify(exercise, places([exercise], sandbox)[exercise.spec.engine])
    assert found.ok, found.problems
    lacking = set(exercise.spec.requires) & places([exercise], sandbox)[exercise.spec.engine].lacks
    assert bool(found.skipped) == bool(lacking)


# -- the commands ----------------------------------------------------------------------------------------

ID = "elasticache/01-create-insert-query"


@pytest.fixture
def cli(place: Place, sandbox: Sandbox, tmp_path: Path) -> Callable[..., tuple[int, Any, str]]:
    """``cli("grade", ID)``: exit code, envelope with ``--json`` (else text), stderr; no progress yet."""
    (Path(os.environ["SANDBOX_HOME"]) / "progress.json").unlink(missing_ok=True)

    def run(*argv: str, name: str | None = sandbox.name) -> tuple[int, Any, str]:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", "exercise", *argv],
            cwd=tmp_path,
            env={**os.environ, **({"SANDBOX_NAME": name} if name else {})},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout) if "--json" in argv else done.stdout, done.stderr

    return run


def test_a_learner_starts_fails_takes_a_hint_and_solves(
    cli: Callable[..., tuple[int, Any, str]], tmp_path: Path
) -> None:
    code, data, _ = cli("start", ID, "--json")
    assert code == 0
    answer = tmp_path / data["data"]["answer"]
    assert answer.read_bytes() == find(ID).starter.read_bytes()

    code, data, _ = cli("grade", ID, "--json")
    assert code == 1
    (result,) = data["data"]["results"]
    assert result["points"] < result["max_points"]
    assert data["error"]["code"] == "exercise-not-passed"

    code, text, _ = cli("hint", ID)
    assert (code, text[:9]) == (0, "Hint 1 of")
    code, data, _ = cli("hint", ID, "--json")
    assert data["data"]["number"] == 2

    shutil.copyfile(find(ID).solution, answer)
    code, data, _ = cli("start", ID, "--json")
    assert (code, data["error"]["code"]) == (2, "work-exists")
    assert answer.read_bytes() == find(ID).solution.read_bytes()

    code, text, errors = cli("grade", ID, "--seed", "5")
    assert code == 0, errors
    assert "10 of 10 points" in text

    code, data, _ = cli("list", "--service", "elasticache", "--json")
    listed = {e["id"]: e for e in data["data"]["exercises"]}
    assert listed[ID]["state"] == "solved"
    assert {"id", "service", "engine", "part", "title", "points", "state"} <= set(listed[ID])
    assert cli("reset", ID)[0] == 0


def test_hints_cost_what_the_teacher_says_and_never_more_than_was_got(
    cli: Callable[..., tuple[int, Any, str]], tmp_path: Path
) -> None:
    cli("start", ID)
    answer = tmp_path / "sandbox-work" / ID / "answer.redis"
    code, text, _ = cli("grade", ID, "--hint-price", "2")
    assert "Next hint (1 of 3, minus 2 points): sandbox exercise hint" in text
    assert cli("hint", ID, "--hint-price", "2", "--json")[1]["data"]["price"] == 2
    cli("hint", ID)
    shutil.copyfile(find(ID).solution, answer)
    code, text, _ = cli("grade", ID, "--hint-price", "2")
    assert (code, "6 of 10 points (4 less for 2 hints)" in text) == (0, True)
    (result,) = cli("grade", ID, "--hint-price", "99", "--json")[1]["data"]["results"]
    assert (result["points"], result["penalty"], result["passed"]) == (0, 10, True)
    (result,) = cli("grade", ID, "--json")[1]["data"]["results"]
    assert (result["points"], result["penalty"]) == (10, 0)


def test_the_solution_is_shown_after_full_points_or_to_who_gives_up(
    cli: Callable[..., tuple[int, Any, str]], tmp_path: Path
) -> None:
    solution = find(ID).solution.read_text(encoding="utf-8")
    code, data, _ = cli("solution", ID, "--json")
    assert (code, data["error"]["code"]) == (1, "not-solved")
    assert cli("solution", ID, "--give-up")[:2] == (0, solution)
    progress = json.loads((Path(os.environ["SANDBOX_HOME"]) / "progress.json").read_text())
    assert progress["exercises"][ID]["gave_up"] is True
    cli("start", ID)
    shutil.copyfile(find(ID).solution, tmp_path / "sandbox-work" / ID / "answer.redis")
    cli("grade", ID)
    assert cli("solution", ID)[:2] == (0, solution)


def test_watch_grades_each_save_until_full_points(
    place: Place, sandbox: Sandbox, cli: Callable[..., tuple[int, Any, str]], tmp_path: Path
) -> None:
    cli("start", ID)
    answer = tmp_path / "sandbox-work" / ID / "answer.redis"
    watching = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "exercise", "watch", ID],
        cwd=tmp_path,
        env={**os.environ, "SANDBOX_NAME": sandbox.name},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout
        for line in watching.stdout:
            if line.startswith("Waiting for you to save"):
                break
        # Saved as many editors do: another file takes the place of the old one.
        saved = answer.with_name("answer.redis~")
        shutil.copyfile(find(ID).solution, saved)
        saved.replace(answer)
        rest = watching.stdout.read()
        assert "10 of 10 points" in rest
        assert watching.wait(120) == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close() if watching.stdout else None


def test_list_shows_progress_by_service_and_part(cli: Callable[..., tuple[int, Any, str]]) -> None:
    code, text, _ = cli("list", "--part", "create")
    assert code == 0
    (row,) = [line for line in text.splitlines() if line.startswith("memorydb  ")]
    assert row.split()[1:] == ["-", "0/1", "-", "-", "-", "-", "-"]
    assert cli("list", "--part", "nonsense", "--json")[1]["error"]["code"] == "unknown-part"


def test_show_prints_the_readme_as_it_is_into_a_pipe(cli: Callable[..., tuple[int, Any, str]]) -> None:
    code, text, _ = cli("show", ID)
    assert (code, text) == (0, find(ID).readme.read_text(encoding="utf-8"))


def test_run_shows_statements_results_and_the_graded_table(cli: Callable[..., tuple[int, Any, str]]) -> None:
    code, text, _ = cli("run", ID, "memorydb/01-create-insert-query")
    assert code == 0
    assert "SET user:1 JohnDoe\nOK\n" in text
    assert text.rstrip().endswith("full points")
    code, data, _ = cli("run", ID, "--json")
    assert [r["passed"] for r in data["data"]["results"]] == [True]


def test_verify_names_each_exercise_and_its_problems(cli: Callable[..., tuple[int, Any, str]]) -> None:
    code, data, _ = cli("verify", ID, "--shuffle", "--json")
    assert code == 0
    (found,) = data["data"]["exercises"]
    assert {k: found[k] for k in ("id", "ok", "problems")} == {"id": ID, "ok": True, "problems": []}
    assert found["seconds"] > 0


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (("show", "elasticache/01-creat"), 2, "unknown-exercise"),
        (("grade", ID), 2, "no-answer-file"),
        (("grade", ID, "--answer", "nowhere.redis"), 2, "no-answer-file"),
        (("grade", ID, "--answer", "answer.cobol"), 2, "unknown-answer-language"),
        (("hint", ID, "99"), 2, "unknown-hint"),
        (("verify",), 2, "which-exercises"),
        (("list", "--engine", "rediss"), 2, "unknown-engine"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong_usage_is_said_with_a_remedy(
    cli: Callable[..., tuple[int, Any, str]], argv: tuple[str, ...], code: int, error: str
) -> None:
    found, data, _ = cli(*argv, "--json")
    assert (found, data["error"]["code"]) == (code, error)
    assert data["error"]["actions"]


def test_an_engine_that_does_not_run_is_named_with_the_command_that_starts_it(
    cli: Callable[..., tuple[int, Any, str]],
) -> None:
    code, data, _ = cli("run", ID, "--json", name="nobodys")
    assert (code, data["error"]["code"]) == (3, "engine-not-running")
    assert data["error"]["actions"] == ["sandbox up redis --name nobodys"]


def test_every_command_has_an_example_in_its_help(cli: Callable[..., tuple[int, Any, str]]) -> None:
    for command in (
        "list",
        "show",
        "start",
        "grade",
        "watch",
        "hint",
        "solution",
        "reset",
        "new",
        "run",
        "verify",
    ):
        code, text, _ = cli(command, "--help")
        assert code == 0
        assert f"sandbox exercise {command}" in text


def test_exercises_fit_the_engines_they_name() -> None:
    for exercise in find_all()[0]:
        assert set(exercise.spec.engines) <= set(NAMES)


def test_an_unknown_outcome_never_counts_as_lost() -> None:
    assert Outcome.UNKNOWN not in (Outcome.FAILED, Outcome.SKIPPED)
    assert Verified("x", 0.0).ok


def test_the_shell_completes_ids_of_exercises(cli: Callable[..., tuple[int, Any, str]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['sandbox']; from sandbox.cli import run; run()"],
        env={
            **os.environ,
            "_SANDBOX_COMPLETE": "complete_bash",
            "COMP_WORDS": "sandbox exercise show elastic",
            "COMP_CWORD": "3",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ID in done.stdout

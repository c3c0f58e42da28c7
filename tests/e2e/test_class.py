"""Grading a class by the command: what it refuses, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.sandbox import Sandbox
from sandbox.state import names
from tests.e2e.conftest import COMMAND, Run, await_that

CACHE = "elasticache/01-create-insert-query"


@pytest.fixture
def room() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sandbox-test-class-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def handed_in(room: Path) -> Path:
    """Eight students with the right answer."""
    for number in range(8):
        answer = room / "class" / f"student {number}" / CACHE / "answer.redis"
        answer.parent.mkdir(parents=True)
        shutil.copy(config.resources("exercises") / CACHE / "solution.redis", answer)
    (room / "class").chmod(0o700)
    return room / "class"


@pytest.fixture
def up(engine_up: Callable[[str], tuple[Engine, Endpoint]], sandbox: Sandbox) -> str:
    engine_up("redis")
    return sandbox.name


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], "which-exercises", "Name one exercise"),
        ([CACHE, CACHE], "which-exercises", "Name one exercise"),
        ([CACHE, "--jobs", "2"], "options-exclude", "--jobs: only with --submissions"),
        ([CACHE, "--again", "--results", "x"], "options-exclude", "--results, --again: only with"),
        (["--submissions", ".", "--answer", "x.sql"], "options-exclude", "--answer: not with --submissions"),
        (["--submissions", ".", "--dask", "x", "--jobs", "2"], "options-exclude", "--dask a cluster's"),
        (["--submissions", "none"], "no-submissions", "none"),
        (["--submissions", ".", "nope/01-x"], "unknown-exercise", "nope/01-x"),
        ([CACHE, "--report", "x.pdf"], "bad-report", "x.pdf"),
        (["--submissions", ".", "--report", "no/x.html"], "bad-report", "no/x.html"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(
    run: Run, room: Path, options: list[str], code: str, said: str
) -> None:
    found = run("exercise", "grade", *options, "--json", cwd=room)
    assert (found.code, found.json["error"]["code"]) == (2, code)
    assert said in found.json["error"]["title"]
    assert list(room.iterdir()) == []


def test_engines_that_do_not_run_are_all_named_before_anything_is_graded(
    run: Run, handed_in: Path, own_home: Path
) -> None:
    found = run("exercise", "grade", CACHE, "--submissions", str(handed_in), "--json", cwd=handed_in.parent)
    assert (found.code, found.json["error"]["code"]) == (3, "engine-not-running")
    assert found.json["error"]["actions"] == ["sandbox up redis"]


def test_what_is_graded_already_needs_no_engine(
    run: Run, handed_in: Path, up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["exercise", "grade", CACHE, "--submissions", str(handed_in)]
    assert run(*options, "--name", up, cwd=handed_in.parent).code == 0
    again = run(*options, "--name", "nothing-here", cwd=handed_in.parent)
    assert again.code == 0, again.err
    assert "0 answers graded" in again.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_batch_leaves_no_sandbox_and_goes_on(
    run: Run, handed_in: Path, up: str, number: signal.Signals
) -> None:
    before = names()
    # Waits for what never comes, so that the batch is at work when it is interrupted, whenever that is.
    held = handed_in / "student 1" / CACHE / "answer.redis"
    solution = held.read_text()
    held.write_text("BLPOP never 0\n")
    options = [
        "exercise", "grade", CACHE, "--submissions", str(handed_in), "--name", up, "--jobs", "2",
        "--seed", "1",
    ]  # fmt: skip
    results = handed_in.parent / "sandbox-results"
    process = subprocess.Popen(
        [COMMAND, *options], cwd=handed_in.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    await_that(lambda: _graded(results) or process.poll() is not None, "one answer is graded")
    process.send_signal(number)
    _, errors = process.communicate(timeout=180)
    assert process.returncode not in (0, 1), errors
    assert "Traceback" not in errors
    assert names() == before
    kept = _graded(results)
    held.write_text(solution)
    again = run(*options, "--json", cwd=handed_in.parent)
    assert again.code == 0, again.err
    assert (again.data["kept"], again.data["kept"] + again.data["graded"]) == (kept, 8)
    assert {s["points"] for s in again.data["students"]} == {10}


def _graded(results: Path) -> int:
    return sum('"graded"' in path.read_text() for path in results.glob("students/*.json"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_normal_user_grades_a_class_and_is_told_how_far_answers_are_kept_apart(
    handed_in: Path, room: Path
) -> None:
    home = Path(tempfile.mkdtemp(prefix="sandbox-test-user-"))
    for path in (room, *room.rglob("*"), home):
        os.chown(path, 65534, 65534)
    room.chmod(0o755)
    env = {**os.environ, "SANDBOX_HOME": str(home / "home"), "HOME": str(home), "TMPDIR": str(home)}
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

    def sandbox(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*user, COMMAND, *options], cwd=room, env=env, capture_output=True, text=True, check=False
        )

    # From a shell of that user's: `setpriv` itself may still reach what lies below root's home.
    works = subprocess.run([*user, "sh", "-c", f"{COMMAND} --version"], capture_output=True, check=False)
    if works.returncode != 0:
        shutil.rmtree(home)
        pytest.skip("a normal user cannot run this Python")
    try:
        up = sandbox("up", "redis")
        assert up.returncode == 0, up.stderr
        done = sandbox("exercise", "grade", CACHE, "--submissions", str(handed_in))
        assert done.returncode == 0, done.stderr
        assert "8 answers graded" in done.stdout
    finally:
        sandbox("down", "--all", "--delete")
        shutil.rmtree(home)

"""The same class graded on a Dask cluster of worker processes, one of which is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.grading.batch import gradebook, run
from sandbox.grading.batch.cluster import on_dask
from sandbox.grading.exercise import Exercise
from sandbox.sandbox import Sandbox
from sandbox.state import names
from tests.classroom import CACHE, MEMORY, RDS, SEED, graded, hand_in, timeless, wrong

distributed = pytest.importorskip("distributed", reason="the extra sandbox[dask] is not installed")

# What Dask and its event loop warn of is not ours.
pytestmark = [
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two worker processes and a scheduler, on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as made:
        yield made
    assert [name for name in names() if name.startswith("dask-")] == []


def on_cluster(
    cluster: Any, exercises: list[Exercise], source: Path, results: Path, watch: Any = None
) -> dict[str, Any]:
    wish = run.Wish(source, results, seed=SEED)
    inner = on_dask(cluster.scheduler_address)

    def grader(units: Any, known: Any, done: run.Done) -> None:
        def note(unit: Any, found: Any) -> None:
            done(unit, found)
            if watch is not None:
                watch(unit, found)

        inner(units, known, note)

    batch = run.run(wish, exercises, exercises, grader)
    run.demand(batch)
    return gradebook.of_batch(batch)


def test_two_workers_of_which_one_is_killed_give_the_same_as_this_machine(
    cluster: Any, box: Sandbox, exercises: list[Exercise], handed_in: Path, room: Path
) -> None:
    for number in range(6):
        for exercise in (RDS, CACHE, MEMORY):
            hand_in(handed_in, f"more{number}", exercise, "solution" if number % 2 else wrong(exercise))
    here = graded(box, exercises, handed_in, room / "here")
    pids = [worker.pid for worker in cluster.workers.values()]
    assert len(pids) == len(set(pids)) == 2
    killed = []

    def kill_one(_unit: Any, _found: Any) -> None:
        if not killed:
            # The scheduler hears of it by the closed connection, in the middle of an answer.
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    there = on_cluster(cluster, exercises, handed_in, room / "there", kill_one)
    assert killed
    assert timeless(there) == timeless(here)
    graded_answers = [e for s in there["students"] for e in s["results"] if e["state"] == "graded"]
    assert len(graded_answers) == 7 + 18


def test_a_worker_with_another_exercise_says_so_and_grades_nothing(
    cluster: Any, exercises: list[Exercise], handed_in: Path, room: Path, tmp_path: Path
) -> None:
    import shutil

    from sandbox.grading.exercise import load

    changed = tmp_path / CACHE
    shutil.copytree(exercises[0].folder, changed)
    (changed / "README.md").write_text("Another task.\n")
    with pytest.raises(EnvironmentRefusedError) as caught:
        on_cluster(cluster, [load(changed)], handed_in, room / "results")
    assert caught.value.code == "not-all-graded"
    assert "not the same" in caught.value.detail


def test_no_scheduler_and_no_workers_are_errors_that_say_so(
    exercises: list[Exercise], handed_in: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = run.Wish(handed_in, room / "results", seed=SEED)
    with monkeypatch.context() as patched:
        patched.setattr("sandbox.grading.batch.cluster.CONNECT_SECONDS", 1)
        for address in ("tcp://127.0.0.1:1", "nonsense", "ftp://x:1"):
            with pytest.raises(EnvironmentRefusedError) as caught:
                run.run(wish, exercises, exercises, on_dask(address))
            assert caught.value.code == "no-cluster"
            assert address in caught.value.title
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as empty,
        pytest.raises(EnvironmentRefusedError) as caught,
    ):
        run.run(wish, exercises, exercises, on_dask(empty.scheduler_address))
    assert caught.value.code == "no-workers"


def test_without_the_extra_the_error_has_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError) as caught:
        on_dask("tcp://127.0.0.1:8786")
    assert caught.value.code == "dask-missing"
    assert caught.value.actions == ("python -m pip install 'sandbox[dask]'",)


def test_the_command_grades_on_a_cluster(
    cluster: Any, handed_in: Path, room: Path, exercises: list[Exercise]
) -> None:
    command = [
        str(Path(sys.executable).with_name("sandbox")), "exercise", "grade", CACHE,
        "--submissions", str(handed_in), "--results", str(room / "results"),
        "--dask", cluster.scheduler_address,
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    assert "2 answers graded" in said.stdout
    assert "Grading on 2 workers" in said.stderr

"""A class graded on real engines: the same table however it is graded, and whatever ends it in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from sandbox.events import Event, Warned
from sandbox.grading.batch import gradebook, run, spares
from sandbox.grading.exercise import Exercise, find
from sandbox.grading.lanes import claims
from sandbox.sandbox import Sandbox
from sandbox.state import names
from tests.classroom import CACHE, MEMORY, RDS, SEED, graded, hand_in, points, timeless

SANDBOX = Path(sys.executable).with_name("sandbox")


def test_right_wrong_begun_and_missing_answers_are_told_apart(
    box: Sandbox, exercises: list[Exercise], handed_in: Path, room: Path
) -> None:
    document = graded(box, exercises, handed_in, room / "results")
    full = {e["id"]: e["points"] for e in document["exercises"]}
    found = points(document)
    assert found["ada"] == full
    assert all(0 < found["bob"][name] < full[name] for name in full)
    assert found["eve"] == {RDS: 0, CACHE: "no answer", MEMORY: "no answer"}
    assert found["zoë"] == dict.fromkeys(full, "no answer")
    engines = {e["engine"]: e for e in document["engines"]}
    assert set(engines) == {"postgres", "redis"}
    assert all(e["engine_version"] and e["dataset_hash"] and e["isolation"] for e in engines.values())
    seeds = {
        entry["result"]["facts"]["seed"]
        for s in document["students"]
        for entry in s["results"]
        if entry["result"]
    }
    assert seeds == {SEED}


def test_one_job_and_four_give_the_same_and_leave_no_sandbox(
    box: Sandbox, exercises: list[Exercise], handed_in: Path, room: Path
) -> None:
    before = names()
    one = graded(box, exercises, handed_in, room / "one", jobs=1)
    four = graded(box, exercises, handed_in, room / "four", jobs=4)
    assert timeless(one) == timeless(four)
    assert names() == before


def test_a_sandbox_that_a_killed_batch_left_is_taken_over_and_taken_down(
    box: Sandbox, session_home: Path
) -> None:
    program = (
        "import sys; from sandbox.grading.batch import spares; "
        "spare = spares.claim('killed'); spare.bring(['redis']); print(spare.box.name, flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        second = spares.claim("killed")
        assert (name, second.box.name) == ("killed-grade-2", "killed-grade-3")
        second.end()
        process.kill()
    assert Sandbox(name=name).running() == ["redis"]
    again = spares.claim("killed")
    assert again.box.name == name
    again.end()
    assert name not in names()


def test_what_dead_owners_left_is_swept_and_a_persons_own_sandbox_is_not(
    box: Sandbox, session_home: Path
) -> None:
    mine = Sandbox(name="swept-grade-2")
    mine.up(["redis"])
    try:
        spare = spares.claim("swept")
        assert spare.box.name == "swept-grade-3"
        spare.bring(["redis"])
        spare._lock.release()
        assert spares.sweep("swept") == ["swept-grade-3"]
        assert "swept-grade-3" not in names()
        assert mine.running() == ["redis"]
    finally:
        mine.down(delete=True)


def test_an_answer_cannot_read_the_answers_of_others(
    box: Sandbox, exercises: list[Exercise], room: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run answers as another user")
    folder, results = room / "class", room / "results"
    hand_in(folder, "ada", CACHE, "solution")
    thief = folder / "mallory" / CACHE / "answer.py"
    thief.parent.mkdir(parents=True)
    ada = folder / "ada" / "sandbox-work" / CACHE / "answer.redis"
    thief.write_text(
        "import glob, pathlib, tempfile\n"
        f"for name in [{str(ada)!r}, *glob.glob({str(results)!r} + '/**', recursive=True),"
        " *glob.glob(tempfile.gettempdir() + '/../../sandbox-submission-*/*'),"
        " *glob.glob('/tmp/sandbox-submission-*/*'), *glob.glob('/tmp/sandbox-submission-*/../*/*.redis')]:\n"
        "    try:\n"
        "        print('READ', pathlib.Path(name).read_text())\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__)\n"
    )
    folder.chmod(0o700)
    told: list[Event] = []
    document = graded(box, exercises[:1], folder, results, told)
    (mallory,) = [s for s in document["students"] if s["student"] == "mallory"]
    output = mallory["results"][0]["result"]["output"]
    assert "PermissionError" in output
    assert "READ" not in output
    assert mallory["points"] == 0
    assert not [e for e in told if isinstance(e, Warned)]


def test_a_folder_of_submissions_that_answers_could_read_is_told(
    box: Sandbox, exercises: list[Exercise], handed_in: Path, room: Path
) -> None:
    from sandbox.grading.limits import strongest_isolation

    handed_in.chmod(0o755)
    room.chmod(0o755)
    told: list[Event] = []
    graded(box, exercises[:1], handed_in, room / "results", told)
    warned = " ".join(e.text for e in told if isinstance(e, Warned))
    if strongest_isolation().name in ("user", "none"):
        assert "could read" in warned
    else:
        assert not warned


def test_an_engine_that_was_killed_is_brought_back_and_nobody_loses_by_it(
    box: Sandbox, exercises: list[Exercise], handed_in: Path, room: Path
) -> None:
    pid = next(s.pid for s in box.status(["redis"]) if s.pid)
    killed = []

    def grader(units: Any, known: Any, done: run.Done) -> None:
        def note(unit: Any, found: Any) -> None:
            done(unit, found)
            if not killed:
                killed.append(unit)
                os.kill(pid, signal.SIGKILL)

        run.here(box, wish)(units, known, note)

    wish = run.Wish(handed_in, room / "results", seed=SEED)
    batch = run.run(wish, exercises, exercises, grader)
    assert batch.errors == []
    found = points(gradebook.of_batch(batch))
    assert found["ada"] == {e.id: p for e, p in zip(exercises, found["ada"].values(), strict=True)}
    assert sum(found["ada"].values()) == gradebook.of_batch(batch)["students"][0]["max_points"]


def test_a_batch_that_is_killed_goes_on_where_it_was_and_ends_with_the_same_table(
    box: Sandbox, handed_in: Path, room: Path
) -> None:
    def command(results: str, jobs: int = 1) -> list[str]:
        return [
            str(SANDBOX), "exercise", "grade", RDS, CACHE, MEMORY, "--submissions", str(handed_in),
            "--results", str(room / results), "--jobs", str(jobs), "--seed", str(SEED), "--name", box.name,
            "--json",
        ]  # fmt: skip

    # As long as another grading has Valkey, the answers on PostgreSQL are all that can be graded.
    (engine,) = claims(find(CACHE))
    with FileLock(box.state.root / f"grading-{engine}.lock"):
        first = subprocess.Popen(
            command("killed", jobs=2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 180
        while len(_kept(room / "killed")) < 3:
            assert first.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        first.kill()
        first.wait()
    kept = _kept(room / "killed")
    assert len(kept) == 3
    again = json.loads(subprocess.run(command("killed"), capture_output=True, check=True).stdout)["data"]
    whole = json.loads(subprocess.run(command("whole"), capture_output=True, check=True).stdout)["data"]
    assert (again["kept"], again["graded"]) == (len(kept), 7 - len(kept))
    assert (whole["kept"], whole["graded"]) == (0, 7)
    tables = [(room / name / "results.csv").read_bytes() for name in ("killed", "whole")]
    assert tables[0] == tables[1]
    documents = [json.loads((room / name / "results.json").read_text()) for name in ("killed", "whole")]
    assert timeless(documents[0]) == timeless(documents[1])


def _kept(results: Path) -> list[str]:
    """Gradings whose result is on the disk."""
    found = []
    for path in results.glob("students/*.json"):
        exercises = json.loads(path.read_text())["exercises"]
        found += [f"{path.stem} {name}" for name, entry in exercises.items() if entry["state"] == "graded"]
    return found

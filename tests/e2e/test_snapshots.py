"""Snapshots as a person has them: the command, and what may happen to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.sandbox import Sandbox
from tests.e2e.conftest import COMMAND, Run, Said, await_that

SLOW_COPY = """\
#!/bin/sh
: > "{mark}"
sleep 600
exec /bin/cp "$@"
"""


def text(said: Said) -> str:
    return said.out + said.err


def value(run: Run) -> str:
    return run("shell", "redis", "-c", "GET mine").out.strip().strip('"')


def put(run: Run, what: str) -> None:
    assert run("shell", "redis", "-c", f"SET mine {what}").code == 0


@contextmanager
def slow_copy(folder: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """Variables under which data folders are copied so slowly that something can happen meanwhile, and the
    file that tells that a copy has begun."""
    tools, mark = folder / "tools", folder / "copying"
    tools.mkdir(exist_ok=True)
    (tools / "cp").write_text(SLOW_COPY.format(mark=mark))
    (tools / "cp").chmod(0o755)
    mark.unlink(missing_ok=True)
    yield {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}, mark


def killed(words: list[str], folder: Path, how: int = signal.SIGKILL) -> int:
    """Run a command and kill it while it copies; its exit code."""
    with slow_copy(folder) as (variables, mark):
        begun = subprocess.Popen([COMMAND, *words], env=variables, stdout=-3, stderr=-3)
        await_that(lambda: mark.exists() or begun.poll() is not None, "it copies")
        assert begun.poll() is None, "it ended"
        begun.send_signal(how)
        return begun.wait(180)


RESTORING = "sandbox.snapshots.restoring:"


# What a thread has asked of the Docker engine goes on when the command is killed, and ends nobody knows when.
IN_TURN = """\
from concurrent.futures import ThreadPoolExecutor, wait
submit = ThreadPoolExecutor.submit
def in_turn(*given, **more):
    future = submit(*given, **more)
    wait([future])
    return future
ThreadPoolExecutor.submit = in_turn
"""


def killed_in(
    function: str, words: list[str], after: int = 0, within: str = RESTORING, first: str = ""
) -> None:
    """Run a command that gets SIGKILL when it calls a function of a module or class, once it has called it
    ``after`` times. ``first`` are statements that it executes before."""
    script = f"""\
{first}
import os, pkgutil, signal, sys
place = pkgutil.resolve_name({within!r})
calls, real = [], place.{function}
def deadly(*given, **more):
    if len(calls) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(given)
    return real(*given, **more)
place.{function} = deadly
from sandbox.cli import run
sys.argv = ["sandbox", *{words!r}]
run()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def leftovers(home: Path) -> list[str]:
    found = [*home.glob("*/snapshots/.*"), *home.glob("*/restore.json"), *home.glob("*/engines/*/data.*")]
    return [str(path.relative_to(home)) for path in found]


def test_save_list_restore_and_delete_say_what_they_did(run: Run, own_home: Path) -> None:
    nothing = run("snapshot", "save", "one")
    assert (nothing.code, "sandbox up" in nothing.err) == (3, True)
    assert "no snapshots" in run("snapshot", "list").out
    assert run("up", "redis").code == 0
    put(run, "old")
    saved = run("snapshot", "save", "one", "redis", "--json")
    assert saved.code == 0, saved.err
    (snapshot,) = saved.data["snapshots"]
    assert (snapshot["name"], snapshot["engines"], snapshot["dataset"]) == ("one", ["redis"], "course")
    assert snapshot["bytes"] > 1000
    assert snapshot["created"].startswith("20")
    assert snapshot["details"][0]["runtime"] == "native"

    again = run("snapshot", "save", "one")
    assert (again.code, "--force" in again.err) == (2, True)
    put(run, "new")
    restored = run("snapshot", "restore", "one")
    assert restored.code == 0, restored.err
    assert restored.out.startswith("Restored one: redis.")
    assert value(run) == "old"

    assert run("down").code == 0
    stopped = run("snapshot", "restore", "one")
    assert "Not running: sandbox up redis" in stopped.out
    listed = run("snapshot", "list", "--json")
    assert [s["name"] for s in listed.data["snapshots"]] == ["one"]
    assert "one" in run("snapshot", "list").out
    assert run("snapshot", "delete", "one", "--json").data["deleted"] == "one"
    unknown = run("snapshot", "restore", "one", "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (2, "unknown-snapshot")


def test_another_sandbox_is_named_in_what_to_type_next(run: Run, own_home: Path) -> None:
    assert run("up", "redis", "--name", "other").code == 0
    saved = run("snapshot", "save", "one", "--name", "other")
    assert "sandbox snapshot restore one --name other" in saved.out
    assert run("snapshot", "list").out.startswith("Sandbox 'default' has no snapshots")


def test_a_save_that_is_killed_leaves_nothing_and_its_engines_go_on(run: Run, own_home: Path) -> None:
    assert run("up", "redis", "postgres").code == 0
    put(run, "old")
    assert killed(["snapshot", "save", "one"], own_home) == -signal.SIGKILL
    # They stood still while they were copied; nobody who could tell them to go on is left but their guard.
    assert value(run) == "old"
    assert run("shell", "postgres", "-c", "SELECT 40 + 2").code == 0
    assert "no snapshots" in run("snapshot", "list").out
    assert run("snapshot", "save", "one").code == 0
    assert leftovers(own_home) == []


def test_ctrl_c_ends_a_save_and_the_engines_go_on(run: Run, own_home: Path) -> None:
    assert run("up", "redis").code == 0
    put(run, "old")
    assert killed(["snapshot", "save", "one"], own_home, signal.SIGINT) == 130
    assert value(run) == "old"
    assert "no snapshots" in run("snapshot", "list").out
    assert run("snapshot", "save", "one").code == 0
    assert leftovers(own_home) == []


def test_a_restore_that_is_killed_while_it_copies_leaves_the_old_data(run: Run, own_home: Path) -> None:
    assert run("up", "redis").code == 0
    put(run, "saved")
    assert run("snapshot", "save", "one").code == 0
    put(run, "current")
    assert killed(["snapshot", "restore", "one"], own_home) == -signal.SIGKILL
    assert value(run) == "current"
    assert run("up").code in (0, 3)
    assert run("snapshot", "restore", "one").code == 0
    assert value(run) == "saved"
    assert leftovers(own_home) == []


def test_a_command_that_is_killed_while_it_copies_into_an_old_folder_changes_nothing(
    run: Run, own_home: Path
) -> None:
    assert run("up", "redis").code == 0
    put(run, "saved")
    assert run("snapshot", "save", "one").code == 0
    spare = own_home / "default" / "engines" / "redis" / "spare"
    for words in (["save", "one", "--force"], ["restore", "one"]):
        put(run, "saved")
        assert run("snapshot", "restore", "one").code == 0
        assert spare.is_dir()
        put(run, "current")
        killed_in("_settle", ["snapshot", *words], after=1, within="sandbox.runtimes.native.refill")
        assert value(run) == "current"
        assert run("snapshot", "restore", "one").code == 0
        assert value(run) == "saved"
        assert leftovers(own_home) == []


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_restore_that_is_killed_while_it_swaps_is_finished_by_the_next_up(
    after: int, run: Run, own_home: Path
) -> None:
    names = ["redis", "postgres", "mongodb"]
    assert run("up", *names).code == 0
    put(run, "saved")
    assert run("snapshot", "save", "one").code == 0
    put(run, "current")
    run("shell", "postgres", "-c", "CREATE TABLE late ()")
    killed_in("_put", ["snapshot", "restore", "one"], after)
    assert run("status").code == 1
    up = run("up", *names)
    assert up.code == 0, up.err
    assert "The restore of snapshot 'one' was interrupted" in text(up)
    assert value(run) == "saved"
    assert "late" not in run("shell", "postgres", "-c", r"\dt").out
    assert run("status").code == 0
    assert leftovers(own_home) == []


def test_a_killed_restore_of_an_engine_that_was_deleted_is_finished_too(run: Run, own_home: Path) -> None:
    assert run("up", "redis", "postgres").code == 0
    put(run, "saved")
    run("shell", "postgres", "-c", "CREATE TABLE mine ()")
    assert run("snapshot", "save", "one").code == 0
    assert run("down", "redis", "postgres", "--delete").code == 0
    killed_in("_put", ["snapshot", "restore", "one"], 1)
    up = run("up", "redis", "postgres")
    assert up.code == 0, up.err
    assert "was interrupted" in text(up)
    assert value(run) == "saved"
    assert "mine" in run("shell", "postgres", "-c", r"\dt").out
    assert leftovers(own_home) == []


def test_engines_get_their_data_back_when_one_does_not_start_on_restored_data(
    run: Run, own_home: Path
) -> None:
    assert run("up", "redis", "postgres").code == 0
    put(run, "saved")
    assert run("snapshot", "save", "one").code == 0
    put(run, "current")
    broken = own_home / "default" / "snapshots" / "one" / "postgres" / "data" / "global" / "pg_control"
    broken.write_bytes(b"\0" * broken.stat().st_size)
    refused = run("snapshot", "restore", "one", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "snapshot-not-started")
    assert value(run) == "current"
    assert run("status").code == 0
    assert leftovers(own_home) == []

    killed_in("_put_back", ["snapshot", "restore", "one"], 1)
    up = run("up", "redis", "postgres")
    assert up.code == 0, up.err
    assert "was interrupted" in text(up)
    assert value(run) == "current"
    assert leftovers(own_home) == []


def test_commands_on_one_sandbox_take_turns(run: Run, own_home: Path) -> None:
    assert run("up", "redis").code == 0
    put(run, "saved")
    assert run("snapshot", "save", "one").code == 0
    words = (["save", "two"], ["restore", "one"], ["save", "one", "--force"], ["restore", "one"])
    begun = [
        subprocess.Popen([COMMAND, "snapshot", *each], stdout=-1, stderr=-1, text=True) for each in words
    ]
    for one in begun:
        _, errors = one.communicate(timeout=300)
        assert one.returncode == 0, errors
    assert value(run) == "saved"
    # Which of the two was saved last is a matter of who came first.
    assert {s["name"] for s in run("snapshot", "list", "--json").data["snapshots"]} == {"one", "two"}
    assert leftovers(own_home) == []


@pytest.mark.docker
def test_commands_that_are_killed_leave_nothing_in_docker_and_its_engines_go_on(
    run: Run, own_home: Path
) -> None:
    assert run("up", "redis", "--runtime", "docker").code == 0
    put(run, "saved")
    killed_in("save", ["snapshot", "save", "one"], within="sandbox.runtimes.docker.snapshots:DockerKeeper")
    await_that(lambda: value(run) == "saved", "its guard has it go on")
    assert run("snapshot", "save", "one").code == 0
    put(run, "current")
    container, keeper = "docker.models.containers:Container", "sandbox.runtimes.docker.snapshots:DockerKeeper"
    killed_in("put_archive", ["snapshot", "restore", "one"], within=container, first=IN_TURN)
    assert value(run) == "current"
    # Its engine is gone, its container waits.
    killed_in("_note", ["snapshot", "restore", "one"], within=f"{RESTORING}_Restore")
    assert run("status").code != 0
    up = run("up", "redis")
    assert up.code == 0, up.err
    assert value(run) == "current"
    for place, where in (("_put", RESTORING), ("_run", keeper), ("_start", f"{RESTORING}_Restore")):
        put(run, "current")
        killed_in(place, ["snapshot", "restore", "one"], within=where)
        up = run("up", "redis")
        assert up.code == 0, up.err
        assert value(run) == "saved", place
    assert run("snapshot", "restore", "one").code == 0
    # Through a container of its own.
    killed_in("get_archive", ["snapshot", "save", "two"], within=container, first=IN_TURN)
    await_that(lambda: value(run) == "saved", "its guard has it go on")
    assert run("snapshot", "save", "two").code == 0
    put(run, "current")
    assert run("down").code == 0
    killed_in("exec_run", ["snapshot", "restore", "one"], within=container, first=IN_TURN)
    up = run("up", "redis")
    assert up.code == 0, up.err
    assert value(run) == "saved"
    assert run("down").code == 0
    killed_in("put_archive", ["snapshot", "restore", "one"], within=container, first=IN_TURN)
    # That no volume and no container is left is what the home's own fixture looks at.
    assert run("down", "--delete").code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_is_told_and_changes_nothing(run: Run, own_home: Path) -> None:
    small = own_home / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", str(small)], check=True)
    home = {"SANDBOX_HOME": str(small)}
    try:
        assert run("up", "redis", env=home).code == 0
        assert run("snapshot", "save", "one", env=home).code == 0
        filler = small / "filler"
        filler.write_bytes(b"\0" * (20 << 20))
        short = run("snapshot", "save", "two", "--json", env=home)
        assert (short.code, short.json["error"]["code"]) == (3, "disk-short")
        assert run("snapshot", "restore", "one", "--json", env=home).json["error"]["code"] == "disk-short"

        # It fills only after it was looked at.
        with filler.open("ab") as file:
            try:
                while True:
                    file.write(b"\0" * (1 << 16))
                    file.flush()
            except OSError:
                pass
        script = """\
import sys
from sandbox.snapshots import restoring, saving
saving.check_room = restoring.check_room = lambda *_: None
from sandbox.cli import run
run()
"""
        for words in (["save", "two"], ["restore", "one"]):
            ended = subprocess.run(
                [sys.executable, "-c", script, "snapshot", *words],
                env={**os.environ, **home},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ended.returncode == 3, ended.stderr
            assert "Traceback" not in ended.stderr
        filler.unlink()
        assert run("shell", "redis", "-c", "PING", env=home).code == 0
        assert [s["name"] for s in run("snapshot", "list", "--json", env=home).data["snapshots"]] == ["one"]
        assert run("snapshot", "restore", "one", env=home).code == 0
        assert run("status", env=home).code == 0
        assert leftovers(small) == []
    finally:
        run("down", "--delete", env=home)
        subprocess.run(["umount", str(small)], check=True)


def test_snapshots_work_for_who_is_not_root(run: Run, own_home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("all of these tests are this one")
    home = own_home / "theirs"
    home.mkdir()
    home.chmod(0o777)
    script = """\
from sandbox import Sandbox
box = Sandbox(["redis"], name="theirs")
with box:
    box.save_snapshot("one")
    box.restore_snapshot("one")
    print([s.name for s in box.snapshots()], box.status()[0].healthy)
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", sys.executable, "-c", script],
        env={**os.environ, "SANDBOX_HOME": str(home), "HOME": str(home), "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "['one'] True", ended.stderr
    assert Sandbox(name="theirs").root.name == "theirs"

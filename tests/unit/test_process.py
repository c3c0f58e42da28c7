"""Processes are recorded before they can be lost, and ended with all they started."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes import ports
from sandbox.runtimes.native import process


def started(folder: Path, *argv: str, **options: object) -> tuple[process.Child, process.Process]:
    record = folder / "run" / "it.pid"
    child = process.start(
        argv,
        record=record,
        log=folder / "log",
        user=None,
        cwd=folder,
        env=process.environment(folder, {}, f"{folder}:it"),
    )
    deadline = time.monotonic() + 60
    found = process.read_record(record)
    while found is None and time.monotonic() < deadline:
        found = process.read_record(record)
    assert found is not None
    return child, found


def test_the_record_names_the_very_process_that_runs(tmp_path: Path) -> None:
    child, found = started(tmp_path, "/bin/sleep", "600")
    assert found.pid == child.pid
    assert found.alive()
    assert process.stop(found)
    assert not found.alive()
    assert child.poll() is not None


def test_a_later_process_with_the_same_pid_is_not_mistaken_for_it() -> None:
    mine = process.Process(os.getpid(), 1)
    assert not mine.alive()


def test_a_process_that_is_ending_is_waited_for_and_not_taken_for_one_that_lives() -> None:
    # Its clients learn of its end while its port still accepts: `up` would call that engine running.
    serves = (
        "import socket, sys; server = socket.create_server(('127.0.0.1', 0));"
        "large = bytearray(64 << 20); print(server.getsockname()[1], flush=True);"
        "client, _ = server.accept(); client.recv(1)"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        for _ in range(20):
            child = subprocess.Popen([sys.executable, "-c", serves], stdout=subprocess.PIPE)
            assert child.stdout is not None
            port = int(child.stdout.readline())
            stat = process._stat(child.pid)
            assert stat is not None
            found = process.Process(child.pid, stat[0])
            with socket.create_connection(("127.0.0.1", port)) as client:
                assert found.lasts()
                child.kill()
                with contextlib.suppress(ConnectionError):
                    client.recv(1)
                assert not found.lasts()
                assert not ports.answers(port)
            child.stdout.close()
            child.wait()
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_ending_a_process_ends_its_children_too_even_those_that_ignore_sigterm(tmp_path: Path) -> None:
    stubborn = "import signal,time,os; signal.signal(15, signal.SIG_IGN); os.fork(); time.sleep(600)"
    _, found = started(tmp_path, sys.executable, "-c", stubborn)
    deadline = time.monotonic() + 60
    while len(process.family(found)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    members = process.family(found)
    assert len(members) == 2
    assert not process.stop(found, seconds=0.2), "it ignored SIGTERM: it cannot have gone by itself"
    assert process.strays(f"{tmp_path}:it") == []


def test_a_process_whose_record_is_gone_is_found_by_its_mark(tmp_path: Path) -> None:
    _, found = started(tmp_path, "/bin/sleep", "600")
    (tmp_path / "run" / "it.pid").unlink()
    assert process.strays(f"{tmp_path}:it") == [found]
    assert process.strays(f"{tmp_path}:other") == []
    process.stop(found)


def test_a_record_that_was_never_written_names_nothing(tmp_path: Path) -> None:
    record = tmp_path / "it.pid"
    record.write_text("")
    os.utime(record, (1, 1))
    assert process.read_record(record) is None
    assert process.read_record(tmp_path / "none.pid") is None


def test_memory_of_a_process_is_told_in_bytes(tmp_path: Path) -> None:
    _, found = started(
        tmp_path, sys.executable, "-c", "x = bytearray(50_000_000); import time; time.sleep(600)"
    )
    deadline = time.monotonic() + 60
    while (process.memory(found) or 0) < 50_000_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    taken = process.memory(found)
    process.stop(found)
    assert taken is not None
    assert 50_000_000 < taken < 100_000_000


def test_a_failing_program_is_told_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefusedError) as refused:
        process.run_as(["/bin/sh", "-c", "echo what went wrong; exit 9"], user=None, cwd=tmp_path)
    assert "exit code 9" in refused.value.title
    assert "what went wrong" in refused.value.detail


def test_helpers_carry_the_mark_of_the_command_that_runs_them(tmp_path: Path) -> None:
    with process.marked("x:up"):
        said = process.run_as(["/usr/bin/env"], user=None, cwd=tmp_path)
    assert f"{process.MARK}=x:up" in said.splitlines()
    assert process.MARK not in os.environ


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("program", ["setpriv", "none"])
def test_a_program_for_a_lesser_user_has_nothing_of_root_with_or_without_setpriv(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "none":
        monkeypatch.setattr(process, "_becoming", lambda _: ())
    elif not process._becoming("nobody"):
        pytest.skip("there is no setpriv that can")
    said = process.run_as(["/bin/cat", "/proc/self/status"], user="nobody", cwd=Path("/"))
    facts = dict(line.split(":", 1) for line in said.splitlines())
    assert set(facts["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
    assert set(facts["Gid"].split()) == {str(pwd.getpwnam("nobody").pw_gid)}
    assert facts["Groups"].split() == []
    assert int(facts["CapPrm"], 16) == int(facts["CapEff"], 16) == 0


def test_a_child_tells_the_signal_that_ended_it(tmp_path: Path) -> None:
    child, found = started(tmp_path, "/bin/sleep", "600")
    os.kill(found.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert child.poll() == -signal.SIGKILL


def test_a_port_is_free_until_somebody_listens_and_the_holder_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An address of this machine on which nobody else takes a port between the look and the listening.
    monkeypatch.setattr(ports, "HOST", "127.81.7.3")
    port = ports.any_free()
    assert ports.free(port)
    assert not ports.answers(port)
    code = (
        f"import socket, sys; s = socket.create_server(({ports.HOST!r}, {port}));"
        "print('on', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert not ports.free(port)
        assert ports.answers(port)
        assert str(holder.pid) in ports.holder(port)
        with pytest.raises(EnvironmentRefusedError, match=f"Port {port}"):
            ports.asked("redis", port)


def test_a_helper_that_another_thread_waits_for_is_told_from_one_left_behind() -> None:
    mark = f"{os.getpid()}:up"
    with process.marked(mark), subprocess.Popen(["sh", "-c", "sleep 600; true"]) as waited_for:
        alone = subprocess.Popen(["sleep", "600"], start_new_session=True)
        deadline = time.monotonic() + 60
        while len(process.strays(mark)) < 3:
            assert time.monotonic() < deadline
        try:
            left = [stray for stray in process.strays(mark) if not process.at_work(stray)]
            assert [stray.pid for stray in left] == [alone.pid]
        finally:
            for stray in process.strays(mark):
                os.kill(stray.pid, signal.SIGKILL)
            alone.wait()
    assert waited_for.returncode


def test_marks_of_threads_that_end_in_another_order_leave_none() -> None:
    first, second = process.marked("a:up"), process.marked("b:up")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ[process.MARK] == "b:up"
    second.__exit__(None, None, None)
    assert process.MARK not in os.environ

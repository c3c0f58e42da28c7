"""``exec --fresh``: a command's own sandbox is there as long as the command, whatever becomes of either."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.runtimes.native import process
from tests.e2e.conftest import COMMAND, Run, await_that, lives

FRESH = (COMMAND, "exec", "--fresh", "--engines", "redis", "--")


@contextmanager
def started(script: str, **more: object) -> Iterator[subprocess.Popen[str]]:
    """``exec --fresh`` of a program in Python, which has said that it is there."""
    running: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
        [*FRESH, sys.executable, "-u", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **more,
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("there")
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        if running.stdout is not None:
            running.stdout.close()


def left(home: Path) -> list[str]:
    """Folders of sandboxes, and marked processes of theirs."""
    folders = [p.name for p in home.iterdir() if p.is_dir()]
    return folders + [str(p.pid) for p in process.strays(f"{home / 'fresh-1'}:redis")]


def test_a_command_has_a_loaded_sandbox_of_its_own_and_nothing_of_it_is_left(
    run: Run, own_home: Path
) -> None:
    script = "import os, redis; print(redis.Redis.from_url(os.environ['REDIS_URL']).hlen('customer:293') > 3)"
    done = run("exec", "--fresh", "--engines", "redis", "--", sys.executable, "-c", script)
    assert (done.code, done.out.strip()) == (0, "True"), done.err
    assert left(own_home) == []


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)])
def test_the_exit_code_is_passed_on_and_a_signal_is_128_and_its_number(
    run: Run, own_home: Path, script: str, code: int
) -> None:
    assert run("exec", "--fresh", "--engines", "redis", "--", "sh", "-c", script).code == code
    assert left(own_home) == []


def test_a_program_that_is_not_there_is_wrong_usage_and_leaves_nothing(run: Run, own_home: Path) -> None:
    assert run("exec", "--fresh", "--engines", "redis", "--", "no-such-program").code == 2
    assert run("exec", "--fresh", "--engines", "nothing", "--", "true").code == 2
    assert run("exec", "--fresh", "--name", "other", "--", "true").code == 2
    assert left(own_home) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_passed_on_once_and_the_command_decides(own_home: Path, number: signal.Signals) -> None:
    script = (
        "import signal, sys, time\n"
        "got = []\n"
        f"signal.signal({int(number)}, lambda n, f: got.append(n))\n"
        "print('there')\n"
        "while not got: time.sleep(0.02)\n"
        "time.sleep(0.3)\n"
        "print(len(got))\n"
        "sys.exit(5)\n"
    )
    with started(script, start_new_session=True) as running:
        running.send_signal(number)
        assert running.stdout is not None
        assert running.stdout.readline().strip() == "1"
        assert running.wait(timeout=180) == 5
    assert left(own_home) == []


def test_a_signal_is_passed_on_that_comes_before_the_program_is_known_and_to_another_thread() -> None:
    waits = (
        "import signal, time\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda n, f: got.append(n))\n"
        "print('there')\n"
        "while not got: time.sleep(0.02)\n"
        "raise SystemExit(5)\n"
    )
    script = f"""if True:
        import os, signal, sys, threading
        from sandbox import foreground

        threading.Thread(target=threading.Event().wait, daemon=True).start()
        real = os.posix_spawn

        def slow(*given, **more):
            pid = real(*given, **more)
            sys.stdin.readline()
            return pid

        os.posix_spawn = slow
        raise SystemExit(foreground.run(sys.executable, [sys.executable, "-u", "-c", {waits!r}], os.environ))
    """
    running = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline().strip() == "there"
    running.send_signal(signal.SIGINT)
    running.communicate("\n", timeout=180)
    assert running.returncode == 5


def test_ctrl_c_reaches_the_command_once_and_the_sandbox_is_deleted(own_home: Path) -> None:
    script = (
        "import signal, time\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda n, f: got.append(n))\n"
        "print('listening')\n"
        "while not got: time.sleep(0.02)\n"
        "time.sleep(0.5)\n"
        "print('interrupted', len(got))\n"
        "raise SystemExit(9)\n"
    )
    terminal, its = pty.openpty()
    # Not by a fork of ours: tests before may have left threads.
    running = subprocess.Popen(
        ["setsid", "--ctty", *FRESH, sys.executable, "-u", "-c", script], stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    said = b""
    sent = False
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError:
            break
        if b"listening" in said and not sent:
            os.write(terminal, b"\x03")
            sent = True
    code = running.wait(timeout=180)
    os.close(terminal)
    assert b"interrupted 1" in said, said
    assert code == 9
    assert left(own_home) == []


def test_an_interrupt_while_the_engines_start_leaves_nothing(own_home: Path) -> None:
    running = subprocess.Popen((*FRESH, "sleep", "600"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_that((own_home / "fresh-1" / "throwaway").exists, "it begins to start them")
    running.send_signal(signal.SIGTERM)
    # 143 when it comes late: the command has begun, and gets it.
    assert running.wait(timeout=180) in (130, 143)
    assert left(own_home) == []


@pytest.mark.parametrize(
    "next_one",
    [
        ("up", "redis"),
        ("exec", "--fresh", "--engines", "redis", "--", "true"),
        ("down", "--all"),
    ],
    ids=["up", "exec", "down"],
)
def test_what_a_killed_exec_left_is_deleted_by_the_next_command(
    run: Run, own_home: Path, next_one: tuple[str, ...]
) -> None:
    script = "import os, time; print('there', os.getpid(), flush=True); time.sleep(600)"
    running = subprocess.Popen([*FRESH, sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    orphan = int(running.stdout.readline().split()[1])
    running.kill()
    running.wait()
    running.stdout.close()
    os.kill(orphan, signal.SIGKILL)
    engine = process.read_record(own_home / "fresh-1" / "run" / "redis.pid")
    assert engine is not None
    assert lives(engine.pid)
    assert run(*next_one).code == 0
    assert not lives(engine.pid)
    assert not (own_home / "fresh-1").exists()


def test_down_all_ends_one_that_is_in_use_and_its_command_goes_on(run: Run, own_home: Path) -> None:
    script = "import sys; print('there'); sys.stdin.readline(); print('went on')"
    with started(script, stdin=subprocess.PIPE) as running:
        stopped = run("down", "--all", "--json").data["stopped"]
        assert stopped == [{"sandbox": "fresh-1", "engine": "redis"}]
        said, _ = running.communicate("\n", timeout=180)
        assert said.strip() == "went on"
        assert running.returncode == 0
    assert left(own_home) == []


def test_two_at_once_have_different_sandboxes_and_a_persons_own_is_left_alone(
    run: Run, own_home: Path
) -> None:
    own = run("up", "redis", "--name", "fresh-1", "--json").data["engines"][0]
    names = "import os, sys; print('there', os.environ['SANDBOX_NAME'], flush=True); sys.stdin.readline()"
    both = [
        subprocess.Popen(
            [*FRESH, sys.executable, "-c", names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [p.stdout.readline().split()[1] for p in both if p.stdout]
    for p in both:
        p.communicate("\n", timeout=180)
    assert sorted(said) == ["fresh-2", "fresh-3"]
    assert lives(own["pid"])
    assert left(own_home)[0] == "fresh-1"


def test_engines_narrow_the_variables_down(run: Run, own_home: Path) -> None:
    run("up", "redis", "postgres")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    found = json.loads(run("exec", "--engines", "redis", "--", sys.executable, "-c", script).out)
    assert "REDIS_URL" in found
    assert "PGHOST" not in found
    assert run("exec", "--engines", "mysql", "--", "true").code == 3


def test_masks_are_apart_from_the_lines_for_the_file_of_variables(run: Run, own_home: Path) -> None:
    run("up", "redis")
    said = run("env", "--format", "github")
    password = json.loads(run("env", "--format", "json").out)["REDIS_PASSWORD"]
    assert f"::add-mask::{password}" in said.err.splitlines()
    assert "::add-mask::" not in said.out
    assert f"REDIS_PASSWORD={password}" in said.out.splitlines()

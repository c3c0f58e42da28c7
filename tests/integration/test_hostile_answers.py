"""An answer that loops, forks, floods its output or fills memory: ended, reported, nothing else harmed.

Every hostile program here is bounded by itself too: none can hurt the machine if a limit should fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.errors import BugError
from sandbox.grading import limits, runner
from sandbox.grading.exercise import find
from sandbox.grading.limits import Ended, Folder, Isolation, Limits, python_environment
from sandbox.sandbox import Sandbox

EXERCISE = "elasticache/01-create-insert-query"
SMALL = Limits(seconds=150, cpu_seconds=100, memory_bytes=256 << 20, processes=60, disk_bytes=32 << 20)
"""Little room, but time enough on a busy machine for an answer to get where its limit is."""
LARGE = Limits(seconds=400, cpu_seconds=300, processes=400, disk_bytes=1 << 30, output_bytes=8 << 20)
"""For a grader that is run as an answer."""

NESTED = """
import json, sys
from sandbox.grading.limits import Folder, Isolation, Limits, run
order = json.loads(sys.stdin.read() or open("order.json").read())
folder = Folder.make()
env = {**folder.environment(), **order["env"]}
ended = run(order["argv"], folder, env, limits=Limits(**order["limits"]), isolation=Isolation())
print(json.dumps({**vars(ended), "limits": None, "folder_left": folder.root.exists()}))
"""

Try = Callable[..., Ended]


def _environment() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8", **python_environment()}


def _as_root(argv: list[str], given: Limits) -> Ended:
    """As root, an answer runs as a user id of its own."""
    folder = Folder.make()
    ended = limits.run(argv, folder, {**folder.environment(), **_environment()}, limits=given)
    assert not folder.root.exists()
    return ended


def _as_user(argv: list[str], given: Limits) -> Ended:
    """As a normal user, who has no other user ids to give. Under root the grader itself is run as an answer
    is: as another user, within larger limits."""
    order = json.dumps({"argv": argv, "limits": vars(given), "env": _environment()})
    if os.geteuid() != 0:
        done = subprocess.run(
            [sys.executable, "-c", NESTED], input=order, capture_output=True, text=True, check=True
        )
        report = json.loads(done.stdout)
    else:
        folder = Folder.make()
        (folder.work / "order.json").write_text(order)
        (folder.work / "nested.py").write_text(NESTED)
        outer = limits.run(
            [sys.executable, "nested.py"],
            folder,
            {**folder.environment(), **_environment()},
            limits=LARGE,
        )
        assert outer.end == "exited", outer
        assert outer.left == 0, outer
        assert outer.code == 0, outer.shown
        report = json.loads(outer.output)
    assert not report.pop("folder_left")
    return Ended(**{**report, "limits": given})


@pytest.fixture(params=["as-root", "as-user"])
def attempt(request: pytest.FixtureRequest) -> Iterator[Try]:
    """Run a program as an answer, as root and as a normal user; afterwards nothing of it is there."""
    if request.param == "as-root" and os.geteuid() != 0:
        pytest.skip("needs root")
    way = _as_root if request.param == "as-root" else _as_user

    def run(*argv: str, limits: Limits = SMALL) -> Ended:
        return way(list(argv), limits)

    before = _foreign()
    yield run
    left = [name for pid, name in _foreign().items() if pid not in before and "answer" in name]
    assert not left


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Answers' folders go where no other grading on this machine has its own."""
    tmp_path_factory.getbasetemp()
    with tempfile.TemporaryDirectory(prefix="sandbox-test-") as name:
        Path(name).chmod(0o711)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr("tempfile.tempdir", None)
        yield Path(name)
    monkeypatch.setattr("tempfile.tempdir", None)


def _foreign() -> dict[int, str]:
    mine = f"{tempfile.gettempdir()}/sandbox-answer-"
    found = {}
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        with contextlib.suppress(psutil.Error):
            found[process.pid] = f"{process.info['cwd']} {process.info['cmdline']}"
    return {pid: name for pid, name in found.items() if mine in name}


def python(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(source))


def test_a_quiet_answer_ends_well(attempt: Try) -> None:
    ended = attempt("bash", "-c", "echo out; echo err >&2; pwd; ls; cat")
    assert (ended.end, ended.code, ended.left, ended.problem) == ("exited", 0, 0, "")
    assert ended.output.startswith("out\n")
    assert ended.errors == "err\n"


def test_the_exit_code_of_an_answer_is_reported(attempt: Try) -> None:
    assert "exit code 3" in attempt("bash", "-c", "exit 3").problem
    assert "SIGKILL" in attempt("bash", "-c", "kill -9 $$").problem
    assert attempt("/no/such/program").end == "cannot-start"


def test_an_answer_that_sleeps_is_ended_when_its_time_is_over(attempt: Try) -> None:
    ended = attempt("sleep", "600", limits=Limits(seconds=0.5))
    assert (ended.end, ended.problem) == ("time", "The answer was ended: it ran longer than 0.5 seconds.")


def test_an_answer_that_loops_is_ended_when_its_processor_time_is_over(attempt: Try) -> None:
    assert attempt(*python("while True: pass"), limits=Limits(seconds=300, cpu_seconds=0.5)).end == "cpu"


def test_an_answer_that_forks_without_end_is_ended(attempt: Try) -> None:
    # One parent and a fixed number of sleeping children: had the limit failed, they would just go away.
    ended = attempt(
        *python(
            """
            import os, resource, time
            assert 0 < resource.getrlimit(resource.RLIMIT_NPROC)[0] < 3000
            for _ in range(400):
                try:
                    if os.fork() == 0:
                        time.sleep(100)
                        os._exit(0)
                except OSError:
                    time.sleep(0.1)
            time.sleep(100)
            """
        )
    )
    assert (ended.end, ended.problem[:45]) == (
        "processes",
        "The answer was ended: it had more than 60 pro",
    ), ended


def test_the_kernel_bounds_the_processes_of_an_answer_before_the_watch_does(attempt: Try) -> None:
    ended = attempt("bash", "-c", "ulimit -u")
    # As a normal user it counts the person's own processes as well.
    assert 2 * SMALL.processes <= int(ended.output) < 2 * SMALL.processes + 3000


def test_an_answer_is_never_run_as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = Folder.make()
    with pytest.raises(BugError) as caught:
        limits.run(["/bin/true"], folder, {}, isolation=Isolation())
    assert "not run as root" in caught.value.detail
    assert not folder.root.exists()


def test_processes_left_in_the_background_are_found_and_ended(attempt: Try) -> None:
    ended = attempt(
        "bash", "-c", "setsid sleep 600 & (setsid nohup sleep 600 >/dev/null 2>&1 &); echo started"
    )
    assert (ended.end, ended.output, ended.left) == ("exited", "started\n", 2)


def test_an_answer_that_floods_its_output_is_ended_and_what_it_said_is_kept(attempt: Try) -> None:
    ended = attempt("bash", "-c", "echo first; yes | head -c 50000000")
    assert ended.end == "output"
    assert ended.shown.startswith("first\ny\n")
    assert len(ended.shown) == SMALL.output_bytes
    assert "1024 KiB" in ended.problem


def test_an_answer_that_fills_memory_ends(attempt: Try) -> None:
    ended = attempt(*python("x = [bytearray(10 << 20) for _ in range(100)]"))
    assert (ended.end, ended.code) == ("exited", 1)
    assert "MemoryError" in ended.errors


def test_memory_of_all_processes_is_counted_together(attempt: Try) -> None:
    ended = attempt(
        *python(
            """
            import os, time
            for _ in range(8):
                if os.fork() == 0:
                    block = bytearray(60 << 20)
                    for i in range(0, len(block), 4096): block[i] = 1
                    time.sleep(100)
            time.sleep(100)
            """
        )
    )
    assert ended.end == "memory"


def test_memory_shared_with_a_parent_is_counted_once(attempt: Try) -> None:
    # Six times 80 MiB are too much. Asked one after the other while they come and go, the six may have a
    # whole, a half, a third of it and so on: 2.45 times 80 MiB are not, however long a look takes.
    ended = attempt(
        *python(
            """
            import os, time
            block = bytearray(80 << 20)
            for i in range(0, len(block), 4096): block[i] = 1
            for _ in range(5):
                if os.fork() == 0:
                    time.sleep(0.5)
                    os._exit(0)
            for _ in range(5): os.wait()
            """
        )
    )
    assert (ended.end, ended.code) == ("exited", 0), ended


def test_an_answer_that_fills_the_disk_is_ended(attempt: Try) -> None:
    ended = attempt(
        *python("for i in range(200): open(str(i), 'wb').write(bytes(1 << 20))\nimport time; time.sleep(100)")
    )
    assert ended.end == "disk"


def test_a_folder_made_very_deep_or_closed_is_removed_all_the_same(attempt: Try) -> None:
    deep = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')"
    assert attempt(*python(deep)).end == "exited"
    assert attempt("bash", "-c", "mkdir -p a/b; touch a/b/c; chmod 000 a/b a .").end == "exited"


def test_an_answer_that_ends_its_watcher_is_ended_too(attempt: Try) -> None:
    ended = attempt(*python("import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(100)"))
    # Under another user id it may not; as the same user the kernel ends it with its watcher.
    assert ended.end in ("lost", "exited")


def test_no_privilege_can_be_gained_by_a_setuid_program(attempt: Try) -> None:
    assert attempt("grep", "NoNewPrivs", "/proc/self/status").output.split() == ["NoNewPrivs:", "1"]


def test_another_user_leaves_nothing_in_the_folders_open_to_all() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    name = f"sandbox-sweep-{os.getpid()}"
    _as_root(["bash", "-c", f"touch /dev/shm/{name} /tmp/{name}; mkdir -p /var/tmp/{name}/x"], SMALL)
    for folder in ("/dev/shm", "/tmp", "/var/tmp"):
        assert not (Path(folder) / name).exists()


# -- over a real engine --------------------------------------------------------------------------------


@pytest.fixture
def redis(sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]]) -> Sandbox:
    engine_up("redis")
    return sandbox


HOSTILE = {
    "loops": ("while :; do :; done", Limits(seconds=300, cpu_seconds=1), "processor seconds"),
    "sleeps": ("sleep 600", Limits(seconds=3), "ran longer"),
    "floods": ("yes | head -c 50000000", SMALL, "printed more"),
    "fails": ("echo so it is; exit 7", SMALL, "exit code 7"),
    "detaches": ("setsid sleep 600 & exit 0", SMALL, "left a process running"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_gains_nothing_and_the_next_one_is_graded_as_ever(
    redis: Sandbox, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, bounds, said = HOSTILE[kind]
    answer = tmp_path / "answer.sh"
    answer.write_text(source + "\n")
    exercise, place = find(EXERCISE), redis.place("redis")
    pid = redis.status(["redis"])[0].pid
    with monkeypatch.context() as patched:
        patched.setattr("sandbox.grading.execution._limits", lambda _: bounds)
        result = runner.grade(exercise, answer, place, seed=5)
    assert said in result.problem
    assert result.points == 0
    again = runner.grade(exercise, exercise.solution, place, seed=5)
    assert again.passed, again
    redis.wait(["redis"], 60)
    assert redis.status(["redis"])[0].pid == pid


def test_an_answer_sees_the_learner_and_not_the_administrator(redis: Sandbox, tmp_path: Path) -> None:
    answer = tmp_path / "answer.sh"
    answer.write_text('env; cat /proc/$PPID/environ || true; tr "\\0" "\\n" < /proc/$PPID/cmdline || true\n')
    place = redis.place("redis")
    result = runner.grade(find(EXERCISE), answer, place, seed=1)
    assert f"SANDBOX_REDIS_PASSWORD={place.credentials.learner}" in result.output
    assert place.credentials.admin not in result.output


def test_as_root_an_answer_cannot_read_the_state_of_the_sandbox(redis: Sandbox, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a normal user has no other user to run answers as")
    answer = tmp_path / "answer.sh"
    answer.write_text(
        f"id -u; cat {redis.state.root}/*.json {redis.state.root}/*.toml | head -c 300000 || true\n"
    )
    place = redis.place("redis")
    result = runner.grade(find(EXERCISE), answer, place, seed=1)
    assert int(result.output.splitlines()[0]) >= 61184
    assert place.credentials.admin not in result.output
    assert result.facts["isolation"] in ("user", "user+landlock")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_when_the_command_is_ended_its_answer_ends_too(
    redis: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    answer = tmp_path / "answer.sh"
    # Seconds that nobody else's processes on this machine sleep.
    seconds = f"601.{os.getpid()}", f"602.{os.getpid()}"
    answer.write_text(f"echo begun; sleep {seconds[0]} & sleep {seconds[1]}\n")
    command = [sys.executable, "-m", "sandbox", "exercise", "grade", EXERCISE, "--name", redis.name]
    with subprocess.Popen(
        [*command, "--answer", str(answer)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        _until(lambda: len(_sleeping(*seconds)) == 2)
        process.send_signal(number)
        _, errors = cast("tuple[Any, str]", process.communicate(timeout=180))
    assert process.returncode == (-9 if number is signal.SIGKILL else 130)
    assert "Traceback" not in errors
    _until(lambda: not _sleeping(*seconds))
    _until(lambda: not _foreign())


def _sleeping(*seconds: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline() in [["sleep", s] for s in seconds]:
                found.append(process.pid)
    return found


def _until(so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not so():
        assert time.monotonic() < until, "it did not become so in 60 seconds"
        time.sleep(0.05)


# -- a folder kept for another run ---------------------------------------------------------------------


def test_a_kept_folder_is_there_for_the_next_run_under_another_user_id() -> None:
    folder = Folder.make()
    (folder.work / "given").write_text("given")
    env = {**folder.environment(), **_environment()}
    first = limits.run(["bash", "-c", "cat given; mkdir -m 0 a; id -u >u"], folder, env, keep=True)
    assert (first.end, first.code, first.output) == ("exited", 0, "given"), first
    assert (folder.work / "u").read_text()
    second = limits.run(["bash", "-ec", "rmdir a; cat u >>all; id -u >>all"], folder, env, keep=True)
    assert (second.end, second.code) == ("exited", 0), second
    assert len((folder.work / "all").read_text().split()) == 2
    limits.remove(folder)
    assert not folder.root.exists()


def test_a_kept_folder_leads_nobody_astray(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    mine = tmp_path / "mine"
    mine.write_text("mine")
    folder = Folder.make()
    env = {**folder.environment(), **_environment()}
    hostile = (
        f"ln -s {mine} answer.sh; ln -s {tmp_path} fixtures; cd ..; rm -rf work home; ln -s {tmp_path} work"
    )
    limits.run(["bash", "-c", hostile], folder, env, keep=True)
    assert not folder.work.is_symlink()
    limits.clear_away(folder.work / "answer.sh", folder.work / "fixtures")
    os.link(mine, folder.work / "linked")
    limits.run(["true"], folder, env, keep=True)
    assert mine.read_text() == "mine"
    assert mine.stat().st_uid == 0
    limits.remove(folder)
    assert mine.exists()

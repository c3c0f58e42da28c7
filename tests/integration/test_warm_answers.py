"""Answers that start in a fork of a warm process: as if a new interpreter, or a new AWS CLI, ran them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.grading import execution, limits, warmth
from sandbox.grading.limits import Ended, Folder, Limits
from sandbox.grading.place import Place
from sandbox.sandbox import Sandbox

PATIENT = Limits(seconds=300, cpu_seconds=200)
"""No answer here is to be ended for what a busy machine takes."""


@pytest.fixture(params=["warm", "cold"])
def python(request: pytest.FixtureRequest) -> Callable[..., Ended]:
    """Run the text of a Python program as an answer."""

    def run(source: str, **env: str) -> Ended:
        folder = Folder.make()
        file = folder.work / "answer.py"
        file.write_text(textwrap.dedent(source))
        whole = {**folder.environment(), "PATH": os.defpath, **limits.python_environment(), **env}
        wish = warmth.Wish({"file": str(file)}, ("psycopg2",)) if request.param == "warm" else None
        return limits.run([sys.executable, str(file)], folder, whole, limits=PATIENT, wish=wish)

    return run


def test_a_program_in_python_finds_itself_as_python_runs_files(python: Callable[..., Ended]) -> None:
    ended = python(
        """
        import os, sys
        print(__name__, os.path.basename(__file__), sys.argv == [__file__], sys.path[0] == os.getcwd())
        print(os.environ["GIVEN"], os.path.expanduser("~") == os.environ["HOME"], sys.stdin.read() == "")
        import tempfile; print(tempfile.gettempdir() == os.environ["TMPDIR"])
        print(sorted(os.listdir("/proc/self/fd")) == [*"0123"], open("/proc/self/environ").read() is not None)
        import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        """,
        GIVEN="given",
    )
    assert ended.errors == ""
    assert ended.output.split("\n") == [
        "__main__ answer.py True True", "given True True", "True", "True True", "True", "True", ""
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("raise SystemExit", 0, ""),
        ("1 +", 1, "SyntaxError"),
        ("import os; os._exit(4)", 4, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", None, ""),
    ],
)
def test_a_program_ends_as_it_says(
    python: Callable[..., Ended], source: str, code: int | None, said: str
) -> None:
    ended = python(source)
    assert (ended.code, said in ended.errors) == (code, True), ended


def test_a_traceback_shows_the_program_alone(python: Callable[..., Ended]) -> None:
    ended = python("def f():\n    return 1 / 0\nf()\n")
    assert ended.errors.count("File ") == 2, ended.errors
    assert "return 1 / 0" in ended.errors
    assert ended.errors.endswith("ZeroDivisionError: division by zero\n")


def test_what_is_left_to_the_end_of_the_interpreter_is_done(python: Callable[..., Ended]) -> None:
    ended = python(
        """
        import atexit, threading
        atexit.register(lambda: print("registered", open("late").read()))
        def late():
            # It is over when the interpreter has come to its end, where it waits for this thread.
            threading.main_thread().join(); print("thread")
        threading.Thread(target=late).start()
        with open("late", "w") as file: file.write("text")
        class Last:
            def __del__(self): print("deleted")
        last = Last()
        print("body")
        """
    )
    assert ended.output.split("\n") == ["body", "thread", "registered text", "deleted", ""]


def test_an_open_file_is_written_out_at_the_end(python: Callable[..., Ended]) -> None:
    ended = python("import atexit\nf = open('out', 'w')\nf.write('text')\nimport os\n")
    assert ended.code == 0
    # The same once more, seen by a child that outlives the interpreter.
    seen = python(
        """
        import subprocess
        f = open("out", "w"); f.write("text")
        watch = subprocess.Popen(["sh", "-c", "while ! grep -q text out; do sleep 0.02; done; echo found"])
        import atexit
        class Wait:
            def __del__(self, watch=watch): watch.wait()
        first, wait = f, Wait()
        del f, first
        """
    )
    assert seen.output == "found\n", seen


def test_nothing_of_one_answer_is_left_for_the_next(python: Callable[..., Ended]) -> None:
    python("import builtins, sys, os; builtins.leak = 1; sys.path.append('x'); os.environ['LEAK'] = '1'")
    ended = python(
        "import builtins, sys, os; print(hasattr(builtins, 'leak'), 'x' in sys.path, 'LEAK' in os.environ)"
    )
    assert ended.output == "False False False\n"


def test_two_answers_do_not_draw_the_same_random_numbers(python: Callable[..., Ended]) -> None:
    source = "import random, secrets, uuid; print(random.random(), uuid.uuid4())"
    assert python(source).output != python(source).output


def test_the_warm_process_knows_no_password_and_ends_with_its_owner(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys
            from sandbox.grading import limits, warmth
            folder = limits.Folder.make()
            env = {**folder.environment(), **limits.python_environment(), "PW": "top-secret"}
            (folder.work / "a.py").write_text("print(1)")
            wish = warmth.Wish({"file": str(folder.work / "a.py")})
            print(limits.run(["false"], folder, env, wish=wish).code, flush=True)
            sys.stdin.read()
            """
        )
    )
    environment = {**os.environ, "ADMIN": "top-secret"}
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "0\n"
        (warm,) = psutil.Process(owner.pid).children()
        assert not any("top-secret" in text for text in [*warm.environ().values(), *warm.cmdline()])
        if os.geteuid() == 0:
            assert b"top-secret" not in _memory(warm.pid)
        owner.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    with contextlib.suppress(psutil.NoSuchProcess):
        while warm.is_running() and warm.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until
            time.sleep(0.02)


def _memory(pid: int) -> bytes:
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            (
                bounds,
                rights,
                *_,
            ) = line.split()
            if rights.startswith("rw"):
                first, last = (int(text, 16) for text in bounds.split("-"))
                memory.seek(first)
                try:
                    found.append(memory.read(last - first))
                except OSError:
                    continue
    return b"".join(found)


GATHERED = """
import ctypes, errno, re
from types import SimpleNamespace
from keeping import landlock, pages
full = []
def advise(*words):
    failed = landlock.libc().madvise(*words)
    # What the kernel says when it has no large page at hand just now.
    if failed and ctypes.get_errno() in (errno.EAGAIN, errno.EBUSY, errno.ENOMEM):
        full.append(words[0])
    return failed
pages.libc = lambda: SimpleNamespace(madvise=advise)
block = bytearray(range(256)) * (16 << 12)
small = [str(number) for number in range(100_000)]
pages.collapse()
assert block == bytearray(range(256)) * (16 << 12)
assert small == [str(number) for number in range(100_000)]
print(sum(map(int, re.findall(r"AnonHugePages: *([0-9]+)", open("/proc/self/smaps").read()))), len(full))
"""


def test_what_a_process_has_written_is_gathered_in_large_pages_and_stays_what_it_is() -> None:
    grading = str(Path(warmth.__file__).parent)
    argv = [sys.executable, "-c", GATHERED]
    done = subprocess.run(argv, cwd=grading, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    large = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    release = tuple(map(int, re.findall(r"[0-9]+", os.uname().release)[:2]))
    if large.exists() and "[never]" not in large.read_text() and release >= (6, 1):
        gathered, refused = map(int, done.stdout.split())
        assert gathered + (refused << 11) >= 8 << 10


def test_when_the_warm_process_is_ended_answers_start_in_the_ordinary_way() -> None:
    def run() -> Ended:
        folder = Folder.make()
        (folder.work / "a.py").write_text("import sys; print('keeping' in sys.modules)")
        env = {**folder.environment(), **limits.python_environment(), "PATH": os.defpath}
        file = str(folder.work / "a.py")
        wish = warmth.Wish({"file": file})
        return limits.run([sys.executable, file], folder, env, limits=PATIENT, wish=wish)

    warmth.close()
    try:
        assert run().output == "True\n"
        for child in psutil.Process().children():
            # What another test has started may have ended, and been asked about meanwhile or not yet.
            with contextlib.suppress(psutil.NoSuchProcess):
                if "keeping.warm" in " ".join(child.cmdline()):
                    child.kill()
        assert run().output == "False\n"
    finally:
        warmth.close()
    assert run().output == "True\n"


# -- the AWS CLI ---------------------------------------------------------------------------------------


@pytest.fixture
def shell(sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]]) -> Callable[..., Ended]:
    """Run lines of shell as an answer for aws is run. The file ``itself`` has a line for each command that
    the CLI itself has run, and not the warm one."""
    _, admin = engine_up("aws")
    place: Place = sandbox.place("aws")

    def run(source: str, **env: str) -> Ended:
        folder = Folder.make()
        file = folder.work / "answer.sh"
        file.write_text(textwrap.dedent(source))
        whole = {**execution.environment(place, admin, folder, Path("/")), **env}
        argv = ["bash", "-eu", str(file)]
        wish = execution._wish(argv, file.read_bytes(), ".sh", place, own=False)
        assert wish.cli is not None
        noting = folder.root / "noting"
        noting.mkdir(mode=0o755)
        real = shutil.which("aws", path=whole["PATH"])
        (noting / "aws").write_text(f'#!/bin/sh\necho >>{folder.work}/itself\nexec {real} "$@"\n')
        (noting / "aws").chmod(0o755)
        whole["PATH"] = f"{noting}:{whole['PATH']}"
        whole["PATH"] = execution._shim(folder, whole["PATH"]) + ":" + whole["PATH"]
        return limits.run(argv, folder, whole, limits=PATIENT, wish=wish)

    return run


def test_commands_of_the_cli_read_and_write_as_programs_of_a_shell_do(shell: Callable[..., Ended]) -> None:
    ended = shell(
        """
        echo first
        aws s3api list-buckets --query 'length(Buckets)' --output text
        many=$(aws s3api list-buckets --query 'length(Buckets)' --output text)
        echo "many $many"
        { aws s3 ls; echo after; aws s3 ls; } > both
        [ "$(grep -c sandbox both)" = 2 ] && sed -n '2p' both
        aws s3 mb s3://warm-pipes >/dev/null
        printf 'through a pipe' | aws s3 cp - s3://warm-pipes/key
        aws s3 cp s3://warm-pipes/key - | tr a-z A-Z; echo
        echo '{"Bucket": "warm-pipes", "Key": "key"}' > input.json
        aws s3api head-object --cli-input-json file://input.json --query ContentLength
        mkdir sub; (cd sub; aws s3 cp s3://warm-pipes/key . >/dev/null); cat sub/key; echo
        aws s3 rb s3://warm-pipes --force >/dev/null
        AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 aws configure list | grep region
        aws s3api list-buckets & aws s3api list-buckets > /dev/null & wait
        """
    )
    lines = ended.output.splitlines()
    assert (ended.code, ended.left, ended.errors) == (0, 0, "")
    assert lines[:1] + lines[2:4] == ["first", f"many {lines[1]}", "after"]
    assert lines[4:7] == ["THROUGH A PIPE", "14", "through a pipe"]
    assert "eu-west-1" in lines[7]


def test_commands_of_the_cli_end_as_the_cli_itself_does(shell: Callable[..., Ended]) -> None:
    commands = """
        set +e
        aws s3api head-bucket --bucket no-such-bucket-here{0}; echo $?
        aws nonsense{0}; echo $?
        aws s3 ls --nonsense{0}; echo $?
        aws --version{0}
        aws{0}; echo $?
        # It writes when nobody reads any more, and not earlier.
        {{ trap '' PIPE; while echo 2>/dev/null; do sleep 0.02; done; aws s3 ls{0} 2>/dev/null; }} | true
        echo "${{PIPESTATUS[0]}}"
        touch itself; wc -l <itself
        """
    # Without the descriptor of the warm one, the program runs the CLI itself.
    warm, itself = shell(commands.format("")), shell(commands.format(" 100>&-"))
    *said, by_itself = warm.output.splitlines()
    assert [*said, "6"] == itself.output.splitlines()
    assert by_itself == "0"
    assert warm.errors == itself.errors
    assert "404" in warm.errors


def test_a_profile_written_by_the_answer_counts(shell: Callable[..., Ended]) -> None:
    ended = shell(
        """
        mkdir ~/.aws
        printf '[profile other]\\nregion = ap-south-1\\n' > ~/.aws/config
        env -u AWS_REGION -u AWS_DEFAULT_REGION aws configure get region --profile other
        """
    )
    assert ended.output == "ap-south-1\n", ended


def test_a_command_goes_on_when_what_keeps_the_cli_warm_was_ended(shell: Callable[..., Ended]) -> None:
    ended = shell(
        """
        aws sts get-caller-identity --query Account --output text
        for dir in /proc/[0-9]*; do
            [ "$dir" != /proc/$$ ] && [ -O $dir ] && kill -9 ${dir#/proc/} 2>/dev/null || true
        done
        aws sts get-caller-identity --query Account --output text
        """
    )
    first, second = ended.output.split()
    assert first == second


def test_a_command_ends_with_the_one_who_called_it(shell: Callable[..., Ended]) -> None:
    ended = shell(
        """
        aws s3 mb s3://warm-ends > /dev/null
        mkfifo input
        aws s3 cp - s3://warm-ends/late < input > /dev/null 2>&1 & caller=$!
        exec 9> input
        # More than the pipe holds, and less than the command reads before it begins to send: it is at work.
        head -c 1500000 /dev/zero >&9
        kill $caller; wait $caller || echo $?
        # Nobody reads any more, though the end of the input never came.
        trap '' PIPE
        while echo x >&9; do sleep 0.02; done 2>/dev/null
        exec 9>&-
        aws s3 ls s3://warm-ends; aws s3 rb s3://warm-ends > /dev/null
        touch itself; wc -l <itself
        """
    )
    assert ended.output == "143\n0\n", ended

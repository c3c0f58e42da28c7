"""Processes of native engines: started so that nothing is ever lost, found again, measured and stopped.

A started process writes its own pid and start time into its record *before* it becomes the engine, so
there is no moment at which a killed CLI leaves a process that the next ``down`` does not find.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.config import is_root
from sandbox.errors import BugError, EnvironmentRefusedError

MARK = "SANDBOX_PROCESS"
"""Variable in the environment of everything we start; its value names sandbox folder and engine.

While ``up`` works it is also in our own environment, so that the short-lived programs it runs (initdb, cp,
pip, java) carry it, and a ``down`` after a ``kill -9`` of ``up`` finds them."""

_MARKS: list[str] = []

LESSER_USER = "nobody"
_END_SECONDS = 30.0
"""How long a process that is ending is waited for: the kernel takes back its memory first, and a busy machine
takes its time for that."""

# The shell writes its own /proc/self/stat line to the record (its standard input, opened for writing)
# and then becomes the engine: same pid, same start time.
_LAUNCH = 'read -r line </proc/$$/stat; echo "$line" >&0; exec "$@" </dev/null'


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid: ``ticks`` is its start time
    in clock ticks since boot."""

    pid: int
    ticks: int

    def alive(self) -> bool:
        found = _stat(self.pid)
        if found is None or found[0] != self.ticks:
            return False
        return found[1] not in "ZX" or _threads(self.pid) > 1

    def lasts(self) -> bool:
        """Whether it lives and is not just ending. One that ends is waited for: its clients may know already,
        while it still accepts connections, for the kernel closes those before the port."""
        limit = time.monotonic() + _END_SECONDS
        while self.alive():
            found = _stat(self.pid)
            if found is None:
                # Just now.
                return False
            if not (found[4] & _EXITING or _killed(self.pid)) or time.monotonic() > limit:
                return True
            time.sleep(0.002)
        return False


class Child:
    """A server that we started and that outlives us."""

    def __init__(self, started: subprocess.Popen[bytes]) -> None:
        self.pid = started.pid
        self._code: int | None = None
        # Popen warns when it is forgotten while its process runs: here that is the purpose.
        started.returncode = 0

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it), None while it runs."""
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return -signal.SIGKILL
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def lesser_user() -> str | None:
    """The user as whom engines run when we are root; None for everybody else."""
    return LESSER_USER if is_root() else None


@contextlib.contextmanager
def marked(mark: str) -> Iterator[None]:
    """Have everything that is started meanwhile carry the mark, whoever starts it."""
    # Several threads may have marks, one after the other and not one within the other: the last counts.
    _MARKS.append(mark)
    os.environ[MARK] = mark
    try:
        yield
    finally:
        _MARKS.remove(mark)
        if _MARKS:
            os.environ[MARK] = _MARKS[-1]
        else:
            os.environ.pop(MARK, None)


_EXITING = 0x4
"""PF_EXITING, of the flags that the kernel keeps of each task."""


def _stat_fields(line: str) -> tuple[int, str, int, int, int]:
    """(start ticks, state, parent pid, session, flags) of a /proc/<pid>/stat line, whose command may hold
    blanks: fields 22, 3, 4, 6 and 9 of proc_pid_stat(5)."""
    rest = line.rpartition(")")[2].split()
    return int(rest[19]), rest[0], int(rest[1]), int(rest[3]), int(rest[6])


def _stat(pid: int) -> tuple[int, str, int, int, int] | None:
    return _stat_of(f"/proc/{pid}/stat")


def _stat_of(path: str) -> tuple[int, str, int, int, int] | None:
    try:
        return _stat_fields(_content(path).decode(errors="replace"))
    except (OSError, IndexError, ValueError):
        return None


def _content(path: str) -> bytes:
    # Of every process there is, more than once for each instance of an engine: a Path would be most of it.
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.readall()


def _threads(pid: int) -> int:
    """How many threads it has: a killed process whose first thread is gone holds its ports until all are."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208
    except OSError:
        return 0


def _killed(pid: int) -> bool:
    """Whether it will be on its way out as soon as it has a processor: a SIGKILL waits for its first thread
    (SigPnd of proc_pid_status(5))."""
    try:
        _, _, pending = _content(f"/proc/{pid}/status").partition(b"SigPnd:")
        return bool(int(pending.split(maxsplit=1)[0], 16) >> (signal.SIGKILL - 1) & 1)
    except (OSError, IndexError, ValueError):
        return False


def read_record(path: Path) -> Process | None:
    """The process that a record names, alive or not; None when there is no (whole) record."""
    for _ in range(50):
        try:
            line = path.read_text()
        except OSError:
            return None
        if line.endswith("\n"):
            return Process(int(line.split(" ", 1)[0]), _stat_fields(line)[0])
        # The launcher may be about to write: a few milliseconds, unless it died first.
        if time.time() - path.stat().st_mtime > 1:
            return None
        time.sleep(0.01)
    return None


def own(path: Path, user: str | None) -> None:
    """Give a folder and all in it to the user under whom the engine runs."""
    if user is None:
        return
    import pwd

    entry = pwd.getpwnam(user)
    os.lchown(path, entry.pw_uid, entry.pw_gid)
    for root, folders, files in os.walk(path):
        for name in [*folders, *files]:
            os.lchown(Path(root) / name, entry.pw_uid, entry.pw_gid)


def environment(work: Path, extra: Mapping[str, str], mark: str = "") -> dict[str, str]:
    """The minimal environment of an engine: nothing of the person's own leaks into it."""
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(work),
        "TMPDIR": str(work),
    }
    if "LD_LIBRARY_PATH" in os.environ:
        env["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    if mark or MARK in os.environ:
        env[MARK] = mark or os.environ[MARK]
    env.update(extra)
    return env


def run_as(
    argv: Sequence[str],
    *,
    user: str | None,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    timeout: float = 120,
    mark: str = "",
) -> str:
    """Run a program to its end as ``user`` (None: as ourselves) and return what it printed.

    EnvironmentRefusedError with its last lines when it fails."""
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [*_becoming(user), *argv],
            cwd=cwd,
            env=environment(cwd, env or {}, mark),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            **_rights(user),
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise EnvironmentRefusedError(
            f"{Path(argv[0]).name} could not be run: {problem}", code="program-failed"
        ) from problem
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise EnvironmentRefusedError(
            f"{Path(argv[0]).name} ended with exit code {done.returncode}.",
            code="program-failed",
            detail=tail,
        )
    return done.stdout


@cache
def _becoming(user: str | None) -> tuple[str, ...]:
    """What begins the command line of a program that is to run as another user: the program itself gives up
    root. When Python does it, it must fork: a copy of all page tables, and then of each page that any of our
    threads touches, which costs a grader tens of milliseconds for each instance of an engine. Else it has
    ``vfork``. Empty where nothing is to be given up, or no setpriv can (busybox has one that cannot): then
    see :func:`_rights`."""
    program = None if user is None else shutil.which("setpriv", path="/usr/local/bin:/usr/bin:/bin")
    if user is None or program is None:
        return ()
    import pwd

    entry = pwd.getpwnam(user)
    words = (program, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--")
    tried = subprocess.run([*words, "/bin/sh", "-c", ":"], capture_output=True, cwd="/", check=False)
    return () if tried.returncode else words


def _rights(user: str | None) -> dict[str, Any]:
    """What to tell subprocess of the user, where the command line does not."""
    if user is None or _becoming(user):
        return {}
    import pwd

    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def start(
    argv: Sequence[str],
    *,
    record: Path,
    log: Path,
    user: str | None,
    cwd: Path,
    env: Mapping[str, str],
    nice: int = 0,
) -> Child:
    """Start a server in a session of its own, its output appended to ``log``, its identity in ``record``."""
    record.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(record, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        launch = ["/bin/sh", "-c", _LAUNCH, "sandbox", *argv]
        if nice:
            launch = ["/usr/bin/env", "nice", "-n", str(nice), *launch]
        launch = [*_becoming(user), *launch]
        with log.open("ab") as output:
            return Child(
                subprocess.Popen(
                    launch,
                    cwd=cwd,
                    env=dict(env),
                    stdin=descriptor,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    **_rights(user),
                )
            )
    except OSError as problem:
        raise EnvironmentRefusedError(
            f"{argv[0]} could not be started: {problem}", code="start-failed"
        ) from problem
    finally:
        os.close(descriptor)


def family(process: Process) -> list[int]:
    """The process and everything that descends from it or is in its session, itself first."""
    if not process.alive():
        return []
    children: dict[int, list[int]] = {}
    session: list[int] = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - three times as fast as Path.iterdir here
        if not name.isdigit():
            continue
        pid = int(name)
        found = _stat(pid)
        if found is None:
            continue
        children.setdefault(found[2], []).append(pid)
        if found[3] == process.pid:
            session.append(pid)
    ordered = [process.pid]
    for pid in ordered:
        ordered.extend(c for c in children.get(pid, ()) if c not in ordered)
    ordered.extend(pid for pid in session if pid not in ordered)
    return ordered


def listens(process: Process, port: int) -> bool:
    """Whether the process or one of its family listens on a port that somebody listens on. True also where
    we may not look."""
    sockets = _listening(port)
    if not sockets:
        return True
    for pid in family(process):
        folder = f"/proc/{pid}/fd"
        try:
            descriptors = os.listdir(folder)  # noqa: PTH208
        except PermissionError:
            return True
        except OSError:
            continue  # gone meanwhile
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                if os.readlink(f"{folder}/{descriptor}") in sockets:  # noqa: PTH115
                    return True
    return False


_LISTEN = "0A"


def _listening(port: int) -> set[str]:
    """The sockets that listen on a port, as links of descriptors name them: fields 2, 4 and 10 of
    /proc/net/tcp (proc_pid_net(5)), where a JVM's are in the table of version 6."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in _content(table).decode().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def strays(mark: str) -> list[Process]:
    """Processes with our mark in their environment, whatever became of their records."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            variables = _content(f"/proc/{name}/environ")
        except OSError:
            continue
        if wanted in variables and wanted in variables.split(b"\0"):
            stat = _stat(int(name))
            if stat is not None and stat[1] not in "ZX":
                found.append(Process(int(name), stat[0]))
    return found


def at_work(process: Process) -> bool:
    """Whether a thread of ours waits for it, or for a process above it. What we began and left to itself has
    a session of its own."""
    pid = process.pid
    while (stat := _stat(pid)) is not None:
        if stat[2] == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                return os.getsid(pid) == os.getsid(0)
        pid = stat[2]
    return False


def is_child(pid: int) -> bool:
    """Whether it is a process that we began, and is not wholly gone."""
    found = _stat(pid)
    return found is not None and found[2] == os.getpid() and Process(pid, found[0]).alive()


def stands(pid: int) -> bool:
    """Whether all threads of a process are stopped, or it is gone."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return True
    states = [_stat_of(f"/proc/{pid}/task/{thread}/stat") for thread in threads]
    return all(found is None or found[1] in "TtXZ" for found in states)


def memory(process: Process) -> int | None:
    """Bytes of memory of the process and its family: the sum of PSS (a shared page counts once in all)."""
    total, seen = 0, False
    for pid in family(process):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
                    seen = True
                    break
        except OSError:
            continue
    return total if seen else None


def stop(process: Process, *, how: int = signal.SIGTERM, seconds: float = 20.0) -> bool:
    """End a process and its family: politely, then with SIGKILL. True when it went by itself in time.

    Raises BugError when something survives SIGKILL for half a minute."""
    members = [Process(pid, stat[0]) for pid in family(process) if (stat := _stat(pid))]
    if not members:
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, how)
    clean = _gone([process], seconds)
    if not _gone(members, 1.0 if clean else 0.0):
        for member in members:
            if member.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        if not _gone(members, _END_SECONDS):
            left = ", ".join(str(m.pid) for m in members if m.alive())
            raise BugError(f"Processes {left} did not end, not even with SIGKILL.", code="process-stays")
    return clean


def _gone(processes: Sequence[Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        for process in processes:
            # Our own dead children stay as zombies until somebody asks for their exit code.
            with contextlib.suppress(ChildProcessError, OSError):
                os.waitpid(process.pid, os.WNOHANG)
        if not any(p.alive() for p in processes):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def tail(log: Path, lines: int = 20, *, after: int = 0) -> str:
    """The last lines of a log file, of those after so many bytes; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(after, file.tell() - 64_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""

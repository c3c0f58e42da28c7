"""Processes of native engines: started so that nothing is ever lost, found again, measured and stopped.

A started process writes its own pid and start time into its record *before* it becomes the engine, so
there is no moment at which a killed CLI leaves a process that the next ``down`` does not find.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.config import is_root
from sandbox.errors import BugError, EnvironmentRefusedError

MARK = "SANDBOX_PROCESS"
"""Variable in the environment of everything we start; its value names sandbox folder and engine.

While ``up`` works it is also in our own environment, so that the short-lived programs it runs (initdb, cp,
pip, java) carry it, and a ``down`` after a ``kill -9`` of ``up`` finds them."""

LESSER_USER = "nobody"

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
        return found is not None and found[0] == self.ticks and found[1] not in "ZX"


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
    before = os.environ.get(MARK)
    os.environ[MARK] = mark
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(MARK, None)
        else:
            os.environ[MARK] = before


def _stat_fields(line: str) -> tuple[int, str, int]:
    """(start ticks, state, parent pid) of a /proc/<pid>/stat line, whose command may hold blanks."""
    rest = line.rpartition(")")[2].split()
    return int(rest[19]), rest[0], int(rest[1])


def _stat(pid: int) -> tuple[int, str, int] | None:
    try:
        return _stat_fields(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, IndexError, ValueError):
        return None


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
        done = subprocess.run(
            list(argv),
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
            user=user,
            group=_group(user),
            extra_groups=[] if user else None,
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


def _group(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


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
                    user=user,
                    group=_group(user),
                    extra_groups=[] if user else None,
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
        with contextlib.suppress(OSError):
            if os.getsid(pid) == process.pid:
                session.append(pid)
    ordered = [process.pid]
    for pid in ordered:
        ordered.extend(c for c in children.get(pid, ()) if c not in ordered)
    ordered.extend(pid for pid in session if pid not in ordered)
    return ordered


def strays(mark: str) -> list[Process]:
    """Processes with our mark in their environment, whatever became of their records."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            variables = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in variables:
            stat = _stat(int(name))
            if stat is not None and stat[1] not in "ZX":
                found.append(Process(int(name), stat[0]))
    return found


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

    Raises BugError when something survives SIGKILL for five seconds."""
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
        if not _gone(members, 5.0):
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


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""

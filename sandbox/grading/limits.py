"""Runs an answer in a subprocess under limits; whatever it does, it ends and nothing of it stays.

The watching is done by a process of its own, :mod:`sandbox.grading.keeper`; this is its caller.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.errors import BugError, EnvironmentRefusedError

KEEPER = Path(__file__).with_name("keeper.py")
# The range that systemd keeps for users that exist only while a service runs.
_UIDS = range(61184, 65520)


@dataclass(frozen=True)
class Limits:
    """What one answer may take, all its processes together. Sizes in bytes, times in seconds."""

    seconds: float = 60.0
    cpu_seconds: float = 40.0
    memory_bytes: int = 1 << 30
    processes: int = 200
    """Tasks: processes and their threads."""
    file_bytes: int = 128 << 20
    """The largest single file."""
    disk_bytes: int = 256 << 20
    """All files in its folder (home, temporary files, work)."""
    output_bytes: int = 1 << 20
    results_bytes: int = 8 << 20
    nice: int = 5


@dataclass(frozen=True)
class Isolation:
    """How far an answer is kept from the rest of the machine. ``user``: it runs as a user id of its own.
    ``cover`` and ``show`` are folders closed to that user and what must be seen in them."""

    user: bool = False
    cover: tuple[str, ...] = ()
    show: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What reports say: ``user``, or ``none``."""
        return "user" if self.user else "none"


@dataclass(frozen=True)
class Ended:
    """How an answer ended.

    ``end``: ``exited``, ``signalled``, ``time``, ``cpu``, ``memory``, ``processes``, ``output``, ``disk``,
    ``cancelled``, ``cannot-start``, ``lost`` (the watching process itself was killed). ``output`` and
    ``errors`` are what it wrote to standard output and error, ``shown`` both in the order written.
    ``results`` is what our own executor wrote to its descriptor. ``left`` counts processes it left behind,
    which were ended.
    """

    end: str
    limits: Limits
    code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    left: int = 0
    failure: str = ""
    output: str = ""
    errors: str = ""
    shown: str = ""
    results: str = ""
    results_cut: bool = False

    @property
    def problem(self) -> str:
        """One sentence when it did not end well, else empty."""
        limits = self.limits
        match self.end:
            case "exited":
                return f"The answer ended with exit code {self.code}." if self.code else ""
            case "signalled":
                return f"The answer was ended by signal {_signal_name(self.signal)}."
            case "time":
                return f"The answer was ended: it ran longer than {limits.seconds:g} seconds."
            case "cpu":
                return f"The answer was ended: it used more than {limits.cpu_seconds:g} processor seconds."
            case "memory":
                return f"The answer was ended: it used more than {limits.memory_bytes >> 20} MiB of memory."
            case "processes":
                return f"The answer was ended: it had more than {limits.processes} processes and threads."
            case "output":
                return f"The answer was ended: it printed more than {limits.output_bytes >> 10} KiB."
            case "disk":
                return f"The answer was ended: it wrote more than {limits.disk_bytes >> 20} MiB to disk."
            case "cancelled":
                return "The answer was ended because grading was interrupted."
            case "cannot-start":
                return f"The answer could not be started: {self.failure}"
            case _:
                return "The answer ended the process that watched it."


def _signal_name(number: int | None) -> str:
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return str(number)


@dataclass
class Folder:
    """The answer's own folder: ``home``, ``tmp`` and ``work`` (its working folder). Removed when it ended."""

    root: Path
    home: Path = field(init=False)
    tmp: Path = field(init=False)
    work: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home, self.tmp, self.work = (self.root / name for name in ("home", "tmp", "work"))

    @classmethod
    def make(cls) -> Folder:
        """A new one in the system's temporary folder."""
        base = Path(tempfile.gettempdir())
        # Root's own temporary folder may be closed to the user as whom the answer runs.
        if os.geteuid() == 0 and _closed([base / "x"]):
            base = Path("/var/tmp")  # noqa: S108 - mkdtemp makes a new, private folder in it
        found = cls(Path(tempfile.mkdtemp(prefix="sandbox-answer-", dir=base)))
        for path in (found.home, found.tmp, found.work):
            path.mkdir(mode=0o700)
        return found

    def give_to(self, uid: int) -> None:
        """Make another user the owner of it and of all that is in it."""
        for path in (self.root, *self.root.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)

    def environment(self) -> dict[str, str]:
        """The variables of a minimal environment that name folders."""
        home = str(self.home)
        return {"HOME": home, "TMPDIR": str(self.tmp), "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}


def run(
    argv: Sequence[str],
    folder: Folder,
    env: Mapping[str, str],
    *,
    limits: Limits | None = None,
    isolation: Isolation | None = None,
    results: bool = False,
    cancel: threading.Event | None = None,
) -> Ended:
    """Run a program in ``folder.work`` under limits until it ended, with all it started; remove the folder.

    ``env`` is its whole environment. ``results`` opens descriptor 3 for our executor. Setting ``cancel``,
    or an exception in the caller's thread such as Ctrl-C, ends it as well."""
    limits = limits or Limits()
    isolation = strongest_isolation() if isolation is None else isolation
    try:
        with _user(isolation) as uid:
            report = _ordered(argv, folder, env, limits, isolation, uid, results, cancel)
    finally:
        _remove(folder.root)
    return Ended(limits=limits, **report)


def _ordered(
    argv: Sequence[str],
    folder: Folder,
    env: Mapping[str, str],
    limits: Limits,
    isolation: Isolation,
    uid: int | None,
    results: bool,
    cancel: threading.Event | None,
) -> dict[str, Any]:
    if uid is not None:
        folder.give_to(uid)
    order = {
        "argv": list(argv),
        "env": dict(env),
        "cwd": str(folder.work),
        "folder": str(folder.root),
        "results": results,
        "uid": uid,
        "cover": list(isolation.cover),
        "show": list(isolation.show),
        **vars(limits),
    }
    return _keep(order, limits.seconds, cancel)


def _keep(order: dict[str, Any], seconds: float, cancel: threading.Event | None) -> dict[str, Any]:
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(KEEPER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
    )
    reports: list[tuple[bytes, bytes]] = []
    assert keeper.stdin and keeper.stdout and keeper.stderr
    out, err = keeper.stdout, keeper.stderr
    reader = threading.Thread(target=lambda: reports.append((out.read(), err.read())), daemon=True)
    try:
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.write(json.dumps(order).encode() + b"\n")
            keeper.stdin.flush()
        reader.start()
        waited = 0.0
        while reader.is_alive():
            reader.join(0.1 if cancel else 1.0)
            waited += 0.1 if cancel else 1.0
            if (cancel and cancel.is_set()) or waited > seconds + 30:
                break
    finally:
        # Closing the leash ends the answer, if it has not ended by itself; the report comes at once.
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.close()
        if reader.ident is not None:
            reader.join(20)
        if keeper.poll() is None and reader.is_alive():
            keeper.kill()
        keeper.wait()
        if reader.ident is not None:
            reader.join(5)
        out.close()
        err.close()
    text, complaint = reports[0] if reports else (b"", b"")
    if text:
        report: dict[str, Any] = json.loads(text)
        return report
    if keeper.returncode < 0:
        _end_orphans(order)
        return {"end": "lost"}
    raise BugError(
        "The watching process of an answer failed.",
        code="keeper-failed",
        detail=complaint.decode(errors="replace"),
    )


def _end_orphans(order: dict[str, Any]) -> None:
    # The keeper was killed, so nobody is the parent of what the answer started: find it by its folder.
    import psutil

    marker = order["env"].get("HOME")
    for _ in range(50):
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if order["uid"] is not None:
                    mine = process.uids().real == order["uid"]
                else:
                    mine = process.environ().get("HOME") == marker
                if mine:
                    found.append(process)
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()


def _remove(root: Path) -> None:
    # The keeper removes the folder; this is for when it could not even be started, or was killed.
    if root.exists():
        subprocess.run(["chmod", "-R", "u+rwX", str(root)], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", "--", str(root)], check=False, capture_output=True)


@contextlib.contextmanager
def _user(isolation: Isolation) -> Iterator[int | None]:
    """A user id under which nothing runs, kept from every other grading on this machine while in use."""
    if not isolation.user:
        yield None
        return
    import psutil

    running = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            running.add(process.uids().real)
    for uid in random.sample(_UIDS, len(_UIDS)):
        if uid in running:
            continue
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                # A name that the kernel gives to one process at a time and takes back when that process ends.
                claim.bind(f"\0sandbox-answer-user-{uid}")
            except OSError:
                continue
            yield uid
            return
    raise EnvironmentRefusedError("Every user id for answers is in use.", code="no-user-for-answers")


def program_folders() -> tuple[str, ...]:
    """What an answer must be able to read: interpreter, libraries, this package, fixtures, clients."""
    package = Path(__file__).resolve().parents[1]
    found = {
        sys.prefix,
        sys.base_prefix,
        str(package),
        str(config.resources("fixtures")),
        str(config.cache()),
    }
    return tuple(sorted(path for path in found if Path(path).is_dir()))


def _closed(paths: Sequence[Path]) -> set[str]:
    """The folders above some paths that other users may not enter."""
    parents = {folder for path in paths for folder in path.parents}
    return {str(folder) for folder in parents if not folder.stat().st_mode & stat.S_IXOTH}


@cache
def strongest_isolation() -> Isolation:
    """The strongest isolation that works here, found by trying. Another user needs root; folders closed to
    that user (an interpreter in root's home) need a mount namespace, which containers may refuse.

    As root there must be another user, because the kernel does not limit root's processes: when none can be
    had, EnvironmentRefusedError."""
    if os.geteuid() != 0:
        return Isolation()
    show = program_folders()
    closed = _closed([Path(path) for path in show])
    outermost = [f for f in sorted(closed) if not any(f.startswith(other + "/") for other in closed)]
    tried = Isolation(user=True, cover=tuple(outermost), show=show)
    folder = Folder.make()
    env = {**folder.environment(), "PATH": os.defpath, **python_environment()}
    ended = run([sys.executable, "-P", "-c", "import sandbox"], folder, env, isolation=tried)
    if ended.end == "exited" and ended.code == 0:
        return tried
    where = f" because it lies below {outermost[0]}" if outermost else ""
    raise EnvironmentRefusedError(
        "Answers are not run as root, and no other user can run this Python here.",
        code="no-user-for-answers",
        detail=f"Another user cannot read {sys.prefix}{where}. {ended.problem} {ended.shown[-500:]}".strip(),
        actions=[
            "run sandbox as a normal user",
            "install it where every user may read it, such as /opt",
        ],
    )


def python_environment() -> dict[str, str]:
    """Variables with which the sandbox's Python finds this package from a checkout as well."""
    parent = Path(__file__).resolve().parents[2]
    common = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return common if parent.name == "site-packages" else {**common, "PYTHONPATH": str(parent)}

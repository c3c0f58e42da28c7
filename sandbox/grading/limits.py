"""Runs an answer in a subprocess under limits; whatever it does, it ends and nothing of it stays.

The watching is done by a process of its own, :mod:`sandbox.grading.keeping`; this is its caller.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import config
from sandbox.errors import EnvironmentRefusedError
from sandbox.grading import fences, leash
from sandbox.grading.folder import Folder, clear_away, closed_to_others, remove

if TYPE_CHECKING:
    from sandbox.grading.warmth import Wish

__all__ = ["Ended", "Folder", "Isolation", "Limits", "clear_away", "remove", "run", "strongest_isolation"]

SCOPES_FROM = 6
"""The version of Landlock that keeps signals within the fence."""
NAMESPACES_FROM = (5, 14)
"""The version of Linux that counts processes for each namespace of users."""
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
    ``cover`` and ``show`` are folders closed to that user and what must be seen in them. ``landlock``: the
    kernel's version of Landlock, behind whose fence (:mod:`sandbox.grading.fences`) it runs; 0 for none.
    ``namespaces``: it runs in namespaces that a normal user can make, as himself."""

    user: bool = False
    cover: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    landlock: int = 0
    namespaces: bool = False

    @property
    def name(self) -> str:
        """What reports say: ``user``, ``landlock``, ``namespaces``, joined by ``+``, or ``none``. Before
        version 6 Landlock does not keep an answer from signalling other processes: then with its version."""
        fence = "landlock" if self.landlock >= SCOPES_FROM else f"landlock-{self.landlock}"
        parts = {"user": self.user, fence: self.landlock, "namespaces": self.namespaces}
        return "+".join(part for part, there in parts.items() if there) or "none"


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


def run(
    argv: Sequence[str],
    folder: Folder,
    env: Mapping[str, str],
    *,
    limits: Limits | None = None,
    isolation: Isolation | None = None,
    results: bool = False,
    keep: bool = False,
    wish: Wish | None = None,
    cancel: threading.Event | None = None,
) -> Ended:
    """Run a program in ``folder.work`` under limits until it ended, with all it started; remove the folder.
    With ``keep`` the folder stays, for a look or another run, until the caller hands it to :func:`remove`.
    ``wish`` lets it start in a warm process, where it can be; ``argv`` is what is run where it cannot.

    ``env`` is its whole environment. ``results`` opens descriptor 3 for our executor. Setting ``cancel``,
    or an exception in the caller's thread such as Ctrl-C, ends it as well."""
    limits = limits or Limits()
    isolation = strongest_isolation() if isolation is None else isolation
    try:
        with _user(isolation) as uid:
            report = _ordered(argv, folder, env, limits, isolation, uid, results, keep, cancel, wish)
    finally:
        if keep:
            folder.take_back()
        else:
            remove(folder)
    return Ended(limits=limits, **report)


def _ordered(
    argv: Sequence[str],
    folder: Folder,
    env: Mapping[str, str],
    limits: Limits,
    isolation: Isolation,
    uid: int | None,
    results: bool,
    keep: bool,
    cancel: threading.Event | None,
    wish: Wish | None,
) -> dict[str, Any]:
    if uid is not None:
        folder.give_to(uid)
    order = {
        "argv": list(argv),
        "env": dict(env),
        "cwd": str(folder.work),
        "folder": str(folder.root),
        "keep": keep,
        "results": results,
        "inside": None if wish is None else wish.inside,
        "commands": wish is not None and wish.cli is not None,
        "uid": uid,
        "cover": list(isolation.cover),
        "show": list(isolation.show),
        "fence": fences.of(folder.root, env) if isolation.landlock else None,
        "view": fences.view(folder.root, env) if isolation.namespaces else None,
        **vars(limits),
    }
    return leash.keep(order, limits.seconds, cancel, wish)


@contextlib.contextmanager
def _user(isolation: Isolation) -> Iterator[int | None]:
    """A user id under which nothing runs, kept from every other grading on this machine while in use."""
    if not isolation.user:
        yield None
        return
    first = random.randrange(len(_UIDS))  # noqa: S311 - any will do
    for uid in (*_UIDS[first:], *_UIDS[:first]):
        if _runs_something(uid):
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


def _runs_something(uid: int) -> bool:
    """Whether any process is a user's. The kernel is asked for their priorities: it has at hand which users
    have processes, where a look at each in ``/proc`` would take a thousand times as long."""
    try:
        os.getpriority(os.PRIO_USER, uid)
    except ProcessLookupError:
        return False
    return True


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


@cache
def strongest_isolation() -> Isolation:
    """The strongest isolation that works here, found by trying. Landlock needs no privilege, and namespaces
    need none where neither the administrator nor a container forbids them. Another user needs root; folders
    closed to that user (an interpreter in root's home) need a mount namespace, which containers may refuse.

    As root there must be another user, because the kernel does not limit root's processes: when none can be
    had, EnvironmentRefusedError."""
    from sandbox.grading.keeping import landlock

    fence = landlock.abi()
    if os.geteuid() != 0:
        spaces = _kernel() >= NAMESPACES_FROM
        tries = (Isolation(landlock=fence, namespaces=spaces), Isolation(landlock=fence))
        for each in dict.fromkeys(tries):
            if each != Isolation() and _works(each).code == 0:
                return each
        return Isolation()
    show = program_folders()
    closed = closed_to_others([Path(path) for path in show])
    outermost = [f for f in sorted(closed) if not any(f.startswith(other + "/") for other in closed)]
    best = Isolation(user=True, cover=tuple(outermost), show=show, landlock=fence)
    for tried in dict.fromkeys((best, replace(best, landlock=0))):
        ended = _works(tried)
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


def _kernel() -> tuple[int, ...]:
    """The version of Linux, two numbers; nothing on another system."""
    if sys.platform != "linux":
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])


def _works(isolation: Isolation) -> Ended:
    """How this Python ends in it when it imports this package."""
    folder = Folder.make()
    env = {**folder.environment(), "PATH": os.defpath, **python_environment()}
    return run([sys.executable, "-P", "-c", "import sandbox"], folder, env, isolation=isolation)


def python_environment() -> dict[str, str]:
    """Variables with which the sandbox's Python finds this package from a checkout as well."""
    parent = Path(__file__).resolve().parents[2]
    common = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return common if parent.name == "site-packages" else {**common, "PYTHONPATH": str(parent)}

"""Puts the process that calls it within an answer's bounds, for good. Standard library only."""
# ruff: noqa: PTH103

from __future__ import annotations

import ctypes
import os
import resource
import signal

from . import landlock
from .landlock import libc
from .processes import tasks_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18


def prctl(option: int, value: int) -> bool:
    """One call of prctl(2); False where there is none."""
    try:
        return bool(libc().prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def make_view(cover: list[str], show: list[str]) -> None:
    """In a mount namespace of this process, put an empty folder over each of ``cover``, which only root may
    enter, and in it again, read-only, those paths of ``show`` that lie below it."""

    def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
        if libc().mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)

    if libc().unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "no mount namespace")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    sources = {path: os.open(path, os.O_PATH) for path in show}
    for folder in cover:
        mount("none", folder, "tmpfs", MS_NOSUID, "mode=0755,size=64k")
    for path, fd in sources.items():
        if not any(path.startswith(folder + "/") for folder in cover):
            continue
        os.makedirs(path, mode=0o755, exist_ok=True)
        mount(f"/proc/self/fd/{fd}", path, None, MS_BIND | MS_REC)
        mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)
    for fd in sources.values():
        os.close(fd)
    for folder in cover:
        mount(None, folder, None, MS_REMOUNT | MS_RDONLY | MS_NOSUID, "mode=0755,size=64k")


def set_limits(order: dict[str, Any]) -> None:
    def put(which: int, soft: int, hard: int | None = None) -> None:
        hard = soft if hard is None else hard
        _, ceiling = resource.getrlimit(which)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(which, (soft, hard))

    put(resource.RLIMIT_CORE, 0)
    put(resource.RLIMIT_CPU, int(order["cpu_seconds"]) + 1, int(order["cpu_seconds"]) + 2)
    put(resource.RLIMIT_FSIZE, order["file_bytes"])
    put(resource.RLIMIT_NOFILE, 1024)
    # DATA and not AS: virtual machines reserve far more address space than they ever write to.
    put(resource.RLIMIT_DATA, order["memory_bytes"])
    if order["uid"] is not None or order["view"] is not None:
        # In a namespace of users those outside of it do not count.
        # Twice what the watch allows: the watch shall say why, this only holds a bomb until it looks.
        put(resource.RLIMIT_NPROC, 2 * order["processes"])
    else:
        # It counts all tasks of the user, those outside the answer too.
        put(resource.RLIMIT_NPROC, 2 * order["processes"] + tasks_of(os.geteuid()))


def die_with_parent() -> None:
    """Let the kernel end this process when the one that forked it ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def become_subreaper() -> None:
    """Orphans below this process become its children."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def close(fd: int) -> None:
    """Close a descriptor that may not be open."""
    try:
        os.close(fd)
    except OSError:
        return


def confine(order: dict[str, Any]) -> None:
    """View, limits, user and fence of an order (see :mod:`.keeper`), none of which can be left again."""
    if order["cover"]:
        os.umask(0o022)
        make_view(order["cover"], order["show"])
    os.umask(0o077)
    os.nice(order["nice"])
    set_limits(order)
    fence = None
    if order["fence"] is not None:
        # What is named there may lie where only we can look it up.
        fence = landlock.fence(order["fence"])
    uid = order["uid"]
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        # Changing the user clears it; and what is not dumpable may not look into its own /proc.
        die_with_parent()
        prctl(PR_SET_DUMPABLE, 1)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if fence is not None:
        fence()

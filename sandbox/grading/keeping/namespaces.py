"""Gives an answer a machine of its own to look at: its files and processes, and nothing of others.

What the program bubblewrap does: namespaces of user, mounts, processes and IPC, which a normal user may make
where the kernel lets him. The answer keeps his user id. In its root are only the paths that are shown to it,
so that no socket of another program is there under any path; process 1 is ours (:func:`first`), and when it
ends, so does everything with it. The network stays, for engines listen there.

Linux from 5.14 on. Standard library only. Numbers are those of ``linux/sched.h`` and ``linux/mount.h``.
"""
# It is run for each answer, hence os and open instead of pathlib. The folders are those of the new root.
# ruff: noqa: PTH102, PTH103, PTH106, PTH120, PTH123, PTH211, S108

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import struct

from . import confine
from .landlock import libc as _libc
from .processes import descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
PIVOT_ROOT, MOUNT_SETATTR = 155, 442
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
CAPABILITY_VERSION = 0x20080522
OLD = "/.old"
ALWAYS = ("/tmp", "/var/tmp", "/run", "/dev", "/dev/shm", "/proc")
STREAMS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)
SHARED = f"mode=1777,size={64 << 20}"
"""Memory that processes of an answer may share under a name."""


def unshare() -> None:
    """Called by a keeper: what it forks next is process 1 of a new namespace of processes, over which it
    has every right. The user stays who he is. OSError where the kernel refuses."""
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc().unshare(CLONE_NEWUSER | CLONE_NEWPID), "no namespaces of users and processes")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def first(view: dict[str, Any], word: int, tell: int, others: list[int]) -> int:
    """Be process 1: make the view, fork the answer, and when that ends count and end what it left. Returns
    only in the fork, which is to write to the descriptor returned instead of ``word``.

    ``tell`` gets the status of the answer and how many processes it left, two numbers. ``others`` are
    descriptors that only the answer is to have."""
    confine.die_with_parent()
    _build(view)
    inner, inner_word = os.pipe()
    pid = os.fork()
    if pid == 0:
        for fd in (inner, word, tell):
            os.close(fd)
        _drop_capabilities()
        return inner_word
    try:
        # Nothing of this process is to be read in /proc, where the answer sees it.
        confine.prctl(confine.PR_SET_DUMPABLE, 0)
        for fd in (inner_word, *others):
            os.close(fd)
        with os.fdopen(inner, "rb") as file:
            helper, _, failure = file.read().rpartition(b"\n")
        os.write(word, failure)
        os.close(word)
        status = _wait(pid)
        left = len(descendants(1, without=int(helper or 0)))
        # One call that no fork can outrun; those it ended are waited for, so that their time is counted.
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        _wait(0)
        os.write(tell, b"%d %d" % (status, left))
    finally:
        os._exit(0)


def _wait(pid: int) -> int:
    """The status of a child; other children are collected on the way. 0: until there is none."""
    while True:
        try:
            found, status = os.wait()
        except ChildProcessError:
            return 0
        if found == pid:
            return status


def _build(view: dict[str, Any]) -> None:
    """``show``: files and folders to be seen, read-only, each with no link in its path. ``links``: pairs of
    paths, a symbolic link and where it leads. ``names``: folders that are to be there, empty but for what is
    shown in them. ``devices``. ``folder``: the answer's own."""
    _check(_libc().unshare(CLONE_NEWNS | CLONE_NEWIPC), "no namespace of mounts")
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("answer", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4m")
    os.mkdir("/tmp" + OLD)
    _check(_libc().syscall(PIVOT_ROOT, b"/tmp", b"/tmp" + OLD.encode()), "pivot_root")
    os.chdir("/")
    shown: list[str] = []
    for path in sorted({*view["show"], *view["devices"], view["folder"]}):
        if not any(path == each or path.startswith(each + "/") for each in shown) and _show(path):
            shown.append(path)
    for path in (*ALWAYS, *view["names"]):
        os.makedirs(path, exist_ok=True)
    for path, target in (*view["links"], *STREAMS):
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
    # It must come before the old one goes: the kernel gives one only to who sees the whole of another.
    _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _check(_libc().umount2(OLD.encode(), MNT_DETACH), "umount")
    os.rmdir(OLD)
    _set("/", AT_RECURSIVE, MS_RDONLY | MS_NOSUID, 0)
    _set(view["folder"], 0, 0, MS_RDONLY)
    _mount("shared", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SHARED)


def _show(path: str) -> bool:
    try:
        folder = stat.S_ISDIR(os.lstat(OLD + path).st_mode)
    except OSError:
        return False
    if folder:
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x"):
            pass
    _mount(OLD + path, path, None, MS_BIND | MS_REC)
    return True


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    _check(_libc().capset(header, bytes(24)), "capset")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    _check(_libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), target)


def _set(path: str, flags: int, wanted: int, unwanted: int) -> None:
    """Set and clear attributes of a mount, ``AT_RECURSIVE`` also of all below it."""
    attributes = struct.pack("=4Q", wanted, unwanted, 0, 0)
    words = (AT_FDCWD, os.fsencode(path), flags, attributes, len(attributes))
    _check(_libc().syscall(MOUNT_SETATTR, *words), path)


def _check(failed: int, what: str) -> None:
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)

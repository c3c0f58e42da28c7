"""Fences a process by Landlock: which files it may touch, where it may connect, whom it may signal.

Linux only, from 5.13 on, where the kernel has it switched on; no privilege is needed. Numbers are those of
``linux/landlock.h``; system calls have the same numbers nearly everywhere. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH, RULE_PORT = 1, 2
CREATE_VERSION = 1
O_PATH = os.O_PATH if hasattr(os, "O_PATH") else 0

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_REG, REFER, TRUNCATE, IOCTL_DEV = 1 << 8, 1 << 13, 1 << 14, 1 << 15
CONNECT_TCP = 1 << 1
SCOPE_ABSTRACT_SOCKET, SCOPE_SIGNAL = 1, 2

READ = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV
# Segments of shared memory are known by name alone, which cannot be guessed: no listing.
SHARED = READ_FILE | WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE


def abi() -> int:
    """The kernel's version of Landlock; 0 when there is none, or it is switched off."""
    try:
        return max(_call(CREATE_RULESET, None, 0, CREATE_VERSION), 0)
    except (OSError, AttributeError):
        return 0


def fence(what: dict[str, Any]) -> Callable[[], None]:
    """Prepare a fence; what is returned puts the calling process, and all that it starts, into it for good.

    ``read``: files and folders that may be read and executed with all below them. ``list``: folders whose
    names, and of folders below them, may be listed. ``write``: folders where everything is allowed.
    ``devices`` and ``shared``: see the module's names. ``ports``: where it may connect over TCP (from
    version 4 on). From version 6 on, no process outside can be signalled or reached over abstract sockets.
    A path that is not there is left out. OSError when the kernel refuses."""
    version = abi()
    handled = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    attributes = [handled]
    if version >= 4:
        attributes.append(CONNECT_TCP)
    if version >= 6:
        attributes.append(SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL)
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = _call(CREATE_RULESET, ctypes.c_char_p(packed), len(packed), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "no ruleset of Landlock")
    wanted = (("read", READ), ("list", READ_DIR), ("devices", DEVICE), ("shared", SHARED), ("write", handled))
    for key, rights in wanted:
        for path in what[key]:
            _allow(rules, path, rights & handled)
    if version >= 4:
        for port in what["ports"]:
            _add(rules, RULE_PORT, struct.pack("=QQ", CONNECT_TCP, port))

    def enter() -> None:
        failed = _call(RESTRICT_SELF, rules, 0)
        os.close(rules)
        if failed:
            raise OSError(ctypes.get_errno(), "Landlock cannot be entered")

    return enter


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        _add(rules, RULE_PATH, struct.pack("=Qi", rights, fd))
    finally:
        os.close(fd)


def _add(rules: int, kind: int, packed: bytes) -> None:
    if _call(ADD_RULE, rules, kind, ctypes.c_char_p(packed), 0):
        raise OSError(ctypes.get_errno(), "no rule of Landlock")


def _call(number: int, *arguments: Any) -> int:
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(libc().syscall(ctypes.c_long(number), *words))


@cache
def libc() -> ctypes.CDLL:
    """The C library; OSError or AttributeError where it cannot be asked. Opening it takes 40 us."""
    return ctypes.CDLL(None, use_errno=True)

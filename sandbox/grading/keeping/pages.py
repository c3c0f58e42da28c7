"""Has the kernel keep a process's memory in large pages, which a fork shares, and its end lets go, 512 small
ones at a time. Linux from 6.1 on; elsewhere nothing happens. Standard library only."""
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes

from .landlock import libc

MADV_COLLAPSE = 25
LARGE = 2 << 20


def collapse() -> None:
    """Gather what the process has written so far; what a fork writes to is split again, for it alone."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
        advise = libc().madvise
    except (OSError, AttributeError):
        return
    for where, rights, _, _, _, *name in lines:
        if rights != "rw-p" or name not in ([], ["[heap]"]):
            continue
        begin, end = (int(part, 16) for part in where.split("-"))
        for address in range(-(-begin // LARGE) * LARGE, end // LARGE * LARGE, LARGE):
            # It fails where nothing is, no large page is free, or the kernel knows no such thing.
            advise(ctypes.c_void_p(address), ctypes.c_size_t(LARGE), MADV_COLLAPSE)

"""Folders in memory, for what lives for seconds: files are made and deleted there ten times as fast.

A folder there takes memory from everybody, so its size is watched while it is in use.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.preflight import available_memory

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it has a name that nobody else can take
ROOM = 512 * 2**20
"""Bytes that must be free in it: two servers of PostgreSQL or MySQL and what is written to them. Twice that
must be free in memory as a whole."""
MOST = 1024 * 2**20
"""Bytes that a folder may grow to, and by as many again from what was there after each time that this was too
much."""
LOOK_EVERY = 0.25


def new_folder() -> Path | None:
    """A new empty folder in memory, or None when there is too little room, or no such place."""
    try:
        room = min(shutil.disk_usage(MEMORY).free, available_memory() // 2)
        if room < ROOM:
            return None
        return Path(tempfile.mkdtemp(prefix="sandbox-instance-", dir=MEMORY))
    except OSError:
        return None


@contextmanager
def watched(folder: Path, too_large: Callable[[], None]) -> Iterator[None]:
    """Call ``too_large`` from another thread whenever the folder is found larger than it may be."""
    done = threading.Event()
    lowest = shutil.disk_usage(folder).used

    def watch() -> None:
        nonlocal lowest
        most = MOST
        # A `down` may take the folder away while it is in use.
        while not done.wait(LOOK_EVERY) and folder.exists():
            with suppress(FileNotFoundError):
                # One question to the file system first: its own files are counted only when it has grown.
                used = shutil.disk_usage(folder).used
                # What others delete there must not hide how much it has grown.
                lowest = min(lowest, used)
                if used - lowest > most // 4 and _size(folder) > most:
                    too_large()
                    most = _size(folder) + MOST

    thread = threading.Thread(target=watch, name="memory-folder", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _size(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - thousands of them
            except OSError:
                continue
    return total

"""Removes what an answer wrote. Standard library only."""
# ruff: noqa: PTH108, S108, SIM105

from __future__ import annotations

import os
import shutil
import subprocess


def remove(folder: str) -> None:
    """Remove the answer's folder, whatever it made of it: very deep, or closed to its owner."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        pass
    if os.path.lexists(folder):
        try:
            subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, capture_output=True)
            subprocess.run(["rm", "-rf", "--", folder], check=False, capture_output=True)
        except OSError:
            # After the end of a namespace of processes nothing can be forked into it: the grader removes it.
            pass


SHARED = ("/dev/shm",)
"""Where the C library has shared memory."""
OPEN = (*SHARED, "/tmp", "/var/tmp")
"""The folders open to all."""


def sweep(uid: int, places: tuple[str, ...]) -> None:
    """Remove what a user id that only this answer had left in some of the folders open to all."""
    for place in places:
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.stat(follow_symlinks=False).st_uid != uid:
                    continue
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                remove(entry.path)
            else:
                try:
                    os.unlink(entry.path)
                except OSError:
                    continue

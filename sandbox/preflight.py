"""Checks before anything is started: is there room in memory and on disk for all that was asked for?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.state import engine_of, replica_number

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
RESERVE_MIB = 128
"""Left for the person's own programs."""


def parse_size(text: str) -> int:
    """Bytes of ``512m``, ``2g``, ``1.5GiB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", text.strip().lower())
    if not found:
        raise UsageError(
            f"{text!r} is no amount of memory.", code="bad-size", detail="Write it like 512m, 2g or 1.5g."
        )
    return int(float(found[1]) * _UNITS[found[2]])


def available_memory() -> int:
    """Bytes that programs can still take: of the machine, or of our control group where that is less."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        if limit != "max":
            free = min(free, int(limit) - used)
    except (OSError, ValueError):
        pass
    return free


def check_memory(parts: Mapping[str, int], budget: int | None) -> None:
    """Refuse before the start what does not fit (``parts``: MiB by name of what is to be started), with the
    sum."""
    if not parts:
        return
    total = sum(parts.values())
    listed = " + ".join(f"{name} {mib}" for name, mib in parts.items())
    if budget is not None and total > budget >> 20:
        raise EnvironmentRefusedError(
            f"{total} MiB of memory are needed, {budget >> 20} MiB are allowed by --memory.",
            code="memory-budget",
            detail=f"{listed} = {total} MiB",
            actions=["sandbox up postgres redis   # fewer engines", f"sandbox up --memory {total}m"],
        )
    free = available_memory() >> 20
    if total + RESERVE_MIB > free:
        raise EnvironmentRefusedError(
            f"{total} MiB of memory are needed, {free} MiB are free.",
            code="memory-short",
            detail=f"{listed} = {total} MiB, and {RESERVE_MIB} MiB stay in reserve: "
            f"{total + RESERVE_MIB - free} MiB too few",
            actions=[
                *_fewer_replicas(parts),
                "sandbox up postgres redis   # fewer engines",
                "sandbox status   # what runs already",
            ],
        )


def _fewer_replicas(parts: Mapping[str, int]) -> list[str]:
    several = dict.fromkeys(engine_of(name) for name in parts if replica_number(name))
    return [f"sandbox up {name} --replicas 0   # or fewer than asked for" for name in several]


def check_disk(parts: Mapping[str, int], download: int, folders: Sequence[Path]) -> None:
    """Refuse before the download when the disk cannot hold artifacts, installs, golden copies and data.

    ``parts`` are MiB by engine, of those that were never prepared; ``download`` is in bytes."""
    total = sum(parts.values()) + (download >> 20)
    if not total:
        return
    for folder in folders:
        there = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(there).free >> 20
        if total > free:
            listed = " + ".join(f"{name} {mib}" for name, mib in parts.items())
            raise EnvironmentRefusedError(
                f"{total} MiB of disk are needed in {folder}, {free} MiB are free.",
                code="disk-short",
                detail=f"{listed or 'engines 0'} + downloads {download >> 20} = {total} MiB",
                actions=["export SANDBOX_CACHE=/a/roomier/folder SANDBOX_HOME=/a/roomier/folder/home"],
            )

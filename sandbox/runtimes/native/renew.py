"""Make the lock anew from :mod:`.wanted`: resolve, download once to hash, write, and say what changed.

Jars are resolved by jgo (pure Python, so no Maven is needed; minutes the first time), wheels by pip.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import wheels
from .artifacts import LOCKS
from .wanted import PLATFORM, PYTHONS, Wheels

Entry = dict[str, Any]


def write_group(group: str, entries: Iterable[Entry], folder: Path = LOCKS) -> None:
    """Write one group's file: one artifact a line, so that a change reads as such in a diff."""
    ordered = sorted(entries, key=lambda entry: (entry["file"].lower(), entry["file"]))
    lines = ",\n  ".join(json.dumps(entry, ensure_ascii=True) for entry in ordered)
    (folder / f"{group}.json").write_text(f'{{"artifacts": [\n  {lines}\n]}}\n', encoding="utf-8")


def wheel_entries(wanted: Wheels) -> list[Entry]:
    """The lock entries of a requirement; with its closure for each version of Python."""
    found: dict[str, Entry] = {}
    addresses: dict[str, str] = {}
    for python in PYTHONS:
        for install in wheels.report([wanted.root], python=python, closure=wanted.closure):
            address = install["download_info"]["url"]
            file = address.rsplit("/", 1)[1]
            entry = found.setdefault(
                file,
                {
                    "coordinate": f"{install['metadata']['name']}=={install['metadata']['version']}",
                    "file": file,
                    "sha256": install["download_info"]["archive_info"]["hashes"]["sha256"],
                    "size": 0,
                    "python": [],
                },
            )
            entry["python"].append(python)
            addresses[file] = address
    with ThreadPoolExecutor(8) as pool:
        for entry, size in zip(found.values(), pool.map(size_of, addresses.values()), strict=True):
            entry["size"] = size
    for entry in found.values():
        if entry["python"] == list(PYTHONS):
            del entry["python"]
        if not entry["file"].endswith("-any.whl"):
            entry["platform"] = PLATFORM
    return list(found.values())


def size_of(url: str) -> int:
    """Bytes of what an address gives, without fetching it."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "sandbox"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return int(answer.headers["Content-Length"])

"""What a snapshot holds, its name, and the folder that has all snapshots of a sandbox."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.engines.base import Credentials
from sandbox.engines.registry import NAMES
from sandbox.errors import EnvironmentRefusedError, UsageError, unknown_name
from sandbox.runtimes.snapshots import keeper
from sandbox.state import write_atomic

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox

FOLDER = "snapshots"
SCHEMA_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NEW, _OLD, _GONE = ".new-", ".old-", ".gone-"
"""Beginnings of folders that are being made, that are being replaced, and that are being deleted."""


@dataclass(frozen=True)
class SavedEngine:
    """One engine in a snapshot. ``version`` must be the same where it is restored, and ``runtime`` too;
    ``replicas`` is how many followed it; ``dataset`` is the hash, ``dataset_label`` the name of what it was
    last loaded with."""

    runtime: str
    version: str
    product: str
    dataset: str
    dataset_label: str
    scale: int
    replicas: int
    bytes: int


@dataclass(frozen=True)
class Snapshot:
    """One snapshot. ``created`` is a time in UTC, as ISO 8601 writes it. ``problem`` says why it cannot be
    used; empty when it can."""

    name: str
    created: str
    engines: Mapping[str, SavedEngine]
    problem: str = ""

    @property
    def bytes(self) -> int:
        """What its data take on the disk, unless the file system shares blocks with others."""
        return sum(engine.bytes for engine in self.engines.values())

    @property
    def dataset(self) -> str:
        """The name of the dataset in its engines; several where they differ, with commas."""
        return ", ".join(dict.fromkeys(e.dataset_label for e in self.engines.values() if e.dataset_label))

    def as_json(self) -> dict[str, Any]:
        """``data.snapshots[]`` of the command's envelope."""
        return {
            "name": self.name,
            "engines": list(self.engines),
            "bytes": self.bytes,
            "created": self.created,
            "dataset": self.dataset,
            "problem": self.problem,
            "details": [{"engine": name, **asdict(saved)} for name, saved in self.engines.items()],
        }


def check_name(name: str) -> str:
    """The name of a snapshot, or UsageError when it cannot be one."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a snapshot.",
            code="bad-name",
            detail="A name is 1 to 64 of A-Z, a-z, 0-9, dot, - and _, and begins with a letter or digit.",
        )
    return name


class Store:
    """The folder with the snapshots of one sandbox. What changes it needs the sandbox's lock."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.root = box.root / FOLDER

    def folder(self, name: str) -> Path:
        return self.root / check_name(name)

    def names(self) -> list[str]:
        """Those of all snapshots, readable or not, the oldest first."""
        try:
            found = [p for p in self.root.iterdir() if p.is_dir() and _NAME.fullmatch(p.name)]
        except OSError:
            return []
        return [p.name for p in sorted(found, key=lambda p: (p.stat().st_mtime, p.name))]

    def find(self, name: str) -> Path:
        """The folder of a snapshot that is there; UsageError with the nearest names when it is not."""
        folder = self.folder(name)
        if not folder.is_dir():
            option = self.box.name_option
            if not self.names():
                raise UsageError(
                    f"Sandbox {self.box.name!r} has no snapshots.",
                    code="unknown-snapshot",
                    actions=[f"sandbox snapshot save {name}{option}"],
                )
            list_command = f"sandbox snapshot list{option}"
            raise unknown_name("snapshot", name, self.names(), list_command=list_command)
        return folder

    def read(self, name: str) -> Snapshot:
        """A snapshot by its name; errors when there is none, or when it cannot be read."""
        folder = self.find(name)
        try:
            document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            if document["schema_version"] > SCHEMA_VERSION:
                raise self._unreadable(name, "it was made by a newer sandbox")
            known = [f.name for f in fields(SavedEngine)]
            engines = {
                engine: SavedEngine(**{key: saved[key] for key in known})
                for engine, saved in document["engines"].items()
                if engine in NAMES
            }
            created = str(document["created"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise self._unreadable(name, str(problem) or type(problem).__name__) from problem
        for engine in engines:
            if not (folder / engine).is_dir():
                raise self._unreadable(name, f"the data of {engine} are not there")
        return Snapshot(name, created, {e: engines[e] for e in NAMES if e in engines})

    def passwords(self, name: str) -> dict[str, Credentials]:
        """The passwords that its data have, by engine."""
        try:
            document = json.loads((self.folder(name) / "passwords.json").read_text(encoding="utf-8"))
            return {e: Credentials(str(p["admin"]), str(p["learner"])) for e, p in document.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise self._unreadable(name, str(problem)) from problem

    def _unreadable(self, name: str, why: str) -> EnvironmentRefusedError:
        option = self.box.name_option
        return EnvironmentRefusedError(
            f"Snapshot {name!r} cannot be read: {why}.",
            code="snapshot-unreadable",
            detail=f"Its folder is {self.folder(name)}. Nothing was changed.",
            actions=[f"sandbox snapshot delete {name}{option}", f"sandbox snapshot list{option}"],
        )

    # -- change ----------------------------------------------------------------------------------------

    def begin(self) -> Path:
        """An empty folder to make a snapshot in, which nobody sees."""
        fresh = self.root / f"{_NEW}{os.getpid()}"
        fresh.mkdir(parents=True)
        # Nobody but us looks in; the data inside belong to whom the engines run as.
        self.root.chmod(0o700)
        return fresh

    def keep(
        self,
        fresh: Path,
        snapshot: Snapshot,
        passwords: Mapping[str, Credentials],
        recycle: Callable[[str, Path], None],
    ) -> None:
        """Make it a snapshot, in the place of one of the same name. Of that one ``recycle`` is given each
        engine's folder before it is deleted."""
        engines = {name: asdict(saved) for name, saved in snapshot.engines.items()}
        document = {
            "schema_version": SCHEMA_VERSION,
            "name": snapshot.name,
            "created": snapshot.created,
            "engines": engines,
        }
        words = {name: {"admin": p.admin, "learner": p.learner} for name, p in passwords.items()}
        write_atomic(fresh / "passwords.json", json.dumps(words) + "\n")
        write_atomic(fresh / "manifest.json", json.dumps(document, indent=1) + "\n")
        place, old = self.folder(snapshot.name), self.root / f"{_OLD}{snapshot.name}"
        if place.is_dir():
            place.rename(old)
        fresh.rename(place)
        for engine in snapshot.engines:
            if (old / engine).is_dir():
                recycle(engine, old / engine)
        shutil.rmtree(old, ignore_errors=True)

    def remove(self, name: str) -> None:
        gone = self.root / f"{_GONE}{name}"
        self.find(name).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def tidy(self) -> None:
        """Delete what killed commands left; one that was about to be replaced gets its name back."""
        if not self.root.is_dir():
            return
        left = [p for p in self.root.iterdir() if p.name.startswith((_NEW, _OLD, _GONE))]
        if left:
            # The copy that a killed command began may still be at work.
            self.box.end_helpers()
        for path in left:
            name = path.name.removeprefix(_OLD)
            if path.name.startswith(_OLD) and not self.folder(name).exists():
                path.rename(self.folder(name))
            else:
                shutil.rmtree(path, ignore_errors=True)


def check_room(box: Sandbox, size: int) -> None:
    """Refuse before a copy of so many bytes when the disk cannot hold it."""
    free = shutil.disk_usage(box.root).free
    if size + RESERVE > free:
        for seat in map(box.seat, box.state.engines):
            if box.runtime.facts(seat).ours:
                keeper(box.runtime.of(seat)).make_room(seat)
        free = shutil.disk_usage(box.root).free
    if size + RESERVE > free:
        option = box.name_option
        raise EnvironmentRefusedError(
            f"{-(-size // 2**20)} MiB of disk are needed in {box.root}, {free >> 20} MiB are free.",
            code="disk-short",
            detail=f"{RESERVE >> 20} MiB stay in reserve for the engines.",
            actions=[
                f"sandbox snapshot list{option}   # how much each takes",
                f"sandbox snapshot delete NAME{option}",
            ],
        )


RESERVE = 32 * 2**20
"""Bytes left for what engines write meanwhile."""

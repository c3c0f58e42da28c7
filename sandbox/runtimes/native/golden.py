"""Golden copies: data folders initialised, loaded and cleanly stopped once, copied for each sandbox.

::

    <cache>/golden/<engine>/<key>/data         the folder
    <cache>/golden/<engine>/<key>/meta.json    its passwords, what was loaded (0600)
    <cache>/golden/<engine>/<key>/spare        a copy made ahead, taken by a rename
    <cache>/archives/<engine>-<key>.jsa        class-data archive of a JVM engine

In a cache that another user fills for everybody only installs and archives can be shared: data folders have
their owner's passwords. There each user keeps golden copies in ``<home>/.prepared`` instead (:func:`root`).

The key holds all that the folder depends on: engine version, recipe, loader, dataset, durability.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import config
from sandbox.engines.base import Credentials
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.native import process
from sandbox.runtimes.native.recipe import Installed, Recipe
from sandbox.runtimes.snapshots import RESTORED, restored_passwords
from sandbox.state import write_atomic

if TYPE_CHECKING:
    from sandbox.state import Seat

PREPARED = ".prepared"
"""Folder in the home of all sandboxes for golden copies that cannot be kept in the cache."""
KEEP = 4
"""Golden copies kept for an engine; older ones are removed when a new one is made."""


@dataclass(frozen=True)
class Golden:
    """One golden copy. ``rows`` by table, as the loader reported them."""

    folder: Path
    credentials: Credentials
    rows: dict[str, int]

    @property
    def data(self) -> Path:
        return self.folder / "data"


def key(recipe: Recipe, dataset_hash: str, *, durable: bool) -> str:
    """What a golden copy depends on, hashed. The sources of recipe, engine and loader count: a change in
    how a table is loaded must not leave old copies in use."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[2]
    sources = [
        *sorted((package / "engines").glob(f"{recipe.engine}*.py")),
        *sorted((package / "runtimes" / "native").glob(f"{recipe.engine}*.py")),
    ]
    for source in sources:
        digest.update(source.read_bytes())
    for part in (recipe.engine, recipe.version, str(recipe.config_version), dataset_hash, str(durable)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:20]


def root(cache: Path, engine: str) -> Path:
    """Where golden copies of an engine are kept: in the cache, unless something of them there is another
    user's; then in a folder of our own."""
    locks, copies = cache / "locks", cache / "golden" / engine
    parts = [cache, copies.parent, copies, locks, cache / "archives"]
    parts += [*copies.glob("*"), *copies.glob("*/meta.json"), *locks.glob(f"golden-{engine}-*")]
    if all(os.access(part, os.W_OK) for part in parts if part.exists()):
        return cache
    return config.home() / PREPARED


def folder(cache: Path, recipe: Recipe, golden_key: str) -> Path:
    return cache / "golden" / recipe.engine / golden_key


def archive(cache: Path, recipe: Recipe, installed: Installed) -> Path | None:
    """Where the class-data archive of a JVM engine lies or would lie."""
    if not installed.archive_key:
        return None
    name = f"{recipe.engine}-{installed.archive_key}.jsa"
    places = [folder / "archives" / name for folder in (cache, root(cache, recipe.engine))]
    return next((place for place in places if os.access(place, os.R_OK)), places[-1])


def find(cache: Path, recipe: Recipe, golden_key: str) -> Golden | None:
    """The golden copy of that key, or None when there is no whole one."""
    place = folder(cache, recipe, golden_key)
    try:
        meta: dict[str, Any] = json.loads((place / "meta.json").read_text())
        credentials = Credentials(meta["admin"], meta["learner"])
        rows = {str(k): int(v) for k, v in meta["rows"].items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return Golden(place, credentials, rows) if (place / "data").is_dir() else None


def of_seat(cache: Path, recipe: Recipe, seat: Seat) -> Golden | None:
    """What has the passwords that the seat's data folder still has; None when it has the sandbox's."""
    if seat.record.golden == RESTORED:
        passwords = restored_passwords(seat)
        return Golden(seat.folder, passwords, {}) if passwords else None
    return find(cache, recipe, seat.record.golden) if seat.record.golden else None


def unchecked(made: Golden) -> bool:
    """Whether no start has counted yet what a copy of it holds."""
    return not (made.folder / "checked").exists()


def settle(made: Golden, counted: dict[str, int], expected: dict[str, int]) -> bool:
    """Keep the golden copy when its first copy holds the whole dataset; remove it when not (an engine that
    does not keep over a clean stop what it acknowledged). True when it was kept."""
    if counted == expected:
        (made.folder / "checked").touch()
        return True
    shutil.rmtree(made.folder, ignore_errors=True)
    return False


def staging(cache: Path, recipe: Recipe, golden_key: str) -> Path:
    """An empty folder in which the copy is made; whatever a killed builder left there is removed."""
    place = cache / "golden" / recipe.engine / f".{golden_key}"
    if place.exists():
        shutil.rmtree(place)
    (place / "data").mkdir(parents=True)
    (place / "work").mkdir()
    return place


def keep(
    cache: Path, recipe: Recipe, golden_key: str, staged: Path, credentials: Credentials, rows: dict[str, int]
) -> None:
    """Turn a staged folder into the golden copy of that key, in one rename."""
    meta = {
        "admin": credentials.admin,
        "learner": credentials.learner,
        "rows": rows,
        "version": recipe.version,
    }
    write_atomic(staged / "meta.json", json.dumps(meta) + "\n")
    shutil.rmtree(staged / "work", ignore_errors=True)
    final = folder(cache, recipe, golden_key)
    if final.exists():
        shutil.rmtree(final)
    staged.rename(final)
    others = sorted(
        (p for p in final.parent.iterdir() if p != final and not p.name.startswith(".")),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    for old in others[KEEP - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


# Makes a spare at the lowest priority, in one rename; what an interrupted one left goes first. Not what
# another one is just copying: a spare that lost files under way would be taken for whole.
_SPARE = """
cd "$1" || exit 0
[ -e spare ] && exit 0
for left in .spare.*; do
  [ -d "/proc/${left#.spare.}" ] || rm -rf "$left"
done
cp -a --reflink=auto data ".spare.$$" && mv -T ".spare.$$" spare || rm -rf ".spare.$$"
"""


def take(made: Golden, target: Path) -> None:
    """Give a sandbox its data folder: the spare copy, by a rename, or else a copy made now."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not beside(made, target.parent):
        copy(made.data, target)
        return
    try:
        # Away from other takers first: a rename has one winner.
        claimed = made.folder / f".taken.{os.getpid()}.{threading.get_ident()}"
        (made.folder / "spare").rename(claimed)
    except OSError:
        copy(made.data, target)
        return
    try:
        claimed.rename(target)
    except OSError:
        shutil.rmtree(claimed, ignore_errors=True)
        copy(made.data, target)


def beside(made: Golden, folder: Path) -> bool:
    """Whether a rename can bring a spare copy into the folder: both are on one file system."""
    return made.folder.stat().st_dev == folder.stat().st_dev


def make_spare(made: Golden) -> None:
    """Begin to copy for the next sandbox, in the background and out of everybody's way.

    Copying some 1,600 files of PostgreSQL takes longer than its start. The process carries our mark, so
    that ``down`` finds it; ending it halfway harms nothing."""
    if (made.folder / "spare").exists():
        return
    with contextlib.suppress(OSError):
        child = subprocess.Popen(
            ["nice", "-n", "19", "/bin/sh", "-c", _SPARE, "sandbox-spare", str(made.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        process.Child(child)


def copy(source: Path, target: Path) -> None:
    """Copy a data folder, sharing blocks where the file system can; whole or not at all."""
    fresh = target.with_name(f"{target.name}.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["cp", "-a", "--reflink=auto", "--", str(source), str(fresh)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EnvironmentRefusedError(
            f"The data folder {target} could not be made.",
            code="disk-full" if "No space" in done.stderr else "cannot-write",
            detail=done.stderr.strip()[-500:],
            actions=["sandbox down --delete   # frees the space of this sandbox"],
        )
    fresh.rename(target)

"""Folders that appear whole or not at all, and what has been kept in the cache."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import config
from sandbox.datasets.manifest import MANIFEST
from sandbox.datasets.schema import TABLES
from sandbox.errors import EnvironmentRefusedError, UsageError

_PREFIX = ".new-"
_DAY = 86_400


def place(cache: Path | None = None) -> Path:
    """The folder of the cache that datasets are kept in, there or not."""
    return (cache or config.cache()) / "datasets"


def store(cache: Path | None = None) -> Path:
    """The same, made when it is not there; EnvironmentRefusedError when nothing can be written to it."""
    folder = place(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error.strerror) from error
    if not os.access(folder, os.W_OK):
        raise _refused(folder, "Permission denied")
    return folder


def _refused(folder: Path, why: str | None) -> EnvironmentRefusedError:
    return EnvironmentRefusedError(
        f"Nothing can be written to {folder}.",
        code="folder-refused",
        detail=why or "",
        actions=["export SANDBOX_CACHE=DIR  # a folder that you can write to"],
    )


def kept(cache: Path | None = None) -> list[Path]:
    """Folders of all datasets in the cache, by name."""
    found = (path.parent for path in place(cache).glob(f"*/{MANIFEST}"))
    return sorted(path for path in found if not path.name.startswith("."))


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """A fresh folder in ``parent``, gone at the end unless it was moved with `keep_as` or `replace`."""
    import shutil
    import tempfile

    for left in parent.glob(f"{_PREFIX}*"):
        # Of a process that was killed: nothing takes a day.
        if left.stat().st_mtime < time.time() - _DAY:
            shutil.rmtree(left, ignore_errors=True)
    try:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise _refused(parent, error.strerror) from error
    # mkdtemp shuts everybody else out, but an engine may run as another user and read the files.
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def keep_as(fresh: Path, final: Path) -> Path:
    """Give a finished folder its name, unless somebody was faster with the same content."""
    try:
        fresh.rename(final)
    except OSError:
        if not (final / MANIFEST).is_file():
            raise
    return final


def refuse_unless_ours(out: Path) -> None:
    """UsageError when writing a dataset to ``out`` could overwrite something that is not one."""
    if out.is_dir() and ((out / MANIFEST).is_file() or not any(out.iterdir())):
        return
    if out.exists() or out.is_symlink():
        what = "has other files in it" if out.is_dir() else "is not a folder"
        raise UsageError(
            f"{out} {what}; nothing was written.",
            code="folder-not-empty",
            detail="A dataset is written to a new folder, an empty one, or over another dataset.",
            actions=["sandbox fixtures generate --scale 12 --out NEW-DIR"],
        )


def replace(fresh: Path, out: Path) -> None:
    """Move the files of a finished dataset to ``out``; its manifest goes first and comes last, so that a
    folder with a manifest is whole at any moment."""
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    for name in (*(table.file for table in TABLES.values()), MANIFEST):
        (fresh / name).replace(out / name)

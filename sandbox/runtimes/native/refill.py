"""Data folders copied into a folder that is no longer needed, whose files are used again where they can be.

To make the 1,600 files of PostgreSQL and to delete as many others takes longer than to compare them, on some
file systems by far: ext4 without a journal looks at all files that were deleted in the last minutes for each
that it makes. So one folder that a restore or a ``save --force`` replaced is kept beside the engine's data::

    <engine>/spare      whatever was in it; nothing relies on that

Only what differs is written, so two copies of one dataset cost little more than reading them. Nothing is
inferred from times of change: a file that an engine has mapped may change without a new one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.runtimes.native import golden

if TYPE_CHECKING:
    from sandbox.state import Seat

KEPT_BYTES = 256 << 20
"""Larger folders are not kept: their room is worth more than the time."""

_CHUNK = 1 << 20
_FICLONE = 0x40049409
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _UnfitError(Exception):
    """Something that is neither file nor folder."""


def spare(seat: Seat) -> Path:
    """The folder that is kept for the next copy, there or not."""
    return seat.folder / "spare"


def keep(seat: Seat, folder: Path) -> None:
    """Keep a folder that nobody needs any more for the next copy, or delete it."""
    if spare(seat).exists() or _bytes(folder) > KEPT_BYTES or _shares_blocks(seat.folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        folder.rename(spare(seat))
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def copy(seat: Seat, source: Path, target: Path) -> None:
    """Copy a data folder of an engine, whole or not at all; EnvironmentRefusedError when it cannot be."""
    # Under the name of a copy that is not whole: who finds it there after a kill deletes it.
    fresh = target.with_name(f"{target.name}.new")
    try:
        spare(seat).rename(fresh)
    except OSError:
        golden.copy(source, target)
        return
    try:
        refill(source, fresh)
    except (OSError, _UnfitError):
        golden.copy(source, target)
        return
    fresh.rename(target)


def refill(source: Path, target: Path) -> None:
    """Make a folder what another one is. OSError when that fails: it is neither then."""
    _below(source, None, target, None)


def _folder(source: int, target: int) -> None:
    # By descriptors, not by paths: both were folders of a server, which may have put links there.
    _settle(target, os.fstat(source), os.fstat(target))
    with os.scandir(target) as entries:
        there = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    with os.scandir(source) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if not there.get(name, False):
                    if name in there:
                        os.unlink(name, dir_fd=target)
                    os.mkdir(name, 0o700, dir_fd=target)
                _below(name, source, name, target)
            elif entry.is_file(follow_symlinks=False):
                if there.get(name, False):
                    shutil.rmtree(name, dir_fd=target)
                _file(name, source, target)
            else:
                raise _UnfitError(name)
            there.pop(name, None)
    for name, is_folder in there.items():
        if is_folder:
            shutil.rmtree(name, dir_fd=target)
        else:
            os.unlink(name, dir_fd=target)


def _below(source: Path | str, its: int | None, target: Path | str, its_own: int | None) -> None:
    """The same for folders by their names in others (None: they are paths)."""
    one = os.open(source, _FOLDER, dir_fd=its)
    try:
        two = os.open(target, _FOLDER, dir_fd=its_own)
        try:
            _folder(one, two)
        finally:
            os.close(two)
    finally:
        os.close(one)


def _file(name: str, source: int, target: int) -> None:
    one = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    try:
        two = _opened(name, target)
        try:
            wanted, found = os.fstat(one), os.fstat(two)
            if found.st_size > wanted.st_size:
                os.ftruncate(two, wanted.st_size)
            _content(one, two, wanted.st_size)
            _settle(two, wanted, found)
        finally:
            os.close(two)
    finally:
        os.close(one)


def _opened(name: str, folder: int) -> int:
    """A file to write into; made anew where it is a link, or has other names too."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        found = os.open(name, flags, 0o600, dir_fd=folder)
        about = os.fstat(found)
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
            return found
        os.close(found)
    os.unlink(name, dir_fd=folder)
    return os.open(name, flags | os.O_EXCL, 0o600, dir_fd=folder)


def _content(one: int, two: int, size: int) -> None:
    done = 0
    while done < size:
        wanted = os.pread(one, min(_CHUNK, size - done), done)
        if not wanted:
            raise OSError("a file became shorter while it was copied")
        if os.pread(two, len(wanted), done) != wanted:
            written = 0
            while written < len(wanted):
                written += os.pwrite(two, wanted[written:], done + written)
        done += len(wanted)


def _settle(target: int, wanted: os.stat_result, found: os.stat_result) -> None:
    """Owner, permissions and, of a file, the time of its last change."""
    if (wanted.st_uid, wanted.st_gid) != (found.st_uid, found.st_gid):
        os.fchown(target, wanted.st_uid, wanted.st_gid)
    if wanted.st_mode != found.st_mode:
        os.fchmod(target, stat.S_IMODE(wanted.st_mode))
    if stat.S_ISREG(wanted.st_mode):
        os.utime(target, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))


def _bytes(folder: Path) -> int:
    total = 0
    for _, _, files, here in os.fwalk(folder):
        for name in files:
            with suppress(OSError):
                total += os.stat(name, dir_fd=here, follow_symlinks=False).st_blocks * 512
    return total


def _shares_blocks(folder: Path) -> bool:
    """Whether the file system lets copies share blocks (Btrfs, XFS): then a new one costs nothing."""
    one, two = folder / ".shared-one", folder / ".shared-two"
    try:
        one.write_bytes(b"\0" * 4096)
        with one.open("rb") as source, two.open("wb") as target:
            fcntl.ioctl(target, _FICLONE, source.fileno())
    except OSError:
        return False
    else:
        return True
    finally:
        one.unlink(missing_ok=True)
        two.unlink(missing_ok=True)

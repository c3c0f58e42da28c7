"""The files of a submission, whether it came as a folder or as a zip. Nothing in it is trusted.

A zip is never unpacked: its files are read one by one into memory, so that no name in it can lead anywhere.
Links are not followed, and everything is bounded: entries, sizes, depth, what is read in all.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_ENTRIES = 5_000
"""Files and folders of one student."""
MOST_DEPTH = 16
MOST_READ = 64 << 20
"""Bytes read from one student's files, unpacked."""
MOST_ZIP = 64 << 20
"""Bytes of one student's zip."""
MOST_CLASS_ZIP = 2 << 30
_MOST_DIRECTORY = 8 << 20
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Refused(Exception):  # noqa: N818 - it is told of one file, not raised at a user
    """A file cannot be taken; the text says why, as the end of a sentence."""


@dataclass(frozen=True)
class File:
    """One file: the parts of its path below the student's folder, made printable, and how to read it.
    ``problem`` is set for what is not read at all: a link, an unsafe name."""

    parts: tuple[str, ...]
    read: Callable[[int], bytes]
    """The content; Refused when it is longer than so many bytes or cannot be read."""
    problem: str = ""

    @property
    def path(self) -> str:
        return "/".join(self.parts)


class Budget:
    """What may still be read of one student."""

    def __init__(self, left: int = MOST_READ) -> None:
        self.left = left

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Refused(f"more than {MOST_READ >> 20} MiB in all")


def printable(text: str) -> str:
    """A name from outside as text that is safe to show and to write: one form of each letter, no control
    characters, nothing that turns the direction of writing round."""
    shown = [
        c if c.isprintable() and c not in _BIDI else c.encode("unicode_escape", "surrogatepass").decode()
        for c in unicodedata.normalize("NFC", text)
    ]
    return "".join(shown)


def refuse(why: str) -> Callable[[int], bytes]:
    """A ``read`` that only says why not."""

    def read(_most: int) -> bytes:
        raise Refused(why)

    return read


def unreadable(parts: Sequence[str], why: str) -> File:
    """A file of which only the name is told."""
    return File(tuple(parts), refuse(why), why)


# -- folders ---------------------------------------------------------------------------------------------


def of_folder(folder: Path, budget: Budget) -> Iterator[File]:
    """All files below a folder, in order of their names; links and special files as problems."""
    waiting: list[tuple[Path, tuple[str, ...]]] = [(folder, ())]
    seen = 0
    while waiting:
        here, above = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda e: e.name)
        except OSError as error:
            yield unreadable((*above, ""), f"the folder cannot be read: {error.strerror}")
            continue
        for entry in entries:
            seen += 1
            if seen > MOST_ENTRIES:
                yield unreadable((), f"more than {MOST_ENTRIES:,} files: the rest was not looked at")
                return
            parts = (*above, printable(entry.name))
            if entry.is_symlink():
                yield unreadable(parts, "a link, which is not followed")
            elif entry.is_dir(follow_symlinks=False):
                if len(parts) >= MOST_DEPTH:
                    yield unreadable(parts, "too many folders inside each other")
                else:
                    waiting.append((Path(entry.path), parts))
            elif entry.is_file(follow_symlinks=False):
                yield File(parts, _disk_reader(Path(entry.path), budget))
            else:
                yield unreadable(parts, "no regular file")


def _disk_reader(path: Path, budget: Budget) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        try:
            # Another file, or a pipe that never ends, may have taken its place since it was listed.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Refused("no regular file")
                content = file.read(most + 1)
        except OSError as error:
            raise Refused(f"cannot be read: {error.strerror}") from error
        return _bounded(content, most, budget)

    return read


def _bounded(content: bytes, most: int, budget: Budget) -> bytes:
    budget.take(len(content))
    if len(content) > most:
        raise Refused(f"larger than {most >> 10:,} KiB")
    return content


# -- zips ------------------------------------------------------------------------------------------------


def of_zip(source: Path | bytes, budget: Budget, *, most: int = MOST_ENTRIES) -> Iterator[File]:
    """All files of a zip, and folders that hold nothing as files with an empty last part. The zip is open
    while this is iterated over, so read each file before asking for the next. Refused for a file that is no
    zip or whose directory alone is too large."""
    where = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        _demand_small_directory(where)
        with zipfile.ZipFile(where) as opened:
            for number, info in enumerate(opened.infolist()):
                if number >= most:
                    yield unreadable((), f"more than {most:,} files: the rest was not looked at")
                    return
                yield _zipped(opened, info, budget)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise Refused(f"no zip that can be read: {error}") from error


def _demand_small_directory(where: Path | io.BytesIO) -> None:
    # zipfile reads the whole directory before it says how long it is.
    with where.open("rb") if isinstance(where, Path) else io.BytesIO(where.getvalue()) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65_557))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise Refused("no zip that can be read: it has no directory at its end")
    (directory,) = struct.unpack_from("<I", tail, at + 12)
    if directory == 0xFFFFFFFF and at >= 20:  # zip64: the true size is in a record of its own
        found = tail.rfind(b"PK\x06\x06", 0, at)
        directory = struct.unpack_from("<Q", tail, found + 40)[0] if 0 <= found <= len(tail) - 48 else 1 << 62
    if directory > _MOST_DIRECTORY:
        raise Refused("its list of files alone is too long")


def _zipped(opened: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> File:
    name = info.filename.replace("\\", "/")
    raw = name.split("/")
    parts = tuple(printable(part) for part in raw if part not in ("", "."))
    if info.is_dir() or not parts:
        return File((*parts, ""), refuse("a folder"))
    if name.startswith("/") or ".." in raw or (len(raw[0]) == 2 and raw[0][1] == ":"):
        return unreadable(parts, "its name leads out of its folder")
    if len(parts) > MOST_DEPTH:
        return unreadable(parts, "too many folders inside each other")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return unreadable(parts, "a link, which is not followed")
    if kind not in (0, stat.S_IFREG):
        return unreadable(parts, "no regular file")
    if info.flag_bits & 1:
        return unreadable(parts, "encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others unpack without a bound.
        return unreadable(parts, "packed by a method that is not taken")

    def read(most: int) -> bytes:
        if info.file_size > most:
            raise Refused(f"larger than {most >> 10:,} KiB")
        try:
            with opened.open(info) as file:
                content = file.read(most + 1)
        except Exception as error:  # whatever a damaged zip makes of the reader
            raise Refused(f"cannot be read: {error}") from error
        return _bounded(content, most, budget)

    return File(parts, read)

"""Writing a bundle: one pass, constant memory, and the file is there whole or not at all.

It grows as ``.<name>.part`` beside its place, under a lock of the kernel's that goes when the writer dies.
What a killed writer left is taken over by the next one for the same file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.events import Done, Phase, Progress, Sink

from .contents import MANIFEST, README, SUMS, Manifest, Member, end, header, padding, room, sums, sums_size

CHUNK = 1 << 20
_ANY_SIZE = 10**15


@dataclass(frozen=True)
class Source:
    """A member to be written, and where its bytes come from.

    ``member.sha256`` is what the bytes must have, empty when nobody can know; ``sized`` says whether
    ``member.bytes`` is exact or a guess. ``mend`` is called when the bytes are not right, before they are
    asked for once more.
    """

    member: Member
    chunks: Callable[[], Iterable[bytes]]
    sized: bool = True
    mend: Callable[[], None] | None = None


def chunks_of(path: Path) -> Callable[[], Iterator[bytes]]:
    """The bytes of a file, in pieces, when they are asked for."""

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while some := file.read(CHUNK):
                yield some

    return chunks


def write(file: Path, facts: Manifest, sources: Sequence[Source], *, force: bool, sink: Sink) -> Manifest:
    """Write a bundle of ``sources`` (README.txt first); its manifest is ``facts`` with their members.

    Emits Phase, Progress (bytes) and Done of the subject ``bundle``. Raises UsageError when the file exists
    and is not to be replaced; EnvironmentRefusedError when the disk is full or does not take it.
    """
    begun = time.monotonic()
    try:
        with _part(file, force=force) as (part, out):
            _check_room(file, sources)
            total = sum(source.member.bytes for source in sources)
            sink(Phase("bundle", "write", f"{len(sources)} files, {total / 1e6:.1f} MB"))
            made = _Writing(out, facts, sources, total, sink).all()
            out.flush()
            os.fsync(out.fileno())
            refuse_existing(file, force=force)
            part.replace(file)
    except OSError as error:
        raise _storage_error(error, file) from error
    size = file.stat().st_size
    sink(Done("bundle", "write", time.monotonic() - begun, f"{size / 1e6:.1f} MB"))
    return made


class _Writing:
    def __init__(
        self, out: BinaryIO, facts: Manifest, sources: Sequence[Source], total: int, sink: Sink
    ) -> None:
        self._out, self._facts, self._sources = out, facts, sources
        self._total, self._done, self._sink = total, 0, sink
        self._told = 0.0

    def all(self) -> Manifest:
        draft = [
            source.member if source.sized else replace(source.member, bytes=_ANY_SIZE)
            for source in self._sources
        ]
        reserved = replace(self._facts, members=tuple(replace(m, sha256="0" * 64) for m in draft))
        place, members = 0, []
        for source in self._sources:
            members.append(self._member(source))
            if source.member.name == README:
                # Before the rest, so that a cut-off bundle can still say what it had; known after it.
                place = self._out.tell()
                self._out.write(bytes(room(MANIFEST, len(reserved.encoded()))))
        made = replace(self._facts, members=tuple(members))
        text = made.encoded().ljust(len(reserved.encoded()))
        self._small(SUMS, sums(members, hashlib.sha256(text).hexdigest()))
        self._out.write(bytes(end(self._out.tell())))
        self._out.seek(place)
        self._small(MANIFEST, text)
        return made

    def _small(self, name: str, text: bytes) -> None:
        self._out.write(header(name, len(text), self._facts.time) + text + bytes(padding(len(text))))

    def _member(self, source: Source) -> Member:
        name, wanted, begin, done = source.member.name, source.member.sha256, self._out.tell(), self._done
        found = self._copied(source)
        if wanted and found.sha256 != wanted and source.mend:
            source.mend()
            self._out.seek(begin)
            self._out.truncate()
            self._done = done
            found = self._copied(source)
        if (wanted and found.sha256 != wanted) or (source.sized and found.bytes != source.member.bytes):
            raise EnvironmentRefusedError(
                f"{name} changed while the bundle was written.",
                code="bundle-source-changed",
                detail=f"wanted: sha256 {wanted}, {source.member.bytes} bytes\n"
                f"found:  sha256 {found.sha256}, {found.bytes} bytes",
                actions=["sandbox pull --verify"],
            )
        if not source.sized:
            after = self._out.tell()
            self._out.seek(begin)
            self._out.write(header(name, found.bytes, self._facts.time))
            self._out.seek(after)
        self._out.write(bytes(padding(found.bytes)))
        return found

    def _copied(self, source: Source) -> Member:
        digest, size = hashlib.sha256(), 0
        self._out.write(header(source.member.name, source.member.bytes, self._facts.time))
        for some in source.chunks():
            self._out.write(some)
            digest.update(some)
            size += len(some)
            self._tell(len(some))
        return replace(source.member, bytes=size, sha256=digest.hexdigest())

    def _tell(self, more: int) -> None:
        self._done += more
        now = time.monotonic()
        if now - self._told >= 0.1:
            self._told = now
            self._sink(Progress("bundle", "write", min(self._done, self._total), self._total, "bytes"))


@contextmanager
def _part(file: Path, *, force: bool) -> Iterator[tuple[Path, BinaryIO]]:
    """The file that grows, locked and empty; gone at the end unless it was moved to its place."""
    refuse_existing(file, force=force)
    part = file.with_name(f".{file.name}.part")
    while True:
        out = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        try:
            with suppress(_Unlockable):
                _lock(out, file)
            # Whoever had the lock before may have moved the part to its place: that is no part any more.
            if os.path.samestat(part.stat(), os.fstat(out.fileno())):
                break
        except FileNotFoundError:
            pass
        except BaseException:
            out.close()
            raise
        out.close()
    with out:
        try:
            out.truncate(0)
            yield part, out
        finally:
            with suppress(OSError):
                if os.path.samestat(part.stat(), os.fstat(out.fileno())):
                    part.unlink()


class _Unlockable(Exception):  # noqa: N818 - never seen
    """The file system knows no locks (some network shares)."""


def _lock(out: BinaryIO, file: Path) -> None:
    try:
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"Another command is writing {file}.",
            code="bundle-busy",
            actions=["wait for it, or give another name"],
        ) from error
    except OSError as error:
        raise _Unlockable from error


def refuse_existing(file: Path, *, force: bool) -> None:
    """UsageError when the file is there already and is not to be replaced."""
    if file.is_dir() or (os.path.lexists(file) and not force):
        kind = "folder" if file.is_dir() else "file"
        raise UsageError(
            f"There is a {kind} {file} already.",
            code="bundle-exists",
            actions=["give another name"] if kind == "folder" else ["--force replaces it"],
        )


def _check_room(file: Path, sources: Sequence[Source]) -> None:
    need = sum(room(source.member.name, source.member.bytes) for source in sources)
    need += sums_size([source.member for source in sources]) + (1 << 16)
    free = shutil.disk_usage(file.parent).free
    if free < need:
        raise EnvironmentRefusedError(
            f"There is too little room for the bundle in {file.parent}.",
            code="disk-full",
            detail=f"It takes {need / 1e6:.0f} MB; {free / 1e6:.0f} MB are free.",
            actions=["free some room, or give a file on another disk", "bundle fewer engines"],
        )


def _storage_error(error: OSError, file: Path) -> EnvironmentRefusedError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentRefusedError(
            f"The disk is full: the bundle does not fit into {file.parent}.",
            code="disk-full",
            detail="Nothing of it was kept.",
            actions=["free some room, or give a file on another disk", "bundle fewer engines"],
        )
    why = error.strerror or str(error)
    if error.errno == errno.EFBIG:
        why = "the file system there takes no file of that size (FAT: none over 4 GiB)"
    return EnvironmentRefusedError(
        f"The bundle {file} cannot be written.",
        code="bundle-not-written",
        detail=f"{error.filename or file}: {why}",
        actions=["give a file in a folder that is there and that you may write to"],
    )

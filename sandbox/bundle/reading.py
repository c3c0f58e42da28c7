"""Reading a bundle, without believing it: every byte is compared with what the manifest lets expect.

:func:`opened` reads the manifest alone. :meth:`Bundle.check` reads all: headers must be the very bytes that
we would have written, contents must have their sha256, and nothing may stand between or after.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sandbox.errors import NotSoError, UsageError
from sandbox.events import Done, Phase, Progress, Sink, silent

from . import contents
from .contents import MANIFEST, README, SUMS, Manifest, Member, header, layout, padding
from .writing import CHUNK


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. ``manifest_size`` and ``manifest_sha256`` are those of ``manifest.json``."""

    path: Path
    file: BinaryIO
    size: int
    manifest: Manifest
    manifest_size: int
    manifest_sha256: str

    def check(self, sink: Sink = silent) -> None:
        """Read all of it; NotSoError that names what is not as it was written. Emits phase ``verify``."""
        begun = time.monotonic()
        sink(Phase("bundle", "verify", f"{self.size / 1e6:.1f} MB"))
        bad = []
        position = 0
        for member, start in layout(self.manifest, self.manifest_size):
            self._expect_header(member.name, member.bytes, position, start - position)
            found = self._digest(member, start, sink)
            if found != member.sha256:
                bad.append(f"{member.name} has sha256 {found}, and should have {member.sha256}")
            position = start + member.bytes
            position = self._expect_zeros(position, padding(member.bytes), member.name)
            if member.name == README:
                position = self._past_manifest(position)
        if bad:
            raise damaged(self.path, *bad)
        self._check_end(position)
        sink(Done("bundle", "verify", time.monotonic() - begun, f"{self.size / 1e6:.1f} MB"))

    def chunks(self, start: int, size: int) -> Iterator[bytes]:
        """``size`` bytes from position ``start``, in pieces; fewer when the file ends before."""
        self.file.seek(start)
        while size > 0:
            some = self.file.read(min(CHUNK, size))
            if not some:
                return
            size -= len(some)
            yield some

    def places(self) -> list[tuple[Member, int]]:
        """Every member with the position of its first byte."""
        return list(layout(self.manifest, self.manifest_size))

    # -- the parts of the check ----------------------------------------------------------------------

    def _digest(self, member: Member, start: int, sink: Sink) -> str:
        digest, got = hashlib.sha256(), 0
        for some in self.chunks(start, member.bytes):
            digest.update(some)
            got += len(some)
            sink(Progress("bundle", "verify", start + got, self.size, "bytes"))
        if got < member.bytes:
            raise self._cut_off(member.name, got, member.bytes)
        return digest.hexdigest()

    def _past_manifest(self, position: int) -> int:
        length = len(header(MANIFEST, 0, 0))
        self._expect_header(MANIFEST, self.manifest_size, position, length)
        position += length + self.manifest_size
        return self._expect_zeros(position, padding(self.manifest_size), MANIFEST)

    def _expect_header(self, name: str, size: int, position: int, length: int) -> None:
        found = b"".join(self.chunks(position, length))
        if found == header(name, size, self.manifest.time):
            return
        if len(found) < length:
            raise self._cut_off(name, 0, size)
        said = header_of(found[-tarfile.BLOCKSIZE :])
        if said is None:
            raise damaged(self.path, f"The header of {name} is damaged.")
        if said.name != name:
            raise damaged(self.path, f"{said.name!r} stands where {name} should be.")
        raise damaged(self.path, f"The header of {name} is not the one that was written.")

    def _expect_zeros(self, position: int, length: int, name: str) -> int:
        found = b"".join(self.chunks(position, length))
        if len(found) < length:
            raise damaged(self.path, f"It is cut off after {name}.")
        if any(found):
            raise damaged(self.path, f"Something stands after {name} that was not written there.")
        return position + length

    def _check_end(self, position: int) -> None:
        wanted = contents.sums(self.manifest.members, self.manifest_sha256)
        length = len(header(SUMS, 0, 0))
        self._expect_header(SUMS, len(wanted), position, length)
        position += length
        found = b"".join(self.chunks(position, len(wanted)))
        if len(found) < len(wanted):
            raise self._cut_off(SUMS, len(found), len(wanted))
        if found != wanted:
            differing = [
                line.split()[-1]
                for line, other in zip(wanted.splitlines(), found.splitlines(), strict=False)
                if line != other
            ]
            names = b", ".join(differing[:3]).decode() or "something"
            raise damaged(self.path, f"{SUMS} does not agree with what is there about {names}.")
        position = self._expect_zeros(position + len(wanted), padding(len(wanted)), SUMS)
        position = self._expect_zeros(position, contents.end(position), SUMS)
        if position != self.size:
            raise damaged(self.path, f"{self.size - position} bytes follow its end.")

    def _cut_off(self, name: str, got: int, size: int) -> NotSoError:
        return damaged(self.path, f"It is cut off within {name}, after {got} of {size} bytes.")


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The bundle in a file, its manifest read.

    Raises UsageError when there is no such file, or it is no bundle, or one of a newer format; NotSoError
    when it is damaged before the end of its manifest.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise UsageError(
            f"There is no file {path}." if missing else f"{path} cannot be read: {error.strerror}",
            code="no-such-file" if missing else "unreadable-file",
        ) from error
    with file:
        try:
            yield _read(path, file)
        except OSError as error:
            if error.filename not in (None, str(path)):
                raise
            raise UsageError(
                f"{path} cannot be read: {error.strerror or error}", code="unreadable-file"
            ) from error


def _read(path: Path, file: BinaryIO) -> Bundle:
    size = os.fstat(file.fileno()).st_size
    length = len(header(README, 0, 0))
    first = header_of(file.read(length))
    if first is None or first.name != README or first.size > contents.LARGEST_TEXT:
        raise UsageError(
            f"{path} is no bundle.",
            code="not-a-bundle",
            detail=f"A bundle is a tar that begins with {README}.",
            actions=["sandbox bundle create FILE"],
        )
    file.seek(length + first.size + padding(first.size))
    second = header_of(file.read(len(header(MANIFEST, 0, 0))))
    if second is None or second.name != MANIFEST or second.size > contents.LARGEST_MANIFEST:
        raise damaged(path, f"The header of {MANIFEST} is damaged or missing.")
    text = file.read(second.size)
    if len(text) < second.size:
        raise damaged(path, f"It is cut off within {MANIFEST}, after {len(text)} of {second.size} bytes.")
    try:
        manifest = contents.parsed(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"{MANIFEST} cannot be used: {error}.") from error
    if manifest.format > contents.FORMAT:
        raise UsageError(
            f"{path} was made by a newer sandbox, {manifest.sandbox}.",
            code="bundle-newer",
            detail=f"It has format {manifest.format}; this sandbox knows {contents.FORMAT}.",
            actions=["install that version of sandbox, from the wheels in the bundle if it has some"],
        )
    return Bundle(path, file, size, manifest, second.size, hashlib.sha256(text).hexdigest())


def header_of(block: bytes) -> tarfile.TarInfo | None:
    """What a block of a tar says as a header, or None when it is none."""
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None


def damaged(path: Path, *findings: str) -> NotSoError:
    """The error for a bundle that is not as it was written, with what was found."""
    return NotSoError(
        f"{path} is damaged.",
        code="bundle-damaged",
        detail="\n".join(findings),
        actions=["copy it again from where it was made", "or make a new one: sandbox bundle create FILE"],
    )

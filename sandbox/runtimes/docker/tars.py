"""Tars, in which the Docker engine takes files and gives them."""

from __future__ import annotations

import io
import os
import re
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sandbox.runtimes.docker.recipe import Content, as_bytes

CHUNK = 1 << 20
"""Bytes that are read, sent and written at once."""
_ZEROS = bytes(CHUNK)


def archive(files: Mapping[str, Content]) -> bytes:
    """A tar of files by absolute path, readable by everybody, and of folders that everybody may write to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, given in files.items():
            content = as_bytes(given() if callable(given) else given)
            entry = tarfile.TarInfo(path.strip("/"))
            entry.size, entry.mode, entry.mtime = len(content), 0o644, int(time.time())
            if path.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class LargeReads(io.FileIO):
    """A file that is sent in large pieces, whatever the one who sends it asks for (16 KiB)."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size if size is None or size < 0 else CHUNK) or b""


class _Chunks(io.RawIOBase):
    """What comes in pieces, as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._rest = self._rest or memoryview(next(self._chunks, b""))
        taken = min(len(buffer), len(self._rest))
        buffer[:taken], self._rest = self._rest[:taken], self._rest[taken:]
        return taken


class _Sparse(io.FileIO):
    """A file without room on the disk for what is empty in it: of MySQL's files most."""

    def write(self, data: Any, /) -> int:
        if data == _ZEROS[: len(data)]:
            self.seek(len(data), os.SEEK_CUR)
            return len(data)
        return super().write(data) or 0

    def close(self) -> None:
        if not self.closed:
            self.truncate()
        super().close()


def write_tar(path: Path, chunks: Iterable[bytes], passing: re.Pattern[str] | None) -> None:
    """Write a tar that comes in pieces to a file, without files that no copy needs."""
    with _Sparse(path, "w") as file:
        if passing is None:
            for chunk in chunks:
                file.write(chunk)
            return
        reader = io.BufferedReader(_Chunks(chunks), CHUNK)
        with (
            tarfile.open(fileobj=reader, mode="r|", bufsize=CHUNK) as old,
            tarfile.open(fileobj=file, mode="w") as new,
        ):
            # So small is what is looked at whether it is empty.
            new.copybufsize = 1 << 16  # type: ignore[attr-defined]
            for member in old:
                if not passing.search(member.name):
                    new.addfile(member, old.extractfile(member) if member.isreg() else None)

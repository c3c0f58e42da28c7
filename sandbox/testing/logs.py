"""What engines wrote to their logs while a test ran, for the report of its failure."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.sandbox import Sandbox

MOST_LINES = 20
_MOST_BYTES = 64_000


class LogMark:
    """Where an engine's log ended when this was made."""

    def __init__(self, box: Sandbox, engine: str) -> None:
        self.at = time.monotonic()
        self._box, self._engine = box, engine
        seat = box.blank_seat(engine)
        # Looking at a file's size is all that a test that passes pays for.
        self._file = seat.log if seat.record.runtime == "native" else None
        self._end = _size(self._file) if self._file else 0
        self._last = [] if self._file else self._tail()

    def lines(self) -> list[str]:
        """The lines written since then, the last 20 of them at most."""
        found = _read(self._file, self._end) if self._file else _after(self._last, self._tail(500))
        return found[-MOST_LINES:]

    def _tail(self, lines: int = MOST_LINES) -> list[str]:
        with suppress(SandboxError, OSError):
            return list(self._box.logs(self._engine, lines=lines))
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read(path: Path, begin: int) -> list[str]:
    end = _size(path)
    if begin > end:
        # A start moves a big log away and begins anew.
        begin = 0
    try:
        with path.open("rb") as file:
            file.seek(max(begin, end - _MOST_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _after(before: list[str], now: list[str]) -> list[str]:
    for at in range(len(now) - len(before), -1, -1):
        if now[at : at + len(before)] == before:
            return now[at + len(before) :]
    return now

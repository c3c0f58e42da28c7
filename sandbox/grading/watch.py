"""Notices that a file was saved.

One small file is looked at five times a second. That costs next to nothing and works where events of the
file system do not: network folders, mounts of containers and virtual machines, editors that replace the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

POLL_SECONDS = 0.2


def saves(file: Path, poll_seconds: float = POLL_SECONDS) -> Iterator[None]:
    """At once, and then after each save that changed the content. A file that is away for a moment, as while
    an editor replaces it, is waited for."""
    seen: bytes | None = None
    while True:
        content = _content(file)
        if content is not None and content != seen:
            seen = content
            yield
        else:
            time.sleep(poll_seconds)


def _content(file: Path) -> bytes | None:
    try:
        before = file.stat()
        content = file.read_bytes()
        after = file.stat()
    except OSError:
        return None
    # Half a save is none: the editor is still writing.
    return content if len(content) == before.st_size and after.st_mtime_ns == before.st_mtime_ns else None

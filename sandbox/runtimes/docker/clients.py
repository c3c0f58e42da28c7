"""Clients for engines that run in containers: those that the native runtime fetches, where this platform has
them; they speak to any server of their protocol."""

from __future__ import annotations

from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.events import silent
from sandbox.runtimes.native.registry import check_platform
from sandbox.runtimes.native.registry import recipe as native


def folders(engine: str, cache: Path) -> tuple[Path, ...]:
    """Folders with the engine's own clients; none where they were not fetched, or do not exist for this
    platform."""
    try:
        check_platform(engine)
        return native(engine).install(cache, silent, offline=True).bin
    except SandboxError:
        return ()

"""Sandboxes that grading brings up for itself and deletes afterwards.

Each is claimed by a lock of the kernel, which its owner's death frees: what a killed batch or worker left
running is found by the next one, and used or taken down.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sandbox import config
from sandbox.errors import SandboxError
from sandbox.events import Sink, silent
from sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

_BRINGING = threading.Lock()


class Spare:
    """One such sandbox, ours until :meth:`end`. ``box`` has no engine yet."""

    def __init__(self, name: str, lock: Any, sink: Sink) -> None:
        self.box = Sandbox(name=name, sink=sink)
        self._lock = lock

    def bring(self, engines: Sequence[str], datasets: dict[str, Dataset] | None = None) -> None:
        """Have these engines run with these datasets (by engine; else the course's). The first error of an
        engine that does not start is raised."""
        with _BRINGING:
            missing = [name for name in engines if name not in self.box.running()]
            if not missing:
                return
            result = self.box.up(missing)
            for error in result.failed.values():
                raise error
            for name in missing:
                dataset = (datasets or {}).get(name)
                if dataset is not None and self.box.seat(name).record.dataset != dataset.hash:
                    self.box.load([name], dataset)

    def end(self) -> None:
        """Take it down, with its data, and give it up."""
        try:
            self.box.down(delete=True)
        finally:
            self._lock.release()


def claim(base: str, sink: Sink = silent) -> Spare:
    """A spare sandbox named after another one: ``<base>-grade-2`` and so on, the first that is nobody's."""
    from filelock import FileLock, Timeout

    config.home().mkdir(parents=True, exist_ok=True)
    number = 2
    while True:
        name = _name(base, number)
        # A sandbox of that name without our lock beside it is a person's own.
        if _marker(name).exists() or not (config.home() / name).exists():
            lock = FileLock(_marker(name))
            with suppress(Timeout):
                lock.acquire(timeout=0)
                return Spare(name, lock, sink)
        number += 1


def _name(base: str, number: int) -> str:
    return f"{base[:20]}-grade-{number}"


def _marker(name: str) -> Any:
    return config.home() / f"{name}.lock"


def sweep(base: str, sink: Sink = silent) -> list[str]:
    """Take down what dead owners left; the names."""
    from filelock import FileLock, Timeout

    swept = []
    for marker in sorted(config.home().glob(f"{base[:20]}-grade-*.lock")):
        name = marker.name.removesuffix(".lock")
        if not (config.home() / name).is_dir():
            continue
        lock = FileLock(marker)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            with suppress(SandboxError):
                Sandbox(name=name, sink=sink).down(delete=True)
                swept.append(name)
        finally:
            lock.release()
    return swept


@contextmanager
def ended(spares: list[Spare]) -> Iterator[None]:
    """Take spares down when the block ends, however it does, those appended meanwhile too."""
    try:
        yield
    finally:
        for spare in spares:
            with suppress(SandboxError):
                spare.end()

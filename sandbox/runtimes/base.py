"""How engines are run, in plain data: a runtime knows processes or containers and nothing of SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sandbox.events import Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.state import Seat


@dataclass(frozen=True)
class ServiceSpec:
    """What to run for one engine.

    ``env`` is added to a minimal environment (PATH, HOME and TMPDIR inside the work folder, LANG=C.UTF-8).
    ``files`` are written before the start, readable by the running user only. ``ports`` by role; ``main``
    is the one clients use.
    """

    argv: Sequence[str]
    cwd: Path
    ports: Mapping[str, int]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """An engine that was brought up: where it answers is in its seat. ``phases`` are seconds by phase."""

    engine: str
    pid: int
    seconds: float
    phases: Mapping[str, float]
    rows: Mapping[str, int]
    kept: bool = False
    """True when it ran already and was left as it was."""


@dataclass(frozen=True)
class Observed:
    """What can be seen of an engine now, without asking it anything. ``memory_bytes`` is the sum of PSS."""

    alive: bool
    pid: int | None = None
    memory_bytes: int | None = None


class Runtime(Protocol):
    """A way to run engines. ``seat`` is the engine's place in the state folder of a sandbox."""

    name: str

    def fetch(self, engines: Sequence[str], sink: Sink, *, offline: bool) -> None: ...

    def start(self, seat: Seat, dataset: Dataset, sink: Sink) -> Started: ...

    def stop(self, seat: Seat, sink: Sink) -> bool: ...

    def observe(self, seat: Seat) -> Observed: ...

    def logs(self, seat: Seat, *, lines: int, follow: bool) -> Iterator[str]: ...

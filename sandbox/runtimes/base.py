"""How engines are run, in plain data: a runtime knows processes or containers and nothing of SQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

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
    """What can be seen of an engine now, without asking it anything. ``memory_bytes`` is the sum of PSS;
    ``waits``: what it runs in has its ports, and waits for its next start (:meth:`Runtime.halt`)."""

    alive: bool
    pid: int | None = None
    memory_bytes: int | None = None
    waits: bool = False


class Facts:
    """What is known of an engine as one runtime runs it, in plain data."""

    engine: ClassVar[str]
    version: ClassVar[str]
    """Version of what runs, pinned."""
    product: ClassVar[str]
    """What it really is: ``MariaDB 11.4``, ``Valkey 9``."""
    ports: ClassVar[tuple[str, ...]] = ("main",)
    """Roles of the ports it listens on, ``main`` first."""
    memory_mib: ClassVar[int]
    """What it takes at rest with the dataset, for the check before the start (measured)."""
    disk_mib: ClassVar[int]
    """What it takes on the disk in all, for the check before the start (measured)."""
    order: ClassVar[int] = 50
    """Slowest first: lower starts earlier."""
    approximation: ClassVar[str] = ""
    """One sentence for status, pages and reports when it is not the engine itself; else empty."""
    lacks: ClassVar[frozenset[str]] = frozenset()
    """Capabilities that the engine has elsewhere and not here (``transactions`` ...)."""
    no_password: ClassVar[str] = ""
    """Why it has no password, when it cannot have one; doctor and its page say so."""
    prefers_default_port: ClassVar[bool] = True
    keeps: ClassVar[bool] = True
    """Whether its data are there again after a stop; else the dataset is loaded at each start."""
    ours: ClassVar[bool] = True
    """Whether we start and stop it; one of somebody else's is only used."""
    replicates: ClassVar[bool] = False
    """Whether it can run as a replica of another one of its kind."""
    forms_ring: ClassVar[bool] = False
    """Whether its replicas are further nodes of one ring with it. It is started anew for the first of them to
    join; one that has joined stays until the data of all are deleted."""
    copied_at_rest: ClassVar[bool] = False
    """Whether a replica begins with a copy of its primary's data, made while that does not run."""
    behind_seconds: ClassVar[float] = 0.0
    """How long what was acknowledged may take until an engine that is killed has it in its files, where
    :meth:`sandbox.engines.base.Engine.flush` does not see to that."""
    empty_is_fast: ClassVar[bool] = False
    """Whether an instance without the dataset starts sooner than one with it."""

    def of_product(self, product: str) -> Facts:  # noqa: ARG002 - most are what they seem
        """What is known when the server that runs says it is ``product``, which may stand in for another."""
        return self


class Runtime(Protocol):
    """A way to run engines. ``seat`` is an engine's place in the state folder of a sandbox."""

    name: str
    cancelled: threading.Event
    """Set from another thread: every start in progress gives up and cleans up after itself."""

    def facts(self, engine: str) -> Facts:
        """What is known of an engine here."""

    def fetch(self, engines: Sequence[str], sink: Sink, *, offline: bool) -> None:
        """Bring what the engines need to this machine; an error that names what is missing when offline."""

    def missing(self, engine: str) -> int:
        """Bytes that :meth:`fetch` would have to download, as far as that is known."""

    def needs(self, engine: str) -> int:
        """MiB of disk that the first start of an engine will take; 0 when it was prepared before."""

    def bin(self, engine: str) -> tuple[Path, ...]:
        """Folders with the engine's own clients, to put on PATH."""

    def has_data(self, seat: Seat) -> bool:
        """Whether it has data from an earlier start."""

    def start(
        self, seat: Seat, dataset: Dataset, sink: Sink, *, offline: bool, save: Callable[[], None]
    ) -> Started:
        """Bring an engine up, with the dataset when it has no data yet. Nothing runs when it fails."""

    def prepare(
        self, seat: Seat, dataset: Dataset, sink: Sink, *, offline: bool, save: Callable[[], None]
    ) -> None:
        """Make the data of an engine that has none yet, without starting it."""

    def copy_at_rest(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Give a replica a copy of the data of its primary, which does not run."""

    def start_replica(self, seat: Seat, primary: Seat, sink: Sink) -> Started:
        """Bring one replica up and have it follow its primary, which runs."""

    def await_replica(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Until a replica that runs follows its primary again, which was just started."""

    def is_copy(self, seat: Seat) -> bool:
        """Whether a replica's data are known to hold nothing but what its running primary has."""

    def make_spares(self, seats: Sequence[Seat], dataset: Dataset) -> None:
        """Make ready, in the background, what the next sandbox will need."""

    def stop(self, seat: Seat, sink: Sink, *, abort: bool = False) -> bool:
        """End the engine and whatever else of it runs; True when something ran. ``abort``: at once."""

    def halt(self, seat: Seat, sink: Sink) -> None:
        """End the engine at once, to start it again soon on other data; what it runs in may go on."""

    def kill(self, seat: Seat) -> bool:
        """End the engine by SIGKILL, as a crash would, and see it gone; True when it ran."""

    def clear(self, seat: Seat) -> None:
        """End what an engine that died left running."""

    def delete(self, seat: Seat) -> None:
        """Delete the data of an engine that does not run."""

    def observe(self, seat: Seat, *, memory: bool = True) -> Observed:
        """Whether the engine lives, and what it takes."""

    def logs(self, seat: Seat, *, lines: int, follow: bool) -> Iterator[str]:
        """The engine's last lines of output; with ``follow``, also what comes, until interrupted."""

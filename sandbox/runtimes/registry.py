"""The runtimes there are, imported on first use, and which of them runs what."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import config
from sandbox.engines.base import Engine
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import unknown_name
from sandbox.events import Sink
from sandbox.runtimes.base import Facts, Observed, Runtime, Started

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.state import Seat

NAMES: tuple[str, ...] = ("native", "docker")
EXTERNAL = "external"
"""What runs already, at an address that a person gives; nobody chooses it by its name."""


def check_runtime(name: str) -> str:
    """The name, or UsageError with the nearest one when there is no such runtime."""
    if name not in NAMES:
        raise unknown_name("runtime", name, (*NAMES, "auto"), list_command="sandbox up --help")
    return name


@cache
def facts(engine: str, runtime: str = "native") -> Facts:
    """What is known of an engine as that runtime runs it."""
    return Runtimes().named(runtime).facts(engine)


class Runtimes:
    """All runtimes as one: each seat's own does the work, by what its record says."""

    def __init__(self) -> None:
        self.cache = config.cache()
        self.cancelled = threading.Event()
        """Set from another thread: every start in progress gives up and cleans up after itself."""
        self._made: dict[str, Runtime] = {}

    def named(self, name: str) -> Runtime:
        """The runtime of that name."""
        if name not in self._made:
            self._made[name] = self._make(name if name == EXTERNAL else check_runtime(name))
        return self._made[name]

    def _make(self, name: str) -> Runtime:
        module = importlib.import_module(f"sandbox.runtimes.{name}.runtime")
        made: Runtime = module.RUNTIME(self.cache, self.cancelled)
        return made

    def of(self, seat: Seat) -> Runtime:
        """The runtime that runs a seat's engine."""
        return self.named(seat.record.runtime)

    def engine(self, seat: Seat) -> Engine:
        """The engine of a seat, as it may be used: on servers of others all but our own is left alone."""
        if seat.record.runtime == EXTERNAL:
            from sandbox.runtimes.external.runtime import ExternalRuntime

            return ExternalRuntime(self.cache, self.cancelled).engine(seat)
        return engine_named(seat.engine)

    def facts(self, seat: Seat) -> Facts:
        """See :class:`sandbox.runtimes.base.Runtime`, here and below."""
        if seat.record.runtime == EXTERNAL:
            from sandbox.runtimes.external.runtime import ExternalRuntime

            return ExternalRuntime(self.cache, self.cancelled).facts_of(seat)
        return self.of(seat).facts(seat.kind).of_product(seat.record.product)

    def fetch(self, seats: Sequence[Seat], sink: Sink, *, offline: bool) -> None:
        for name in dict.fromkeys(seat.record.runtime for seat in seats):
            engines = [seat.kind for seat in seats if seat.record.runtime == name]
            self.named(name).fetch(engines, sink, offline=offline)

    def missing(self, seat: Seat) -> int:
        return self.of(seat).missing(seat.kind)

    def needs(self, seat: Seat) -> int:
        return self.of(seat).needs(seat.kind)

    def bin(self, seat: Seat) -> tuple[Path, ...]:
        return self.of(seat).bin(seat.kind)

    def has_data(self, seat: Seat) -> bool:
        return self.of(seat).has_data(seat)

    def start(
        self, seat: Seat, dataset: Dataset, sink: Sink, *, offline: bool, save: Callable[[], None]
    ) -> Started:
        return self.of(seat).start(seat, dataset, sink, offline=offline, save=save)

    def prepare(
        self, seat: Seat, dataset: Dataset, sink: Sink, *, offline: bool, save: Callable[[], None]
    ) -> None:
        self.of(seat).prepare(seat, dataset, sink, offline=offline, save=save)

    def copy_at_rest(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        self.of(seat).copy_at_rest(seat, primary, sink)

    def start_replica(self, seat: Seat, primary: Seat, sink: Sink) -> Started:
        return self.of(seat).start_replica(seat, primary, sink)

    def await_replica(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        self.of(seat).await_replica(seat, primary, sink)

    def is_copy(self, seat: Seat) -> bool:
        return self.of(seat).is_copy(seat)

    def make_spares(self, seats: Sequence[Seat], dataset: Dataset) -> None:
        for name in dict.fromkeys(seat.record.runtime for seat in seats):
            self.named(name).make_spares([s for s in seats if s.record.runtime == name], dataset)

    def stop(self, seat: Seat, sink: Sink, *, abort: bool = False) -> bool:
        return self.of(seat).stop(seat, sink, abort=abort)

    def halt(self, seat: Seat, sink: Sink) -> None:
        self.of(seat).halt(seat, sink)

    def kill(self, seat: Seat) -> bool:
        return self.of(seat).kill(seat)

    def clear(self, seat: Seat) -> None:
        self.of(seat).clear(seat)

    def delete(self, seat: Seat) -> None:
        self.of(seat).delete(seat)

    def observe(self, seat: Seat, *, memory: bool = True) -> Observed:
        return self.of(seat).observe(seat, memory=memory)

    def logs(self, seat: Seat, *, lines: int, follow: bool) -> Iterator[str]:
        return self.of(seat).logs(seat, lines=lines, follow=follow)

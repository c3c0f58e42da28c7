"""Seconds by phase of what is done for one engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.events import Done, Phase, Sink


class Clock:
    """Seconds by phase of one engine, told to the sink as they end."""

    def __init__(self, engine: str, sink: Sink) -> None:
        self.engine, self.sink = engine, sink
        self.phases: dict[str, float] = {}
        self.began = time.monotonic()

    @contextmanager
    def phase(self, name: str, text: str = "") -> Iterator[None]:
        began = time.monotonic()
        self.sink(Phase(self.engine, name, text))
        yield
        seconds = time.monotonic() - began
        self.phases[name] = self.phases.get(name, 0.0) + seconds
        self.sink(Done(self.engine, name, seconds, text))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

"""One start of one engine: its process, the wait for its first answers, its end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Done, Phase, Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native import ports, process
from sandbox.runtimes.native.recipe import Context, Recipe

PROBE_EVERY = 0.05
LAST_LINES = 20


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


@dataclass
class Launch:
    """A start of an engine. ``record`` and ``log`` are the files for its process; ``cancelled`` set from
    another thread makes the wait give up."""

    engine: Engine
    recipe: Recipe
    context: Context
    record: Path
    log: Path
    mark: str
    clock: Clock
    cancelled: threading.Event
    child: process.Child | None = None

    def start(self) -> process.Child:
        """Write the files of the service and start its process."""
        with self.clock.phase("spawn"):
            spec = self.recipe.service(self.context)
            _write_files(spec, self.context.user)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > 5_000_000:
                self.log.replace(self.log.with_suffix(".log.1"))
            self.child = process.start(
                spec.argv,
                record=self.record,
                log=self.log,
                user=self.context.user,
                cwd=spec.cwd,
                env=process.environment(self.context.work, spec.env, self.mark),
                nice=self.recipe.nice,
            )
        return self.child

    def wait(self, endpoints: Sequence[Endpoint], phase: str = "start") -> None:
        """Until the driver has had a real query answered twice, at any of the endpoints (they differ in
        their passwords); an error at once when the process ends."""
        limit = time.monotonic() + self.recipe.start_seconds
        answered, problem, port = 0, "", self.context.ports["main"]
        with self.clock.phase(phase):
            self.engine.warm(endpoints[0])
            while answered < 2:
                self._look(limit, problem)
                # Drivers take tens of milliseconds to refuse; an open port costs nothing to ask for.
                if not answered and not ports.answers(port):
                    time.sleep(PROBE_EVERY / 5)
                    continue
                for endpoint in endpoints:
                    try:
                        self.engine.probe(endpoint)
                        answered += 1
                        break
                    except Exception as refused:  # noqa: BLE001 - any error of any driver means "not yet"
                        problem = str(refused)
                else:
                    answered = 0
                    time.sleep(PROBE_EVERY)

    def _look(self, limit: float, problem: str) -> None:
        if self.cancelled.is_set():
            raise EnvironmentRefusedError("The start was interrupted.", code="interrupted")
        code = self.child.poll() if self.child else None
        if code is not None:
            raise self._died(code)
        if time.monotonic() > limit:
            raise EnvironmentRefusedError(
                f"{self.recipe.product} runs but does not answer: {problem}",
                code="engine-silent",
                detail=process.tail(self.log, LAST_LINES),
                actions=[f"sandbox logs {self.engine.name}", f"sandbox up {self.engine.name}"],
            )

    def _died(self, code: int) -> EnvironmentRefusedError:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        port = self.context.ports["main"]
        if not ports.free(port):
            how += f"; port {port} is held by {ports.holder(port)}"
        name = self.engine.name
        return EnvironmentRefusedError(
            f"{self.recipe.product} {how} while it started.",
            code="engine-died",
            detail=process.tail(self.log, LAST_LINES),
            actions=[f"sandbox logs {name}", "sandbox doctor", f"sandbox up {name}"],
        )

    def end(self, *, settle: bool = False) -> None:
        """Stop the process cleanly; ``settle`` leaves it the time to write a class-data archive."""
        end(self.record, self.recipe, settle=settle)


def end(record: Path, recipe: Recipe, *, settle: bool = False) -> bool:
    """Stop what a record names, as its recipe asks; True when it ran."""
    running = process.read_record(record)
    ran = running is not None and running.alive()
    if running is not None:
        seconds = recipe.settle_seconds if settle else recipe.stop_seconds
        process.stop(running, how=recipe.stop_signal, seconds=seconds)
    record.unlink(missing_ok=True)
    return ran


def _write_files(spec: ServiceSpec, user: str | None) -> None:
    for path, text in spec.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        process.own(path, user)

"""One start of one engine: its process, the wait for its first answers, its end."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes import ports, ready
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.native import process
from sandbox.runtimes.native.recipe import Context, Recipe
from sandbox.runtimes.native.spread import spread

LAST_LINES = 20
_FRAME = re.compile(r"\s+(at \S+\(|\.\.\. \d+ (more|common))")
"""A line of Java's that says where in the code it happened: dozens of them hide what happened."""
_TAKEN = re.compile(r"(?i)address already in use|something else is bound")
"""What engines say of a port that is not free; the second is TinkerPop's."""


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
    _before: int = 0
    """Bytes of the log that earlier starts wrote."""

    def start(self) -> process.Child:
        """Write the files of the service and start its process."""
        with self.clock.phase("spawn"):
            spec = self.recipe.service(self.context)
            _write_files(spec, self.context.user)
            for name in self.recipe.spreads:
                spread(self.context.data / name)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > 5_000_000:
                self.log.replace(self.log.with_suffix(".log.1"))
            self._before = self.log.stat().st_size if self.log.exists() else 0
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
        with self.clock.phase(phase):
            self.await_answers(endpoints)

    def await_answers(self, endpoints: Sequence[Endpoint], times: int = 2) -> None:
        """The same without a phase, and until so many queries were answered."""
        limit = time.monotonic() + self.recipe.start_seconds
        look = partial(self._look, limit)
        ready.await_answers(self.engine, endpoints, look, times=times)
        running = process.read_record(self.record)
        if running is not None and not process.listens(running, endpoints[0].port):
            raise self._stranger()

    def _look(self, limit: float, problem: str) -> None:
        if self.cancelled.is_set():
            raise ready.interrupted()
        code = self.child.poll() if self.child else None
        if code is not None:
            raise self._died(code)
        if time.monotonic() > limit:
            raise ready.silent(self.recipe, problem, process.tail(self.log, LAST_LINES))

    def _stranger(self) -> EnvironmentRefusedError:
        """Until they have got their own, engines of all sandboxes have the passwords of one golden copy: an
        answer may be another's, who was quicker to take the port."""
        port, name = self.context.ports["main"], self.engine.name
        return EnvironmentRefusedError(
            f"{self.recipe.product} did not get port {port}: it is held by {ports.holder(port)}.",
            code="port-lost",
            actions=[f"sandbox up {name}"],
        )

    def _died(self, code: int) -> EnvironmentRefusedError:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        lines = [line for line in self._said() if not _FRAME.match(line)]
        port, name = self.context.ports["main"], self.engine.name
        held = not ports.free(port)
        if held:
            how += f"; port {port} is held by {ports.holder(port)}"
        # Who took the port may have let go of it by now.
        lost = held or any(_TAKEN.search(line) for line in lines)
        return EnvironmentRefusedError(
            f"{self.recipe.product} {how} while it started.",
            code="port-lost" if lost else "engine-died",
            detail="\n".join(lines[-LAST_LINES:]),
            actions=[f"sandbox logs {name}", "sandbox doctor", f"sandbox up {name}"],
        )

    def _said(self) -> list[str]:
        return process.tail(self.log, 1000, after=self._before).splitlines()

    def end(self, *, settle: bool = False) -> None:
        """Stop the process cleanly; ``settle`` leaves it the time to write a class-data archive."""
        end(self.record, self.recipe, settle=settle)


def end(record: Path, recipe: Recipe, *, settle: bool = False, abort: bool = False) -> bool:
    """Stop what a record names, as its recipe asks; True when it ran. ``abort``: at once, data lost."""
    running = process.read_record(record)
    ran = running is not None and running.alive()
    if running is not None:
        seconds = recipe.settle_seconds if settle else recipe.stop_seconds
        process.stop(running, how=recipe.abort_signal if abort else recipe.stop_signal, seconds=seconds)
    record.unlink(missing_ok=True)
    return ran


def _write_files(spec: ServiceSpec, user: str | None) -> None:
    for path, text in spec.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        process.own(path, user)

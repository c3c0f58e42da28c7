"""The external runtime: servers that run already. They are used, never started and never stopped."""

from __future__ import annotations

import importlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Sink, Warned
from sandbox.runtimes.base import Facts, Observed, Started
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.external.addresses import endpoint_of
from sandbox.runtimes.external.guard import LEARNER, Guard, cannot
from sandbox.runtimes.external.refusals import explain
from sandbox.state import kind_of

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.state import Seat

HELD = "held"
"""Option of a record: the place was made there, and loaded."""


class _Facts(Facts):
    """Of a server of which nothing is known before it is asked."""

    version = ""
    ports = ()
    memory_mib = 0
    disk_mib = 0
    prefers_default_port = False
    ours = False


@cache
def _facts(engine: str, version: str = "") -> Facts:
    from sandbox.runtimes.registry import facts

    known: dict[str, object] = {"engine": engine, "product": engine_named(engine).title}
    here = facts(engine)
    provider = version.partition(" ")[0].lower()
    if provider in engine_named(engine).providers[1:]:
        here = facts(kind_of(engine, provider), "docker")
    if version and version.partition(" ")[0] == here.product.partition(" ")[0]:
        # The same product as ours: it lacks what ours does.
        known |= {"approximation": here.approximation, "lacks": here.lacks}
    made: Facts = type("ExternalFacts", (_Facts,), known)()
    return made


def _reachable(seat: Seat) -> bool:
    if "host" not in seat.record.options:
        return False
    try:
        address = (seat.record.options["host"], seat.record.ports["main"])
        with socket.create_connection(address, timeout=2):
            return True
    except OSError:
        return False


class ExternalRuntime:
    """Addresses instead of processes. See :mod:`sandbox.runtimes.external.guard` for what may be touched."""

    name = "external"

    def __init__(self, cache: Path, cancelled: threading.Event) -> None:
        self.cache, self.cancelled = cache, cancelled

    def facts(self, engine: str) -> Facts:
        return _facts(engine)

    def facts_of(self, seat: Seat) -> Facts:
        """What is known of a server that told its version."""
        return _facts(seat.engine, seat.record.version)

    def engine(self, seat: Seat) -> Guard:
        """The engine as it may be used there."""
        module = importlib.import_module(f"sandbox.runtimes.external.{seat.engine}")
        made: Guard = module.GUARD(seat.record.options.get("owner", ""))
        return made

    def fetch(self, engines: Sequence[str], sink: Sink, *, offline: bool) -> None:
        """Nothing."""

    def missing(self, engine: str) -> int:  # noqa: ARG002
        return 0

    def needs(self, engine: str) -> int:  # noqa: ARG002
        return 0

    def bin(self, engine: str) -> tuple[Path, ...]:
        """The clients that engines of our own bring along, where they were fetched."""
        from sandbox.runtimes.docker.clients import folders

        return folders(engine, self.cache)

    def has_data(self, seat: Seat) -> bool:
        return bool(seat.record.options.get(HELD))

    def start(
        self,
        seat: Seat,
        dataset: Dataset,
        sink: Sink,
        *,
        offline: bool = False,  # noqa: ARG002
        save: Callable[[], None] = lambda: None,
    ) -> Started:
        """Have a real query answered, find or make the place, load it when it is new or was lost."""
        engine, endpoint, clock = self.engine(seat), endpoint_of(seat), Clock(seat.engine, sink)
        rows: dict[str, int] = {}
        try:
            with clock.phase("probe"):
                engine.probe(endpoint)
                version = engine.version(endpoint)
            real = seat.engine == "aws" and version == "AWS"
            if not real:
                fresh = engine.mark(endpoint) is None
                with clock.phase("place"):
                    engine.settle_in(endpoint, seat.credentials)
                if fresh or not self.has_data(seat):
                    with clock.phase("load"):
                        rows = engine.load(endpoint, dataset, sink)
                mark = engine.mark(endpoint)
                # Where attempts have accounts of their own, nobody's rights are lent to an answer.
                lesser = engine.apart or (mark is not None and LEARNER in mark.claims)
                seat.record.options["answers_run_as"] = engine.learner if lesser else endpoint.user
        except BaseException as problem:
            seat.record.wanted = False
            if isinstance(problem, SandboxError) or not isinstance(problem, Exception):
                raise
            raise explain(engine, endpoint, problem) or self._odd(seat, problem) from problem
        seat.record.options[HELD] = "yes"
        title = engine_named(seat.engine).title
        named = any(c.isalpha() for c in version)
        seat.record.version, seat.record.product = version, version if named else f"{title} {version}"
        save()
        return Started(seat.engine, 0, clock.seconds, clock.phases, rows)

    def _odd(self, seat: Seat, problem: Exception) -> SandboxError:
        return EnvironmentRefusedError(
            f"{engine_named(seat.engine).title} at {seat.record.options['host']} answers oddly: "
            f"{type(problem).__name__}: {problem}",
            code="external-odd",
            actions=["look whether that address is of such a server"],
        )

    def stop(self, seat: Seat, sink: Sink, *, abort: bool = False) -> bool:
        """Let go of it. The server runs on. ``abort``: what is ours there will be deleted next."""
        was, seat.record.wanted = seat.record.wanted, False
        if abort and self.has_data(seat) and not _reachable(seat):
            where = f"{seat.record.options['host']}:{seat.record.ports['main']}"
            text = f"{seat.engine} at {where} cannot be reached; what is ours there, marked as such, stays."
            sink(Warned(text))
        return was

    def delete(self, seat: Seat) -> None:
        """Delete what is ours there, when it can be reached."""
        if not _reachable(seat):
            return
        engine, endpoint = self.engine(seat), endpoint_of(seat)
        try:
            engine.release(endpoint)
        except Exception as problem:
            if not self.has_data(seat):
                return  # we never came in: there is nothing of ours
            if isinstance(problem, SandboxError):
                raise
            raise explain(engine, endpoint, problem) or self._odd(seat, problem) from problem
        seat.record.options.pop(HELD, None)

    def clear(self, seat: Seat) -> None:
        """Nothing: whatever runs there is not ours."""

    def observe(self, seat: Seat, *, memory: bool = True) -> Observed:  # noqa: ARG002
        """In use, and something accepts connections there."""
        return Observed(seat.record.wanted and _reachable(seat))

    def logs(self, seat: Seat, *, lines: int, follow: bool) -> Iterator[str]:  # noqa: ARG002
        raise cannot(engine_named(seat.engine), "its log is where it runs")

    # -- what only engines of our own can do -----------------------------------------------------------

    def _never(self, seat: Seat) -> SandboxError:
        return cannot(engine_named(seat.engine), "it is neither started nor stopped nor copied here")

    def prepare(self, seat: Seat, *_given: object, **_more: object) -> None:
        raise self._never(seat)

    def copy_at_rest(self, seat: Seat, primary: Seat, sink: Sink) -> None:  # noqa: ARG002
        raise self._never(seat)

    def start_replica(self, seat: Seat, primary: Seat, sink: Sink) -> Started:  # noqa: ARG002
        raise self._never(seat)

    def await_replica(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Nothing: there are none."""

    def is_copy(self, seat: Seat) -> bool:  # noqa: ARG002
        return False

    def halt(self, seat: Seat, sink: Sink) -> None:
        """See :class:`sandbox.runtimes.base.Runtime`."""
        self.stop(seat, sink, abort=True)

    def kill(self, seat: Seat) -> bool:
        raise self._never(seat)

    def make_spares(self, seats: Sequence[Seat], dataset: Dataset) -> None:
        """Nothing to make ready."""


RUNTIME = ExternalRuntime

"""What is told of an engine, and an engine's errors in our words."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sandbox.endpoint import Endpoint
from sandbox.engines.base import PROBE_SECONDS, Replication
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.runtimes import ports
from sandbox.runtimes.registry import EXTERNAL, Runtimes
from sandbox.state import Seat


@dataclass
class EngineStatus:
    """One engine of a sandbox as it is now; the fields of ``data.engines[]`` in the JSON of ``up`` and
    ``status``. ``state`` is running, unhealthy, died or stopped; ``seconds`` what the last start took.
    A replica has its engine in ``replica_of``, and how far it is behind, as far as the engine tells that, in
    ``lag_bytes`` or ``lag_seconds``. ``provider`` is which of the engine's products serves it, where
    there is a choice."""

    name: str
    title: str
    product: str
    version: str
    runtime: str
    state: str
    healthy: bool
    host: str
    port: int | None
    pid: int | None
    memory_bytes: int | None
    approximation: str
    dataset: str
    seconds: float | None = None
    problem: str = ""
    kept: bool = False
    replica_of: str = ""
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    provider: str = ""


def endpoint_of(seat: Seat) -> Endpoint:
    """Where the administrator reaches the engine or replica of a seat when it runs."""
    if seat.record.runtime == EXTERNAL:
        from sandbox.runtimes.external.addresses import endpoint_of as external

        return external(seat)
    return engine_named(seat.engine).endpoint(ports.HOST, seat.record.ports["main"], seat.credentials)


def replication(runtime: Runtimes, seat: Seat, primary: Seat) -> Replication | None:
    """How a replica does, asked now; None when it does not answer."""
    above = endpoint_of(primary) if runtime.observe(primary, memory=False).alive else None
    limit = time.monotonic() + PROBE_SECONDS
    while True:
        try:
            return engine_named(seat.engine).replication(endpoint_of(seat), above)
        except Exception:  # noqa: BLE001 - whatever a driver raises, it cannot be asked
            if time.monotonic() > limit:
                return None
            time.sleep(0.1)


def status_of(runtime: Runtimes, seat: Seat, primary: Seat, *, probe: bool) -> EngineStatus:
    """One engine or replica as it is now; with ``probe``, asked a real query. ``primary`` is its own seat
    when it is no replica."""
    engine, found = engine_named(seat.engine), runtime.facts(seat)
    seen = runtime.observe(seat)
    state, problem = ("running", "") if seen.alive else ("stopped", "")
    if not seen.alive and seat.record.wanted:
        state, problem = "died", "its process is gone" if found.ours else "it cannot be reached"
    if seen.alive and probe:
        try:
            engine.probe(endpoint_of(seat))
        except Exception as refused:  # noqa: BLE001 - whatever a driver raises, it is not healthy
            state, problem = "unhealthy", str(refused)
    follows = replication(runtime, seat, primary) if seat.replica and probe and state == "running" else None
    if follows is not None and follows.promoted:
        problem = f"it was promoted and does not follow {seat.engine} any more"
    elif seat.replica and probe and state == "running" and not (follows and follows.following):
        state = "unhealthy"
        problem = f"it does not follow: {(follows and follows.problem) or 'it gave no answer'}"
    return EngineStatus(
        name=seat.name,
        title=engine.title,
        product=seat.record.product or found.product,
        version=seat.record.version or found.version,
        runtime=seat.record.runtime,
        state=state,
        healthy=state == "running",
        host=ports.HOST if found.ours else seat.record.options.get("host", ""),
        port=seat.record.ports.get("main"),
        pid=seen.pid,
        memory_bytes=seen.memory_bytes,
        approximation=found.approximation,
        dataset=primary.record.dataset_label,
        seconds=seat.record.seconds,
        problem=problem,
        replica_of=seat.engine if seat.replica else "",
        lag_bytes=follows.lag_bytes if follows else None,
        lag_seconds=follows.lag_seconds if follows else None,
        provider=provider_of(seat),
    )


def provider_of(seat: Seat) -> str:
    """Which of its engine's providers serves a seat; empty where there is no choice, or it is another."""
    known = engine_named(seat.engine).providers
    if seat.record.runtime == EXTERNAL:
        product = seat.record.product.partition(" ")[0].lower()
        return product if product in known else ""
    return seat.record.provider or (known[0] if known else "")


def wrapped(name: str, problem: BaseException) -> SandboxError:
    """A driver's error in our words: the engine refused; it is no mistake of the person's."""
    engine = engine_named(name)
    return EnvironmentRefusedError(
        f"{engine.title}: {type(problem).__name__}: {problem}",
        code="engine-error",
        actions=[f"sandbox logs {name}", "sandbox status"],
    )

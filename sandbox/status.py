"""What is told of an engine, and an engine's errors in our words."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError


@dataclass
class EngineStatus:
    """One engine of a sandbox as it is now; the fields of ``data.engines[]`` in the JSON of ``up`` and
    ``status``. ``state`` is running, unhealthy, died or stopped; ``seconds`` what the last start took."""

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


def wrapped(name: str, problem: BaseException) -> SandboxError:
    """A driver's error in our words: the engine refused; it is no mistake of the person's."""
    engine = engine_named(name)
    return EnvironmentRefusedError(
        f"{engine.title}: {type(problem).__name__}: {problem}",
        code="engine-error",
        actions=[f"sandbox logs {name}", "sandbox status"],
    )

"""The place of exercises that need no engine: choices with reasons, which only the checks read."""

# What an engine is asked does not matter here.
# ruff: noqa: ARG002

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials, Engine
from sandbox.events import Sink, silent
from sandbox.grading.exercise import NO_ENGINE
from sandbox.grading.model import CannotTell
from sandbox.grading.place import Place

if TYPE_CHECKING:
    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset


class NoEngine(Engine):
    """Nothing to talk to: namespaces are empty, and whoever asks for a connection is told so."""

    name: ClassVar[str] = NO_ENGINE
    title: ClassVar[str] = "no engine"
    services: ClassVar[tuple[str, ...]] = ("database-choice",)
    default_port: ClassVar[int] = 0
    admin: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return Endpoint(engine=self.name, host=host, port=port)

    def probe(self, endpoint: Endpoint, *, seconds: float = 0) -> None:
        return None

    def version(self, endpoint: Endpoint) -> str:
        return ""

    def connect(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        raise CannotTell("This exercise has no engine to connect to.")

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        return {}

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        return None

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        return {}

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        return {}

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        return {}

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        return endpoint

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        return None

    def client(self, endpoint: Endpoint) -> Client:
        raise CannotTell("This exercise has no engine to connect to.")


def nowhere(sandbox: str, home: Path) -> Place:
    """The place for exercises without an engine; ``home`` is where locks of grading go."""
    home.mkdir(parents=True, exist_ok=True)
    nobody = Credentials("", "")
    engine = NoEngine()
    return Place(sandbox, home, engine, engine.endpoint("", 0, nobody), nobody, facts=_FACTS)


_FACTS: dict[str, Any] = {"engine_version": "", "product": "no engine", "runtime": "none", "dataset_hash": ""}

"""What a test is handed: an endpoint that also connects."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines.registry import engine as engine_named

if TYPE_CHECKING:
    from sandbox.instances import Instance


class LiveEndpoint(Endpoint):
    """An :class:`Endpoint` of a running engine, with the variables that clients look at and a connection."""

    @property
    def env(self) -> dict[str, str]:
        """The engine's usual variables (``PGHOST`` ...) and ``SANDBOX_<ENGINE>_*``, as of ``sandbox env``."""
        engine = engine_named(self.engine)
        return {**engine.generic_env(self), **engine.env(self)}

    def connect(self) -> AbstractContextManager[Any]:
        """The driver's connection, closed when the context ends: a psycopg2 or PyMySQL connection
        (autocommit), a Cassandra Session, MongoClient, Redis, a Gremlin traversal source, a boto3 Session."""
        return engine_named(self.engine).connect(self)

    def close(self) -> None:
        """Close what the endpoint itself opened."""


class AwsEndpoint(LiveEndpoint):
    """An account of the engine ``aws``, with boto3."""

    @cached_property
    def _opened(self) -> tuple[ExitStack, Any]:
        stack = ExitStack()
        return stack, stack.enter_context(self.connect())

    @property
    def session(self) -> Any:
        """A boto3 Session whose clients and resources go to this account; closed with the fixture."""
        return self._opened[1]

    def client(self, service: str, **more: Any) -> Any:
        """A boto3 client: ``client("s3")``."""
        return self.session.client(service, **more)

    def resource(self, service: str, **more: Any) -> Any:
        """A boto3 resource: ``resource("dynamodb")``."""
        return self.session.resource(service, **more)

    def close(self) -> None:
        opened = self.__dict__.pop("_opened", None)
        if opened is not None:
            opened[0].close()


class FreshEngine(LiveEndpoint):
    """An engine of a test's own, which it may break."""

    @property
    def _instance(self) -> Instance:
        found: Instance = self.__dict__["instance"]
        return found

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would, and see it gone."""
        self._instance.kill()

    def stop(self) -> None:
        """End it cleanly."""
        self._instance.stop()

    def start(self) -> None:
        """Start it again, on the same data and port."""
        self._instance.start()

    def restart(self) -> None:
        """End it cleanly and start it again."""
        self._instance.restart()

    @property
    def replicas(self) -> list[LiveEndpoint]:
        """Its replicas, running or not."""
        return [live(endpoint) for endpoint in self._instance.replicas]


def live(endpoint: Endpoint) -> LiveEndpoint:
    """The same endpoint, with a connection."""
    kind = AwsEndpoint if endpoint.engine == "aws" else LiveEndpoint
    return kind(**_values(endpoint))


def fresh(instance: Instance) -> FreshEngine:
    """An instance as a test is handed it."""
    kind = _FreshAws if instance.engine == "aws" else FreshEngine
    made = kind(**_values(instance.endpoint))
    # A field more would be one more argument of `replace` and part of what makes endpoints equal.
    made.__dict__["instance"] = instance
    return made


class _FreshAws(FreshEngine, AwsEndpoint):
    """An engine ``aws`` of a test's own."""


def _values(endpoint: Endpoint) -> dict[str, Any]:
    return {field.name: getattr(endpoint, field.name) for field in fields(endpoint)}

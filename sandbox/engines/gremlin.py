"""Gremlin Server, for the property graph of Neptune.

The dataset is the graph ``g``. Each attempt at an exercise has a graph of its own, ``g_attempt_<key>``, which
exists once it is used; the learner writes to those only, and what he sees as ``g`` is read only. Those of
tests, ``g_test_<name>``, are never saved. Our server (``runtimes/native/java/gremlin``) knows two more names:
``g_read`` is ``g``, read only, and ``g_system`` has a vertex for each graph and one for the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import PROBE_SECONDS, Attempt, Credentials, Engine
from sandbox.engines.gremlin_driver import open_client, open_source
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

DATASET = "g"
SYSTEM = "g_system"
ATTEMPT = "g_attempt_"
"""What the names of graphs begin with that the learner may write to."""
TEST = "g_test_"
"""What the names of graphs begin with that a test has for itself."""


class Gremlin(Engine):
    """Gremlin Server. Shape of the dataset: see :mod:`sandbox.engines.gremlin_load`."""

    name = "gremlin"
    title = "Gremlin Server"
    services = ("neptune",)
    default_port = 8182
    admin = "admin"
    suffixes = (".gremlin",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return Endpoint(
            self.name,
            host,
            port,
            user=self.admin,
            password=credentials.admin,
            database=DATASET,
            url=_url(host, port),
        )

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        with open_source(endpoint, seconds=seconds) as g:
            # As bytecode: a server that has just started would take a tenth of a second to read a script.
            g.V().limit(1).count().next()

    def version(self, endpoint: Endpoint) -> str:
        # The protocol has no request for it, so our server tells it as a graph.
        with open_source(replace(endpoint, database=SYSTEM), seconds=30) as g:
            return str(g.V().has_label("server").values("version").next())

    def connect(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        """A traversal source of gremlin_python on the endpoint's graph."""
        return open_source(endpoint)

    def env(self, endpoint: Endpoint) -> dict[str, str]:  # noqa: ARG002
        """Nothing: no variables are agreed upon for Gremlin; the caller adds ``SANDBOX_GREMLIN_*``."""
        return {}

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        """Nothing to do: the passwords are configuration."""

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.gremlin_load import load

        with open_source(replace(endpoint, database=DATASET)) as g:
            rows, alone = load(g, dataset, sink)
        if alone:
            _system(endpoint, "keep", dataset=dataset.hash)
        return rows

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.gremlin_load import counts

        with open_source(replace(endpoint, database=DATASET)) as g:
            return counts(g)

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        """All graphs are emptied, and ``g`` is filled from the copy that the server kept at the load."""
        if _system(endpoint, "restore", dataset=dataset.hash):
            return dataset.counts
        return self.load(endpoint, dataset, sink)

    def flush(self, endpoint: Endpoint) -> None:
        with open_client(replace(endpoint, database=SYSTEM)) as client:
            client.submit("g.call('save')").all().result()

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        """A graph of its own for an attempt that ``owns`` ``graphs`` (any names), else ``g``, to be read."""
        seen = self.attempt_endpoint(endpoint, attempt)
        self.clear(endpoint, attempt)
        return replace(seen, user=self.learner, password=credentials.learner)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        seen = self.attempt_endpoint(endpoint, attempt)
        if seen.database != DATASET:
            _empty(seen)

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.gremlin import GremlinClient

        return GremlinClient(endpoint)

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        if not attempt.owns.get("graphs"):
            return replace(endpoint, database=DATASET)
        return replace(endpoint, database=f"{ATTEMPT}{attempt.key}")

    def from_env(self, environ: Mapping[str, str]) -> Endpoint | None:
        found = super().from_env(environ)
        if found is None:
            return None
        return replace(
            found, url=found.url or _url(found.host, found.port), database=found.database or DATASET
        )


def _url(host: str, port: int) -> str:
    return f"ws://{host}:{port}/gremlin"


def _system(endpoint: Endpoint, service: str, **words: str) -> bool:
    with open_client(replace(endpoint, database=SYSTEM)) as client:
        return call(client, service, **words)


def call(client: Any, service: str, **words: str) -> bool:
    """Have the server do something, by a client on :data:`SYSTEM`: ``keep`` what ``g`` holds as a dataset;
    ``restore`` it and empty all other graphs; ``fill`` a test's graph, of :data:`TEST`, with it; ``forget``
    such a graph. False when it was not kept or is not there."""
    said = ", ".join(f"{name}: '{word}'" for name, word in words.items())
    return bool(client.submit(f"g.call('{service}', [{said}])").all().result() == [True])


def _empty(endpoint: Endpoint) -> None:
    with open_client(endpoint) as client:
        client.submit("g.V().drop().iterate()").all().result()


ENGINE = Gremlin()

"""How we use the driver: quietly, and with no more of it than a task needs.

Two ways to a server. :func:`session` is the driver as a person knows it, a ``Cluster`` and its ``Session``.
:class:`Wire` is one of the connections such a cluster is made of, without the cluster's pools, threads and
queries about the topology: a tenth of the cost, for probes and passwords while everything else is starting.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sandbox.endpoint import Endpoint

PROTOCOL = 5
"""The native protocol of Cassandra 4.0 and later. Fixed, so that no connection is spent on finding it out."""

REQUEST_SECONDS = 60.0
CONNECT_SECONDS = 30.0
"""How long a server may take to let somebody in: on a busy machine it stands still for seconds."""


@cache
def driver() -> Any:
    """The module ``cassandra.cluster``, silent: the driver logs as warnings what it also raises, and Python
    prints warnings of loggers that nobody has set up."""
    logging.getLogger("cassandra").addHandler(logging.NullHandler())
    from cassandra import cluster

    return cluster


def prepare_driver() -> None:
    """All that the first connection imports and sets up: 0.1 s, which a starting server leaves us."""
    import cassandra.auth
    import cassandra.policies
    import cassandra.protocol
    import cassandra.query  # noqa: F401

    driver().DefaultConnection.initialize_reactor()


@contextmanager
def session(endpoint: Endpoint, *, keyspace: str | None = None, quorum: bool = False) -> Iterator[Any]:
    """A driver ``Session`` on one node; its threads have ended when the context has. ``quorum``: most copies
    must have what is written, and are asked for what is read."""
    cluster = make_cluster(endpoint, quorum=quorum)
    try:
        yield cluster.connect(keyspace or None)
    finally:
        cluster.shutdown()


def make_cluster(endpoint: Endpoint, *, tuples: bool = False, quorum: bool = False) -> Any:
    """A ``Cluster`` for one node: no discovery, no heartbeats, no schema metadata (``system_schema`` and
    ``DESCRIBE`` tell it better). The caller shuts it down. Rows are named tuples, or plain ``tuples``."""
    module = driver()
    from cassandra import ConsistencyLevel
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.policies import HostFilterPolicy, RoundRobinPolicy
    from cassandra.query import named_tuple_factory, tuple_factory

    # The nodes of a ring on this machine differ in their ports alone, and the driver finds all of them.
    profile = module.ExecutionProfile(
        load_balancing_policy=HostFilterPolicy(
            RoundRobinPolicy(), lambda h: h.endpoint.port == endpoint.port
        ),
        consistency_level=ConsistencyLevel.QUORUM if quorum else ConsistencyLevel.LOCAL_ONE,
        request_timeout=REQUEST_SECONDS,
        row_factory=tuple_factory if tuples else named_tuple_factory,
    )
    return module.Cluster(
        [endpoint.host],
        port=endpoint.port,
        protocol_version=PROTOCOL,
        auth_provider=PlainTextAuthProvider(endpoint.user, endpoint.password),
        execution_profiles={module.EXEC_PROFILE_DEFAULT: profile},
        compression=False,
        connect_timeout=CONNECT_SECONDS,
        control_connection_timeout=CONNECT_SECONDS,
        idle_heartbeat_interval=0,
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        executor_threads=2,
    )


class Wire:
    """One connection of the driver, for statements without parameters. Errors are the driver's own."""

    def __init__(self, endpoint: Endpoint, *, seconds: float = 2.0) -> None:
        module = driver()
        from cassandra.auth import PlainTextAuthProvider
        from cassandra.connection import DefaultEndPoint

        self._seconds = seconds
        kind = module.DefaultConnection
        kind.initialize_reactor()
        authenticator = PlainTextAuthProvider(endpoint.user, endpoint.password).new_authenticator(
            endpoint.host
        )
        self._connection = kind.factory(
            DefaultEndPoint(endpoint.host, endpoint.port),
            seconds,
            authenticator=authenticator,
            protocol_version=PROTOCOL,
            compression=False,
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, or none."""
        from cassandra import ConsistencyLevel
        from cassandra.protocol import QueryMessage

        answer = self._connection.wait_for_response(
            QueryMessage(statement, ConsistencyLevel.ONE), timeout=self._seconds
        )
        return list(answer.parsed_rows or ())

    def execute(
        self, statement: str, custom_payload: dict[str, bytes] | None = None
    ) -> list[tuple[Any, ...]]:
        """As a session's, for those who need no more of it: :meth:`rows`, or what :meth:`payload` sends."""
        if custom_payload is None:
            return self.rows(statement)
        self.payload(statement, custom_payload)
        return []

    def payload(self, statement: str, sent: dict[str, bytes]) -> dict[str, bytes]:
        """Run one statement that carries a custom payload; the payload that came back, or none."""
        from cassandra import ConsistencyLevel
        from cassandra.protocol import QueryMessage

        message = QueryMessage(statement, ConsistencyLevel.ONE)
        message.update_custom_payload(sent)
        answer = self._connection.wait_for_response(message, timeout=self._seconds)
        return dict(answer.custom_payload or {})

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of its end."""
        return not (self._connection.is_closed or self._connection.is_defunct)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def name(identifier: str) -> str:
    """An identifier as CQL text, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string as CQL text, quoted."""
    return "'" + value.replace("'", "''") + "'"

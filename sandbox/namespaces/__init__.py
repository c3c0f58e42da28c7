"""Namespaces: the place in a running engine that one test has for itself.

A namespace is a database of PostgreSQL, MySQL or MongoDB, a keyspace of Cassandra, a numbered database of
Redis, a graph of Gremlin Server, an account of AWS. It is empty or holds the sandbox's dataset, and is gone
when it is given back. Whoever takes one gets the administrator's endpoint as it sees that place, so that
URL and variables of every client point into it.

What belongs to a whole server is no namespace's own: roles and users, settings, Redis channels and functions,
and the names of S3 buckets, which all accounts share as in AWS.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.engines.registry import engine as engine_named
from sandbox.namespaces.base import Namespaces

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.sandbox import Sandbox

__all__ = ["Namespaces", "namespace", "namespaces", "sweep"]


def namespaces(box: Sandbox, engine: str, *, worker: str = "") -> Namespaces:
    """What takes namespaces in a running engine of a sandbox; its user closes it.

    ``worker`` (``gw0``) shows in the names. What processes that were killed had taken is dropped first.
    UsageError for an unknown engine, EnvironmentRefusedError for one that does not run."""
    name = engine_named(engine).name
    kind: type[Namespaces] = importlib.import_module(f"sandbox.namespaces.{name}").NAMESPACES
    return kind(box, name, worker=worker)


@contextmanager
def namespace(box: Sandbox, engine: str, *, loaded: bool = False) -> Iterator[Endpoint]:
    """One namespace for as long as the context lasts, empty or with the sandbox's dataset."""
    found = namespaces(box, engine)
    try:
        yield found.take(loaded=loaded)
    finally:
        found.close()


def sweep(box: Sandbox, engine: str) -> None:
    """Drop what processes that are gone had taken in a running engine."""
    from sandbox.namespaces.claims import Claims

    if Claims.left(box.root, engine):
        namespaces(box, engine).close()

"""Apache Cassandra from the official image, with the settings and the classes of ours that the native runtime
has too, and not the image's own start script: that would edit ``cassandra.yaml``, and starts slower.

Replicas are further nodes of its ring. All of them have a place in one network, by name, since addresses
change with each start. A client on this machine that looks for the other nodes finds them on the ports
on which they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import ASKED_AGAIN_SECONDS, Engine
from sandbox.events import Sink, silent
from sandbox.runtimes.docker import classes
from sandbox.runtimes.docker.recipe import Container, Context, Recipe
from sandbox.runtimes.native import jvm
from sandbox.runtimes.native.cassandra import (
    AMENDED,
    FIRST_HEAP_MIB,
    FLAGS,
    HEAP_MIB,
    HOST,
    LOGBACK,
    MAIN_CLASS,
    programs,
    properties,
    settings,
)
from sandbox.runtimes.native.cassandra import RECIPE as NATIVE
from sandbox.state import replica_name

LIBRARY = "/opt/cassandra/lib"
# All of them at once are more than the compiler can reconcile with the modules of Java.
JARS = " ".join(
    f"{LIBRARY}/{name}-[0-9]*.jar"
    for name in ("apache-cassandra", "cassandra-all", "slf4j-api", "guava", "airline", "chronicle-core")
)
PLACE = "/opt/sandbox"
STORAGE_PORT = 7000
RACK = "dc=datacenter1\nrack=rack1\n"
"""The names that a single node's snitch gives, too: a node keeps to them."""
RING_DELAY_MS = 2000
"""How long a node that joins waits twice for what others tell; as shipped, half a minute."""
PARTS = (0, 2, 4, 1, 3, 5)
"""Which sixth of the ring a node begins with, the first node first: three are as far apart as they can be."""


class CassandraRecipe(Recipe):
    """One node with password authentication and roles, JMX off; nodetool goes over CQL, as natively."""

    engine = "cassandra"
    image = "cassandra:5.0"
    version = "5.0"
    product = "Apache Cassandra 5.0"
    port = 9042
    memory_mib = 350
    disk_mib = 60
    order = 10
    behind_seconds = NATIVE.behind_seconds
    first_password = NATIVE.first_password
    lacks = NATIVE.lacks
    replicates = True
    forms_ring = True
    # A node that comes asks the others for little more than the ring's delay, and ends.
    unheard = ("Unable to gossip with any peers", "Unable to contact any seeds")

    def prepare(self, cache: Path, sink: Sink, *, offline: bool) -> None:
        self._jar(cache, sink, offline=offline)

    def bin(self, cache: Path) -> tuple[Path, ...]:
        # nodetool needs nothing but this package.
        return (programs(cache, silent),)

    def probe_first(self, engine: Engine, endpoint: Endpoint) -> None:
        try:
            engine.probe(endpoint, seconds=ASKED_AGAIN_SECONDS)
        except Exception as problem:
            # A quorum is asked for the password of the administrator's role, whatever is configured.
            if "Cannot achieve consistency level" not in str(problem):
                raise

    def _jar(self, cache: Path, sink: Sink, *, offline: bool = False) -> bytes:
        # Of another patch release nobody knows whether the changes are right.
        amend = (f"{LIBRARY}/*cassandra*-{NATIVE.version}.jar", AMENDED)
        return classes.jar(self.chosen_image, self.engine, JARS, cache, sink, amend=amend, offline=offline)

    def container(self, context: Context) -> Container:
        work = "/tmp"  # noqa: S108 - the container's own
        own = properties(
            f"file://{PLACE}/cassandra.yaml",
            f"{PLACE}/logback.xml",
            "/var/lib/cassandra",
            work,
            durable=context.durable,
        )
        yaml = {
            # Other nodes, of which there are none, stay inside of the container; clients come from outside.
            **settings({"main": self.port, "storage": STORAGE_PORT}, durable=context.durable),
            "rpc_address": "0.0.0.0",  # noqa: S104 - of the container
            "broadcast_rpc_address": HOST,
            **(_ring(context) if context.ring else {}),
            **context.options,
        }
        if context.ring:
            # Who leaves says so.
            own.pop("cassandra.test.messagingService.nonGracefulShutdown", None)
            own["cassandra.shutdown_announce_in_ms"] = "500"
            own["cassandra.ring_delay_ms"] = str(RING_DELAY_MS)
            own["cassandra-rackdc.properties"] = f"file://{PLACE}/rackdc.properties"
        command = jvm.line(
            "java",
            f"{PLACE}/sandbox.jar:{LIBRARY}/*",
            MAIN_CLASS,
            work=work,
            heap_mib=HEAP_MIB,
            first_heap_mib=FIRST_HEAP_MIB,
            flags=FLAGS,
            properties=own,
        )
        files: dict[str, str | bytes] = {
            f"{PLACE}/sandbox.jar": self._jar(context.cache, context.sink),
            f"{PLACE}/cassandra.yaml": json.dumps(yaml, indent=1),
            f"{PLACE}/logback.xml": LOGBACK,
            f"{PLACE}/rackdc.properties": RACK,
        }
        # A node tells clients of the others' ports, which must be those that they are published on.
        variables = {"SANDBOX_CASSANDRA_INSIDE": str(context.published)} if context.ring else {}
        return Container(entrypoint=command, user="cassandra", files=files, variables=variables)


def _ring(context: Context) -> dict[str, Any]:
    """What of ``cassandra.yaml`` differs for a node that others join, or that joins others."""
    name = replica_name(context.primary, context.number) if context.primary else "cassandra"
    found: dict[str, Any] = {
        "native_transport_port": context.published,
        "listen_address": name,
        "initial_token": str(token(context.number)),
        # Ours is read by itself first; the one that is made for a single node asks any.
        "endpoint_snitch": "GossipingPropertyFileSnitch",
        "hinted_handoff_enabled": True,
        # The first node is alone with the roles until others have joined, which bring themselves copies.
        "auth_read_consistency_level": "ONE",
        "auth_write_consistency_level": "ONE",
    }
    if context.primary:
        found["auto_bootstrap"] = True
    seeds = {"seeds": context.primary or name}
    found["seed_provider"] = [
        {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [seeds]}
    ]
    return found


def token(number: int) -> int:
    """The token of a node: 0 of the first one, as when it is alone."""
    found = PARTS[number] * 2**64 // len(PARTS)
    return found if found < 2**63 else found - 2**64


RECIPE = CassandraRecipe()

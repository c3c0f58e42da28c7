"""Gremlin Server on TinkerGraph, started by a main class of ours (``java/gremlin``): graphs by name that are
saved while the server runs, users from the settings, and a guard that lets nobody run Groovy.

Source of the settings: ``conf/gremlin-server-secure.yaml`` of TinkerPop 3.8 and its class ``Settings``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.engines.base import Credentials
from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native import jvm
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

HOST = "127.0.0.1"
MAIN_CLASS = "sandbox.gremlin.Server"
HEAP_MIB = 512
EVALUATION_SECONDS = 30
_SERIALIZERS = (
    "GraphBinaryMessageSerializerV1",
    "GraphSONMessageSerializerV3",
    "GraphSONMessageSerializerV2",
)


class GremlinRecipe(Recipe):
    """Graphs in memory, written to ``<data>/<graph>.graph`` a second after a change and at a clean stop.

    A kill -9 loses what was written in that second; with ``durable`` a change is saved and forced to disk
    before it is answered.
    """

    engine = "gremlin"
    version = "3.8.1"
    product = "Gremlin Server 3.8"
    groups = ("gremlin", "slf4j-simple")
    java = (17, 21)
    memory_mib = 110
    disk_mib = 65
    order = 30
    lacks = frozenset({"durability", "transactions", "sessions", "groovy", "opencypher", "sparql"})

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        return jvm.install(self, "gremlin-server-graphs", cache, sink, offline=offline)

    def initialise(self, context: Context) -> None:
        """Nothing: an empty folder is an empty graph."""

    def service(self, context: Context) -> ServiceSpec:
        file = context.work / "gremlin-server.json"
        return ServiceSpec(
            argv=jvm.command(
                context,
                MAIN_CLASS,
                str(file),
                heap_mib=HEAP_MIB,
                properties=properties(str(context.data), durable=context.durable),
            ),
            cwd=context.work,
            ports=context.ports,
            files={file: json.dumps(settings(context.credentials, HOST, context.ports["main"]), indent=1)},
        )


def properties(graphs: str, *, durable: bool) -> dict[str, str]:
    """What our main class is told: the folder of the graphs, and whether a change is saved before it is
    answered."""
    return {
        "sandbox.graphs": graphs,
        "sandbox.durable": str(durable).lower(),
        "org.slf4j.simpleLogger.defaultLogLevel": "error",
        "org.slf4j.simpleLogger.showDateTime": "true",
        "org.slf4j.simpleLogger.dateTimeFormat": "yyyy-MM-dd HH:mm:ss.SSS",
    }


def settings(credentials: Credentials, host: str, port: int) -> dict[str, Any]:
    """Gremlin Server's settings, for a server that listens there: YAML, of which JSON is a part."""
    package = "org.apache.tinkerpop.gremlin"
    return {
        "host": host,
        "port": port,
        "channelizer": "sandbox.gremlin.Channels",
        "graphManager": "sandbox.gremlin.Graphs",
        "scriptEngines": {"gremlin-lang": {}},
        "serializers": [{"className": f"{package}.util.ser.{name}"} for name in _SERIALIZERS],
        "authentication": {
            "authenticator": "sandbox.gremlin.Users",
            "config": {"admin": credentials.admin, "learner": credentials.learner},
        },
        "authorization": {"authorizer": "sandbox.gremlin.Guard"},
        "evaluationTimeout": EVALUATION_SECONDS * 1000,
        "threadPoolBoss": 1,
        "threadPoolWorker": 1,
        "gremlinPool": 8,
        "maxContentLength": 10 * 1024 * 1024,
        "strictTransactionManagement": False,
    }


RECIPE = GremlinRecipe()

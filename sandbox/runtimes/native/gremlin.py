"""Gremlin Server on TinkerGraph, started by a main class of ours (``java/gremlin``): graphs by name that are
saved while the server runs, users from the settings, and a guard that lets nobody run Groovy.

Source of the settings: ``conf/gremlin-server-secure.yaml`` of TinkerPop 3.8 and its class ``Settings``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native import jvm
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

HOST = "127.0.0.1"
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
    stop_seconds = 15.0
    lacks = frozenset({"durability", "transactions", "sessions", "groovy", "opencypher", "sparql"})

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        return jvm.install(self, "gremlin-server-graphs", cache, sink, offline=offline)

    def initialise(self, context: Context) -> None:
        """Nothing: an empty folder is an empty graph."""

    def service(self, context: Context) -> ServiceSpec:
        settings = context.work / "gremlin-server.json"
        properties = {
            "sandbox.graphs": str(context.data),
            "sandbox.durable": str(context.durable).lower(),
            "org.slf4j.simpleLogger.defaultLogLevel": "error",
            "org.slf4j.simpleLogger.showDateTime": "true",
            "org.slf4j.simpleLogger.dateTimeFormat": "yyyy-MM-dd HH:mm:ss.SSS",
        }
        return ServiceSpec(
            argv=jvm.command(
                context, "sandbox.gremlin.Server", str(settings), heap_mib=512, properties=properties
            ),
            cwd=context.work,
            ports=context.ports,
            files={settings: json.dumps(_settings(context), indent=1)},
        )


def _settings(context: Context) -> dict[str, Any]:
    """Gremlin Server's settings: YAML, of which JSON is a part."""
    package = "org.apache.tinkerpop.gremlin"
    return {
        "host": HOST,
        "port": context.ports["main"],
        "channelizer": "sandbox.gremlin.Channels",
        "graphManager": "sandbox.gremlin.Graphs",
        "scriptEngines": {"gremlin-lang": {}},
        "serializers": [{"className": f"{package}.util.ser.{name}"} for name in _SERIALIZERS],
        "authentication": {
            "authenticator": "sandbox.gremlin.Users",
            "config": {"admin": context.credentials.admin, "learner": context.credentials.learner},
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

"""mongo-java-server on one file, started by a main class of ours (``java/mongodb``), in the place of MongoDB.

There is no real mongod in any package index. This server speaks the protocol and most of the query language;
our main class gives it users, a file that every write is in before it is acknowledged, and a refusal wherever
it would silently do something else than MongoDB.
"""

from __future__ import annotations

from pathlib import Path

from sandbox.engines.mongodb import ENGINE
from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native import jvm
from sandbox.runtimes.native.recipe import Context, Installed, Recipe


class MongodbRecipe(Recipe):
    """One file in the data folder. A kill -9 of the server loses nothing that was acknowledged; ``durable``
    also forces each write to disk, so that a crash of the machine does not either."""

    engine = "mongodb"
    version = "1.47.0"
    product = "mongo-java-server 1.47"
    groups = ("mongodb",)
    java = (17, 21)
    memory_mib = 60
    disk_mib = 25
    order = 40
    approximation = (
        "mongo-java-server stands in for MongoDB: the same protocol and most of its queries, but no"
        " transactions, views, validators, change streams or explain, and indexes that speed nothing up."
    )
    lacks = frozenset(
        {
            *("transactions", "sessions", "change-streams", "views", "validation", "capped", "time-series"),
            *("explain", "index-performance", "ttl", "partial-indexes", "text-search", "geospatial"),
            *("collation", "update-pipelines", "custom-roles", "replica-set", "profiler", "monitoring"),
            *("window-functions", "json-schema", "computed-projections"),
        }
    )

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        return jvm.install(self, "mongodb-server", cache, sink, offline=offline)

    def initialise(self, context: Context) -> None:
        """Nothing: the server makes its file itself."""

    def service(self, context: Context) -> ServiceSpec:
        settings = context.work / "server.properties"
        values = {
            "port": context.ports["main"],
            "file": context.data / "mongodb.store",
            "sync": str(context.durable).lower(),
            "implementation": f"mongo-java-server {self.version}",
            "user": ENGINE.admin,
            "password": context.credentials.admin,
        }
        properties = {
            # The server's own log goes nowhere: that needs no warning at each start.
            "slf4j.internal.verbosity": "ERROR",
            # Heap buffers of the size that is needed, instead of arenas of megabytes each.
            "io.netty.allocator.type": "unpooled",
            "io.netty.noPreferDirect": "true",
        }
        return ServiceSpec(
            argv=jvm.command(
                context, "sandbox.mongodb.Server", str(settings), heap_mib=768, properties=properties
            ),
            cwd=context.work,
            ports=context.ports,
            files={settings: "".join(f"{key}={_escaped(str(value))}\n" for key, value in values.items())},
        )


def _escaped(value: str) -> str:
    # Java properties: a backslash begins an escape.
    return value.replace("\\", "\\\\")


RECIPE = MongodbRecipe()

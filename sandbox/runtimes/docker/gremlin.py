"""Gremlin Server from the official image, started by the same main class of ours as natively."""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.events import Sink
from sandbox.runtimes.docker import classes
from sandbox.runtimes.docker.recipe import Container, Context, Recipe
from sandbox.runtimes.native import jvm
from sandbox.runtimes.native.gremlin import HEAP_MIB, MAIN_CLASS, properties, settings
from sandbox.runtimes.native.gremlin import RECIPE as NATIVE

_HOME = "/opt/gremlin-server"
CLASS_PATH = [
    f"{_HOME}/{part}/*" for part in ("lib", "ext/gremlin-groovy/plugin", "ext/tinkergraph-gremlin/plugin")
]
JARS = " ".join(CLASS_PATH)
PLACE = "/opt/sandbox"
GRAPHS = "/var/lib/gremlin/graphs"

# The image brings logback, which by itself tells everything.
_LOGBACK = """\
<configuration scan="false">
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="ERROR"><appender-ref ref="OUT"/></root>
</configuration>
"""


class GremlinRecipe(Recipe):
    """Graphs in memory, written to the volume a moment after a change and at a clean stop, as natively."""

    engine = "gremlin"
    image = "tinkerpop/gremlin-server:3.8.1"
    version = "3.8.1"
    product = "Gremlin Server 3.8"
    port = 8182
    memory_mib = 150
    disk_mib = 20
    order = 30
    stop_seconds = 15
    lacks = NATIVE.lacks

    def prepare(self, cache: Path, sink: Sink, *, offline: bool) -> None:
        classes.jar(self.chosen_image, self.engine, JARS, cache, sink, offline=offline)

    def container(self, context: Context) -> Container:
        told = properties(GRAPHS, durable=context.durable)
        command = jvm.line(
            "java",
            ":".join([f"{PLACE}/sandbox.jar", *CLASS_PATH]),
            MAIN_CLASS,
            f"{PLACE}/gremlin-server.json",
            work="/tmp",  # noqa: S108 - the container's own
            heap_mib=HEAP_MIB,
            properties={**told, "logback.configurationFile": f"{PLACE}/logback.xml"},
        )
        files: dict[str, str | bytes] = {
            f"{PLACE}/sandbox.jar": classes.jar(
                self.chosen_image, self.engine, JARS, context.cache, context.sink
            ),
            f"{PLACE}/gremlin-server.json": json.dumps(settings(context.credentials, "0.0.0.0", self.port)),  # noqa: S104
            f"{PLACE}/logback.xml": _LOGBACK,
            # The server's user may not write to the volume itself.
            f"{GRAPHS}/": "",
        }
        return Container(entrypoint=command, files=files)


RECIPE = GremlinRecipe()

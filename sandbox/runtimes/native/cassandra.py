"""Apache Cassandra from its jars: one node, its own seed, made for a fast start and a small heap.

Sources of the settings: ``conf/jvm17-server.options`` and ``conf/cassandra.yaml`` of Cassandra 5.0, and its
class ``CassandraRelevantProperties``. Cassandra is the slowest engine: seconds of CPU until it answers bound
the whole ``sandbox up``, so each setting that is not the shipped one says what it saves.
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
MAIN_CLASS = "org.apache.cassandra.service.CassandraDaemon"

# Cassandra's own list for Java 17, without the compiler's module, which a JRE lacks.
_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
    "jdk.attach/sun.tools.attach",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)

_PROPERTIES = {
    "cassandra-foreground": "yes",
    "io.netty.tryReflectionSetAccessible": "true",
    "io.netty.allocator.maxOrder": "11",
    # Otherwise measured at the start with a Java agent that we leave out.
    "cassandra.memtable.row_overhead_size": "180",
    # Otherwise looked for in all jars.
    "slf4j.provider": "ch.qos.logback.classic.spi.LogbackServiceProvider",
    "slf4j.internal.verbosity": "WARN",
    # JMX listens nowhere, so nobody reads the thousands of beans: 0.3 s of CPU.
    "org.apache.cassandra.mbean_registration_class": "sandbox.cassandra.QuietBeans",
    # Only warns about swap and limits of big machines: 0.2 s of CPU.
    "cassandra.test.ignore_sigar": "true",
    # The administrator's role is made before the port opens, not ten seconds later.
    "cassandra.superuser_setup_delay_ms": "0",
    # Nobody else is in the cluster who would have to be told.
    "cassandra.shutdown_announce_in_ms": "0",
    "cassandra.test.messagingService.nonGracefulShutdown": "true",
    # Passwords are random and 96 bits long: slow hashes protect nothing here, and cost each login 0.1 s.
    "cassandra.auth_bcrypt_gensalt_log2_rounds": "4",
    "cassandra.role_password_update_min_interval_in_ms": "0",
}

_LOGBACK = """\
<configuration scan="false">
  <shutdownHook class="ch.qos.logback.core.hook.DefaultShutdownHook"/>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <!-- Advice for production machines: limits, swap, read-ahead, JMX. -->
  <logger name="org.apache.cassandra.service.StartupChecks" level="ERROR"/>
  <logger name="org.apache.cassandra.utils.NativeLibrary" level="ERROR"/>
  <!-- What the client gets told as well, for each count(*) of a whole table. -->
  <logger name="org.apache.cassandra.cql3.statements.SelectStatement" level="ERROR"/>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
"""


def _for_our_classes(jar: Path) -> bool:
    return jar.name.startswith(("cassandra-all-", "slf4j-api-", "guava-"))


class CassandraRecipe(Recipe):
    """One node with password authentication and roles, JMX off.

    By default the commit log is written to disk every 10 ms: a kill -9 loses at most that. ``durable`` waits
    for the disk before each acknowledgement.
    """

    engine = "cassandra"
    version = "5.0.9"
    product = "Apache Cassandra 5.0"
    groups = ("cassandra",)
    java = (17,)
    ports = ("main", "storage")
    memory_mib = 250
    disk_mib = 220
    order = 10
    # It needs JMX, which costs a tenth of the start and would be one more open port.
    lacks = frozenset({"nodetool"})
    first_password = "cassandra"  # noqa: S105 - the well-known first one, changed before anybody else may come

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        return jvm.install(self, "cassandra-own", cache, sink, offline=offline, needed=_for_our_classes)

    def initialise(self, context: Context) -> None:
        """Nothing: the server makes its folder itself, with the first password."""

    def service(self, context: Context) -> ServiceSpec:
        yaml, logback = context.work / "cassandra.yaml", context.work / "logback.xml"
        places = {
            "cassandra.config": yaml.as_uri(),
            "cassandra.storagedir": str(context.data),
            "cassandra.logdir": str(context.work),
            "logback.configurationFile": str(logback),
            "jna.tmpdir": str(context.work),
            "cassandra.triggers_dir": str(context.work),
        }
        properties = {**_PROPERTIES, **places}
        if not context.durable:
            # Flushes leave it to the kernel when bytes reach the disk; the commit log is not concerned.
            properties["cassandra.skip_sync"] = "true"
        return ServiceSpec(
            argv=jvm.command(
                context,
                MAIN_CLASS,
                heap_mib=256,
                first_heap_mib=64,
                flags=[
                    "-Xss512k",
                    "-XX:MaxDirectMemorySize=256m",
                    *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
                    *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
                ],
                properties=properties,
            ),
            cwd=context.work,
            ports=context.ports,
            files={yaml: json.dumps(settings(context), indent=1), logback: _LOGBACK},
        )


def settings(context: Context) -> dict[str, Any]:
    """``cassandra.yaml`` as data; the file is written as JSON, which is YAML."""
    storage = context.ports["storage"]
    found: dict[str, Any] = {
        "cluster_name": "sandbox",
        "listen_address": HOST,
        "rpc_address": HOST,
        "native_transport_port": context.ports["main"],
        "storage_port": storage,
        "seed_provider": [
            {"class_name": "sandbox.cassandra.OwnSeed", "parameters": [{"seed": f"{HOST}:{storage}"}]}
        ],
        "endpoint_snitch": "SimpleSnitch",
        "dynamic_snitch": False,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "num_tokens": 1,
        "initial_token": "0",
        "auto_bootstrap": False,
        "hinted_handoff_enabled": False,
        # Who may do what: passwords and roles as in production. A GRANT holds after 50 ms, not 2 s; without
        # any cache each row written reads the role's tables first: a tenth of the speed.
        "authenticator": "PasswordAuthenticator",
        "authorizer": "CassandraAuthorizer",
        "role_manager": "CassandraRoleManager",
        "permissions_validity": "50ms",
        "roles_validity": "50ms",
        "credentials_validity": "0ms",
        # What the course teaches and the shipped file leaves off.
        "materialized_views_enabled": True,
        "sasi_indexes_enabled": True,
        "user_defined_functions_enabled": True,
        "batch_size_warn_threshold": "256KiB",
        "batch_size_fail_threshold": "1024KiB",
        # A full disk or a broken file ends the process, which `status` shows, instead of leaving it mute.
        "disk_failure_policy": "die",
        "commit_failure_policy": "die",
        # DROP and TRUNCATE would keep a copy of everything; snapshots are taken on purpose here.
        "auto_snapshot": False,
        # The shipped caches and pools are for big machines.
        "memtable_heap_space": "48MiB",
        "memtable_offheap_space": "48MiB",
        "memtable_flush_writers": 1,
        "concurrent_compactors": 1,
        "concurrent_reads": 4,
        "concurrent_writes": 8,
        "concurrent_counter_writes": 2,
        "concurrent_materialized_view_writes": 2,
        "native_transport_max_threads": 16,
        "key_cache_size": "2MiB",
        "row_cache_size": "0MiB",
        "counter_cache_size": "1MiB",
        "file_cache_size": "32MiB",
        "networking_cache_size": "16MiB",
        "commitlog_segment_size": "8MiB",
        "commitlog_total_space": "64MiB",
        # A laptop may be busy with anything: better slow than a timeout that looks like an error in CQL.
        "read_request_timeout": "20s",
        "range_request_timeout": "30s",
        "write_request_timeout": "20s",
        "counter_write_request_timeout": "20s",
        "cas_contention_timeout": "10s",
        "truncate_request_timeout": "60s",
        "request_timeout": "30s",
    }
    if context.durable:
        found["commitlog_sync"] = "batch"
    else:
        found["commitlog_sync"] = "periodic"
        found["commitlog_sync_period"] = "10ms"
    return found


RECIPE = CassandraRecipe()

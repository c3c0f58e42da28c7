"""Apache Cassandra from its jars: one node, its own seed, made for a fast start and a small heap.

Sources of the settings: ``conf/jvm17-server.options`` and ``conf/cassandra.yaml`` of Cassandra 5.0, and its
class ``CassandraRelevantProperties``. Cassandra is the slowest engine: seconds of CPU until it answers bound
the whole ``sandbox up``, so each setting that is not the shipped one says what it saves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native import jvm
from sandbox.runtimes.native.amend import Changes, amended
from sandbox.runtimes.native.installs import publish
from sandbox.runtimes.native.java import cds_key
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

HOST = "127.0.0.1"
MAIN_CLASS = "sandbox.cassandra.Node"

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

HEAP_MIB, FIRST_HEAP_MIB = 256, 64
FLAGS = (
    "-Xss512k",
    "-XX:MaxDirectMemorySize=256m",
    *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
    *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
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
    # JMX listens nowhere, so the thousands of beans are only noted until asked for: 0.3 s of CPU.
    "org.apache.cassandra.mbean_registration_class": "sandbox.cassandra.QuietBeans",
    # nodetool's commands come in over CQL; until one comes this class only passes queries on.
    "cassandra.custom_query_handler_class": "sandbox.cassandra.NodeTools",
    # A change of the schema is in the commit log; it does not write up to a dozen small files as well. Our
    # main class is what makes that last over a kill.
    "cassandra.test.flush_local_schema_changes": "false",
    # How often the clock for time-outs is looked at: 2 ms are a hundredth of a processor, all the time.
    "cassandra.approximate_time_precision_ms": "20",
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

AMENDED: Changes = {
    # Each file of a table that is written gets room for 100,000 times of deletion, 3 MB that are cleared and
    # walked through even for a single row: half of what a flush costs. Room for 1,000 does.
    "org/apache/cassandra/io/sstable/metadata/MetadataCollector.class": [
        (b"\x03\x00\x01\x86\xa0", b"\x03\x00\x00\x03\xe8"),
    ],
    "org/apache/cassandra/db/ColumnFamilyStore.class": [
        # DROP flushes every table of the node, so that the commit log has nothing of the dropped one: "pop,
        # pop" in the place of CommitLog.forceRecycleAllSegments(ids). What is left of it there is passed over
        # when the log is replayed, and goes with the segment.
        (b"\xb8\x03\x05\xb6\x03\xb3", b"\xb8\x03\x05\x57\x57\x00"),
        # And it writes out the dropped table itself, to delete the file at once: "true" in the place of
        # memtableWritesAreDurable(), as of a table whose writes are not in the log. It lets go of them.
        (b"\x2a\xb6\x03\x38\x9a\x00\x0e", b"\x04\x00\x00\x00\x9a\x00\x0e"),
    ],
}
"""Small tables, made and dropped often, are not what Cassandra's code was written for."""

LOGBACK = """\
<configuration scan="false">
  <shutdownHook class="ch.qos.logback.core.hook.DefaultShutdownHook"/>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <!-- Advice for production machines: limits, swap, read-ahead, JMX. -->
  <logger name="org.apache.cassandra.service.StartupChecks" level="ERROR"/>
  <logger name="org.apache.cassandra.utils.NativeLibrary" level="ERROR"/>
  <!-- After a kill: a line for each dropped table of which the log still knows. -->
  <logger name="org.apache.cassandra.db.commitlog.CommitLogReplayer" level="ERROR"/>
  <!-- What the client gets told as well, for each count(*) of a whole table. -->
  <logger name="org.apache.cassandra.cql3.statements.SelectStatement" level="ERROR"/>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
"""


def _for_our_classes(jar: Path) -> bool:
    return jar.name.startswith(("cassandra-all-", "slf4j-api-", "guava-", "airline-", "chronicle-core-"))


_NODETOOL = """\
#!/bin/sh
{path}exec "{python}" -P -m sandbox.engines.cassandra_nodetool "$@"
"""


def programs(cache: Path, sink: Sink) -> Path:
    """A folder with the program ``nodetool``, which runs with this Python and this package."""
    package = Path(__file__).resolve().parents[3]
    # Installed, the package is found; in a checkout it has to be said where it is.
    path = f'export PYTHONPATH="{package}${{PYTHONPATH:+:$PYTHONPATH}}"\n'
    path = "" if package.name == "site-packages" else path
    text = _NODETOOL.format(python=sys.executable, path=path)

    def build(staging: Path) -> None:
        script = staging / "nodetool"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)

    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return publish(cache, f"cassandra-programs-{key}", build, subject="cassandra-programs", sink=sink)


class CassandraRecipe(Recipe):
    """One node with password authentication and roles, JMX off; nodetool goes over CQL.

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
    # Five times what the commit log takes.
    behind_seconds = 0.05
    first_password = "cassandra"  # noqa: S105 - the well-known first one, changed before anybody else may come

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        made = jvm.install(self, "cassandra-own", cache, sink, offline=offline, needed=_for_our_classes)
        jar = next(path for name, path in made.paths.items() if name.startswith("cassandra-all-"))
        first = amended("cassandra-amended", jar, AMENDED, cache=cache, sink=sink)
        paths = {first.name: first, **made.paths}
        assert made.java is not None
        key = cds_key(made.java, paths.values())
        return replace(made, paths=paths, archive_key=key, bin=(programs(cache, sink),))

    def initialise(self, context: Context) -> None:
        """Nothing: the server makes its folder itself, with the first password."""

    def service(self, context: Context) -> ServiceSpec:
        work, yaml, logback = context.work, context.work / "cassandra.yaml", context.work / "logback.xml"
        return ServiceSpec(
            argv=jvm.command(
                context,
                MAIN_CLASS,
                heap_mib=HEAP_MIB,
                first_heap_mib=FIRST_HEAP_MIB,
                flags=FLAGS,
                properties=properties(
                    yaml.as_uri(), str(logback), str(context.data), str(work), durable=context.durable
                ),
            ),
            cwd=work,
            ports=context.ports,
            files={
                yaml: json.dumps(settings(context.ports, durable=context.durable), indent=1),
                logback: LOGBACK,
            },
        )


def properties(config: str, logback: str, data: str, work: str, *, durable: bool) -> dict[str, str]:
    """Properties of the JVM: the URL of cassandra.yaml, the file of logback's settings, and the folders for
    data and for what need not last."""
    places = {
        "cassandra.config": config,
        "cassandra.storagedir": data,
        "cassandra.logdir": work,
        "logback.configurationFile": logback,
        "jna.tmpdir": work,
        "cassandra.triggers_dir": work,
    }
    found = {**_PROPERTIES, **places}
    if not durable:
        # Flushes leave it to the kernel when bytes reach the disk; the commit log is not concerned.
        found["cassandra.skip_sync"] = "true"
    return found


def settings(ports: Mapping[str, int], *, durable: bool) -> dict[str, Any]:
    """``cassandra.yaml`` as data; the file is written as JSON, which is YAML."""
    storage = ports["storage"]
    found: dict[str, Any] = {
        "cluster_name": "sandbox",
        "listen_address": HOST,
        "rpc_address": HOST,
        "native_transport_port": ports["main"],
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
    if durable:
        found["commitlog_sync"] = "batch"
    else:
        found["commitlog_sync"] = "periodic"
        found["commitlog_sync_period"] = "10ms"
    return found


RECIPE = CassandraRecipe()

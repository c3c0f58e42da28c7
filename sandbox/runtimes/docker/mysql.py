"""MySQL from the official image."""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink
from sandbox.runtimes.docker import programs
from sandbox.runtimes.docker.recipe import Container, Context, Recipe
from sandbox.runtimes.native.mysql import WRAPPER
from sandbox.runtimes.native.mysql_certificate import made_certificate

# Small: the dataset takes a few MiB, and the system's own cache stands behind it.
_MEMORY = {
    "innodb-buffer-pool-size": "32M",
    "innodb-log-buffer-size": "2M",
    "innodb-redo-log-capacity": "32M",
    "innodb-read-io-threads": "1",
    "innodb-write-io-threads": "2",
    "innodb-purge-threads": "1",
    "loose-innodb-numa-interleave": "OFF",
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
    "key-buffer-size": "1M",
    "temptable-max-ram": "16M",
    "max-connections": "60",
    "table-open-cache": "400",
    "table-definition-cache": "400",
    "open-files-limit": "2048",
    "thread-cache-size": "8",
    # Another protocol on another port.
    "mysqlx": "OFF",
}

# Statistics of statements, tables and connections are on by default. Their tables are made for large servers,
# and take 200 MiB.
_MONITORING = {
    f"performance-schema-{name}": size
    for name, size in {
        "accounts-size": "20",
        "digests-size": "200",
        "error-size": "100",
        "events-stages-history-long-size": "100",
        "events-stages-history-size": "5",
        "events-statements-history-long-size": "200",
        "events-statements-history-size": "10",
        "events-transactions-history-long-size": "100",
        "events-transactions-history-size": "5",
        "events-waits-history-long-size": "100",
        "events-waits-history-size": "5",
        "hosts-size": "10",
        "max-digest-length": "512",
        "max-metadata-locks": "500",
        "max-prepared-statements-instances": "50",
        "max-program-instances": "50",
        "max-sql-text-length": "512",
        "max-thread-instances": "100",
        "session-connect-attrs-size": "512",
        "users-size": "20",
    }.items()
}

# For replicas and for the recovery to a point in time.
_BINARY_LOG = {
    "log-bin": "binlog",
    "max-binlog-size": "16M",
    "binlog-expire-logs-seconds": "86400",
    # On in 9.7, off in 8.4.
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
}

_REPLICA = {
    "read-only": "ON",
    # Else its name would be that of the container, which each start makes anew.
    "relay-log": "relay",
    "relay-log-recovery": "ON",
    "replica-net-timeout": "10",
    "replica-parallel-workers": "1",
}

# Else its own: utf8mb4, strict, ONLY_FULL_GROUP_BY. LOAD DATA LOCAL is on, as on RDS, and EXPLAIN gives a
# table, as in MySQL 8, which Aurora is; 9.7 would draw a tree.
_LIKE_AURORA = {"default-time-zone": "+00:00", "local-infile": "ON", "explain-format": "TRADITIONAL"}

# A commit is written to the operating system before it is answered, so it outlives a kill -9 of the server;
# only a crash of the whole machine may lose or damage what was not yet on disk.
_FAST = {
    "innodb-flush-method": "nosync",
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-doublewrite": "OFF",
    "sync-binlog": "0",
}
_DURABLE = {"innodb-flush-log-at-trx-commit": "1", "innodb-doublewrite": "ON", "sync-binlog": "1"}

_CERTIFICATE, _KEY = "/etc/sandbox/server-cert.pem", "/etc/sandbox/server-key.pem"

_PROGRAMS = ("mysql", "mysqladmin", "mysqlbinlog", "mysqlcheck", "mysqldump", "mysqlimport", "mysqlshow")

# The image gives the user of its variables rights on one database alone.
_RIGHTS = """\
set sql_log_bin = 0;
grant all privileges on *.* to admin@'%' with grant option;
"""


class MySqlRecipe(Recipe):
    """MySQL 9.7, the LTS; 8.4 works as well."""

    engine = "mysql"
    image = "mysql:9.7"
    version = "9.7"
    product = "MySQL 9.7"
    port = 3306
    memory_mib = 180
    disk_mib = 220
    order = 20
    # The temporary tablespace, and files of the log that are not in use yet.
    passing = re.compile(r"/ibtmp1$|/#ib_redo\d+_tmp$")
    # The entrypoint of the official image has the server tell its settings several times.
    again = "--user=mysql"
    stop_seconds = 30
    replicates = True
    lacks = frozenset({"mariadb"})

    def prepare(self, cache: Path, sink: Sink, *, offline: bool) -> None:  # noqa: ARG002
        # The server works without them.
        with suppress(EnvironmentRefusedError):
            programs.folder(self.chosen_image, _PROGRAMS, _wrapper, cache, sink)

    def bin(self, cache: Path) -> tuple[Path, ...]:
        """Its own clients: the native runtime's are MariaDB's, which know no ``caching_sha2_password``."""
        try:
            made = programs.folder(self.chosen_image, _PROGRAMS, _wrapper, cache)
        except EnvironmentRefusedError:
            return ()
        return (made,) if made else ()

    def container(self, context: Context) -> Container:
        pair = functools.cache(made_certificate)
        settings = {
            **_MEMORY,
            **_MONITORING,
            **_BINARY_LOG,
            **_LIKE_AURORA,
            "server-id": str(1 + context.number),
            **(_REPLICA if context.primary else {}),
            **(_DURABLE if context.durable else _FAST),
            "ssl-cert": _CERTIFICATE,
            "ssl-key": _KEY,
            **context.options,
        }
        return Container(
            command=["mysqld", *(f"--{name}={value}" for name, value in settings.items())],
            files={
                "/docker-entrypoint-initdb.d/sandbox.sql": _RIGHTS,
                _CERTIFICATE: lambda: pair()[0],
                _KEY: lambda: pair()[1],
            },
        )


def _wrapper(name: str) -> str:
    more = {
        # As in MariaDB's client: files are read when LOAD DATA LOCAL says so.
        "mysql": " --local-infile=1",
        # As on RDS, where servers have no global transaction ids unless they are asked for: who has not all
        # rights could not restore a dump with them.
        "mysqldump": " --set-gtid-purged=OFF",
    }.get(name, "")
    return WRAPPER.format(program=name, bin="../programs", more=more)


RECIPE = MySqlRecipe()

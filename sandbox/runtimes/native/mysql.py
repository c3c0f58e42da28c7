"""MariaDB as a process of this machine, in the place of MySQL, from a jar (a zip) with its programs."""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path

from sandbox.engines.mysql import hashed
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native.installs import install, publish
from sandbox.runtimes.native.mysql_certificate import made_certificate
from sandbox.runtimes.native.process import run_as
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

# In this order: each needs the tables of those before it.
_SYSTEM_TABLES = (
    "mariadb_system_tables.sql",
    "mariadb_performance_tables.sql",
    "mariadb_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mariadb_sys_schema.sql",
)

# What the server is linked to and a small machine may lack.
_LIBRARIES = {
    "libcrypt.so.1": "libcrypt1",
    "libsystemd.so.0": "libsystemd0",
    "libstdc++.so.6": "libstdc++6",
}

# Fixed when the first folder is made, and so the same at every start on it.
_FILES = {
    "innodb-data-file-path": "ibdata1:5M:autoextend",
    "innodb-log-file-size": "8M",
    # Steps of 64 MiB otherwise, and 10 MiB for each undo tablespace: all to be copied for every sandbox.
    "innodb-autoextend-increment": "1",
    "innodb-undo-tablespaces": "0",
    "innodb-temp-data-file-path": "ibtmp1:5M:autoextend",
    "aria-log-file-size": "8M",
    # It would report to its makers over the network.
    "feedback": "OFF",
}

# Small: the dataset takes a few MiB, and the system's own cache stands behind it.
_MEMORY = {
    "innodb-buffer-pool-size": "24M",
    "innodb-log-buffer-size": "2M",
    "innodb-read-io-threads": "1",
    "innodb-write-io-threads": "2",
    "innodb-purge-threads": "1",
    # Setting up and ending asynchronous I/O makes the kernel wait 40 ms at every start and stop.
    "innodb-use-native-aio": "OFF",
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
    "aria-pagecache-buffer-size": "2M",
    "key-buffer-size": "1M",
    "max-connections": "60",
    "table-open-cache": "400",
    "open-files-limit": "2048",
    "thread-cache-size": "8",
}

# Statistics of statements, tables and connections, as Performance Insights shows them: on, since it cannot be
# turned on later, and small: 18 MiB instead of 94.
_MONITORING = {
    "performance-schema": "ON",
    # As in MySQL 8: metadata_locks says who uses which table, events_transactions_current who has a
    # transaction open, and at which level. Two lines of one option: the server takes both spellings.
    "performance-schema-instrument": "'wait/lock/metadata/sql/mdl=ON'",
    "performance_schema_instrument": "'transaction=ON'",
    "performance-schema-consumer-events-transactions-current": "ON",
    **{
        f"performance-schema-{name}": size
        for name, size in {
            "accounts-size": "20",
            "digests-size": "200",
            "events-stages-history-long-size": "100",
            "events-stages-history-size": "5",
            "events-statements-history-long-size": "200",
            "events-statements-history-size": "10",
            "events-transactions-history-long-size": "100",
            "events-transactions-history-size": "5",
            "events-waits-history-long-size": "100",
            "events-waits-history-size": "5",
            "hosts-size": "10",
            "max-cond-instances": "300",
            "max-digest-length": "512",
            "max-file-instances": "600",
            "max-index-stat": "300",
            "max-metadata-locks": "500",
            "max-mutex-instances": "2000",
            "max-prepared-statements-instances": "50",
            "max-program-instances": "50",
            "max-rwlock-instances": "2000",
            "max-socket-instances": "80",
            "max-sql-text-length": "512",
            "max-table-handles": "300",
            "max-table-instances": "300",
            "max-table-lock-stat": "100",
            "max-thread-instances": "80",
            "session-connect-attrs-size": "512",
            "setup-actors-size": "20",
            "setup-objects-size": "20",
            "users-size": "20",
        }.items()
    },
}

# For replicas and for the recovery to a point in time. Half a minute of writing at full speed is kept.
_BINARY_LOG = {
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "max-binlog-size": "16M",
    "max-binlog-total-size": "128M",
    # A replica that is away too long is made anew; it must not fill the disk.
    "slave-connections-needed-for-purge": "0",
    "relay-log": "relay",
    "relay-log-recovery": "ON",
    "log-slave-updates": "ON",
    "slave-net-timeout": "10",
}

# The defaults of MySQL 8, as far as MariaDB has them. Not ONLY_FULL_GROUP_BY: MariaDB's refuses queries that
# MySQL's takes (columns that depend on the grouped key).
_LIKE_MYSQL = {
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_0900_ai_ci",
    "character-set-collations": "utf8mb4=utf8mb4_0900_ai_ci",
    "sql-mode": "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION",
    "default-time-zone": "+00:00",
}

# A commit is written to the operating system before it is answered, so it outlives a kill -9 of the
# server; only a crash of the whole machine may lose or damage what was not yet on disk.
_FAST = {"innodb-flush-method": "nosync", "innodb-flush-log-at-trx-commit": "2", "innodb-doublewrite": "OFF"}
_DURABLE = {"innodb-flush-log-at-trx-commit": "1", "innodb-doublewrite": "ON", "sync-binlog": "1"}

# Server and clients begin with reckoning the orders of all collations, in 90 MiB of memory. With large pages,
# where there are some, a client takes 60 ms of the processor for it instead of 90, and no more memory.
_LARGE_PAGES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=67108864"

# The course types mysql and mysqldump, which MariaDB calls otherwise; and its programs read the host from
# MYSQL_HOST only in part and the user from nowhere.
WRAPPER = """\
#!/bin/sh
# {program} with host and user from MYSQL_HOST and MYSQL_USER; options that are given win.
here=$(dirname "$0")
case "$1" in
  --defaults-*|--no-defaults*|--print-defaults) first=$1; shift ;;
  *) first= ;;
esac
export GLIBC_TUNABLES="${{GLIBC_TUNABLES:-LARGE_PAGES}}"
exec "$here/{bin}/{program}" ${{first:+"$first"}}{more} ${{MYSQL_HOST:+--host="$MYSQL_HOST"}} \\
  ${{MYSQL_USER:+--user="$MYSQL_USER"}} "$@"
""".replace("LARGE_PAGES", _LARGE_PAGES)
_NAMES = {
    "mysql": "mariadb",
    "mariadb": "mariadb",
    "mysqldump": "mariadb-dump",
    "mariadb-dump": "mariadb-dump",
    "mysqlcheck": "mariadb-check",
    "mariadb-check": "mariadb-check",
}


class MySqlRecipe(Recipe):
    """MariaDB 11.4 in the place of MySQL: it speaks MySQL's protocol and nearly its SQL."""

    engine = "mysql"
    version = "11.4.5"
    product = "MariaDB 11.4.5"
    groups = ("mysql",)
    memory_mib = 160
    disk_mib = 450
    order = 20
    approximation = "MariaDB 11.4 in the place of MySQL: the same protocol, nearly the same SQL."
    lacks = frozenset(
        {
            "caching-sha2-password",
            "data-locks",
            "explain-analyze",
            "functional-indexes",
            "invisible-indexes",
            "json-operators",
            "lateral",
            "persisted-variables",
            "vector",
        }
    )
    replicates = True
    copied_at_rest = True

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        root = install("mysql", cache, sink=sink, offline=offline)
        return Installed(paths={"root": root}, bin=(_names(root, cache, sink), root / "bin"))

    def initialise(self, context: Context) -> None:
        _check_libraries()
        root = context.installed.paths["root"]
        script = ["create database mysql;", "use mysql;", "set @auth_root_socket = null;"]
        script += [(root / "share" / name).read_text(encoding="utf-8") for name in _SYSTEM_TABLES]
        script += [
            # Nobody gets in without a password.
            "delete from mysql.global_priv where User in ('root', '');",
            "delete from mysql.proxies_priv;",
            "flush privileges;",
            "create user admin@'%' identified via mysql_native_password"
            f" using '{hashed(context.credentials.admin)}';",
            "grant all privileges on *.* to admin@'%' with grant option;",
        ]
        run_as(
            [
                *self._program(context),
                *_options({**_FILES, **_MEMORY, "innodb-flush-method": "nosync"}),
                "--bootstrap",
                "--skip-networking",
                "--skip-ssl",
                "--log-warnings=0",
                "--max-allowed-packet=8M",
                "--net-buffer-length=16K",
            ],
            user=context.user,
            cwd=context.work,
            input="\n".join(script) + "\n",
        )

    def service(self, context: Context) -> ServiceSpec:
        certificate, key, conf = (context.work / f for f in ("server-cert.pem", "server-key.pem", "my.cnf"))
        certificate_text, key_text = made_certificate()
        settings = {
            **_FILES,
            **_MEMORY,
            **_MONITORING,
            **_LIKE_MYSQL,
            **_BINARY_LOG,
            "server-id": str(1 + context.number),
            **({"read-only": "ON"} if context.primary else {}),
            **(_DURABLE if context.durable else _FAST),
            **context.options,
            "port": str(context.ports["main"]),
            "bind-address": "127.0.0.1",
            # Empty: no socket in the file system.
            "socket": "",
            "pid-file": str(context.work / "mariadbd.pid"),
            "tmpdir": str(context.work),
            "secure-file-priv": str(context.work),
            "ssl-cert": str(certificate),
            "ssl-key": str(key),
            "local-infile": "ON",
            "log-warnings": "1",
        }
        lines = ["[mariadbd]", *(f"{name} = {value}" for name, value in settings.items())]
        return ServiceSpec(
            argv=[*self._program(context, conf)],
            cwd=context.work,
            env={"GLIBC_TUNABLES": _LARGE_PAGES},
            ports=context.ports,
            files={conf: "\n".join(lines) + "\n", certificate: certificate_text, key: key_text},
        )

    @staticmethod
    def _program(context: Context, conf: Path | None = None) -> list[str]:
        root = context.installed.paths["root"]
        return [
            str(root / "bin" / "mariadbd"),
            f"--defaults-file={conf}" if conf else "--no-defaults",
            *_options(
                {
                    "basedir": str(root),
                    "lc-messages-dir": str(root / "share"),
                    "character-sets-dir": str(root / "share" / "charsets"),
                    "datadir": str(context.data),
                }
            ),
        ]


def _options(settings: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in settings.items()]


def _check_libraries() -> None:
    missing = []
    for library in _LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(library)
    if missing:
        packages = " ".join(_LIBRARIES[name] for name in missing)
        raise EnvironmentRefusedError(
            f"MariaDB needs {' and '.join(missing)}, which this machine does not have.",
            code="library-missing",
            detail=f"On Debian and Ubuntu: the package {packages.replace(' ', ' and ')}."
            + (" On Fedora: libxcrypt-compat." if "libcrypt.so.1" in missing else ""),
            actions=[f"apt-get install {packages}"],
        )


def _names(root: Path, cache: Path, sink: Sink) -> Path:
    """A folder with the client programs under the names that people know."""

    def build(staging: Path) -> None:
        for name, program in _NAMES.items():
            script = staging / name
            script.write_text(
                WRAPPER.format(program=program, bin=f"../{root.name}/bin", more=""), encoding="utf-8"
            )
            script.chmod(0o755)

    digest = hashlib.sha256(repr((WRAPPER, _NAMES)).encode()).hexdigest()[:8]
    return publish(
        cache, f"mysql-names-{root.name.rpartition('-')[2]}-{digest}", build, subject="mysql", sink=sink
    )


RECIPE = MySqlRecipe()

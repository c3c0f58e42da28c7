"""Redis, served by Valkey: protocol and commands are the same, so the name a person types is ``redis``.

The dataset lies in database 0. Each attempt at an exercise has a database of its own and a user of its own,
whom an access rule keeps in it (database-level rules are Valkey 9.1's); he reads database 0 and no other.
On an instance of its own an attempt has all databases, begins in 0, and may get commands of administration.
"""

from __future__ import annotations

import functools
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.endpoint import Endpoint
from sandbox.engines.base import PROBE_SECONDS, Attempt, Credentials, Engine, Replication
from sandbox.errors import UsageError
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from redis import Redis as Connection

    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

ATTEMPTS = 1024
"""Databases below this number are the dataset's and those of attempts, the others those of tests."""

DATABASES = 2048
"""Databases that a recipe of this engine must configure; an unused one takes no memory."""

ATTEMPT_USER = "learner_"
"""What the names of the learners of attempts begin with: ``learner_<key>``."""


class Redis(Engine):
    """Valkey as Redis. Keys of the dataset: see :mod:`sandbox.engines.redis_load`."""

    name = "redis"
    title = "Redis"
    services = ("elasticache", "memorydb")
    default_port = 6379
    admin = "default"
    suffixes = (".redis",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return _with_url(
            Endpoint(self.name, host, port, user=self.admin, password=credentials.admin, database="0")
        )

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        with _open(endpoint, seconds=seconds) as connection:
            # A server that still reads its files answers PING, but no query.
            connection.dbsize()

    def warm(self, endpoint: Endpoint) -> None:  # noqa: ARG002 - the import is what takes long
        import redis  # noqa: F401

    def version(self, endpoint: Endpoint) -> str:
        with _open(endpoint) as connection:
            info = connection.info("server")
        valkey = info.get("valkey_version")
        return f"Valkey {valkey}" if valkey else str(info["redis_version"])

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[Connection]:
        """A ``redis.Redis`` on the endpoint's database; replies are decoded to str."""
        with _open(endpoint) as connection:
            yield connection

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        return {
            "REDIS_URL": endpoint.url,
            "REDIS_HOST": endpoint.host,
            "REDIS_PORT": str(endpoint.port),
            "REDIS_USER": endpoint.user,
            "REDIS_PASSWORD": endpoint.password,
            "REDIS_DB": endpoint.database,
            # What redis-cli and valkey-cli look at, so that no password stands in a command line.
            "REDISCLI_AUTH": endpoint.password,
            "VALKEYCLI_AUTH": endpoint.password,
        }

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        """Nothing to do: the password is configuration, and learners are made for each attempt."""

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.redis_load import load

        with _open(endpoint, seconds=60) as connection:
            return load(connection, dataset, sink)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.redis_load import counts

        with _open(endpoint, seconds=60) as connection:
            return counts(connection)

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        """Every database is emptied and the dataset loaded; users, functions and limits that a person set are
        gone. Other settings changed with CONFIG SET last until the next start."""
        with _open(endpoint, seconds=60) as connection:
            for user in connection.acl_users():
                if user != self.admin:
                    connection.acl_deluser(user)
            connection.execute_command("FUNCTION FLUSH")
            connection.script_flush()
            connection.config_set("maxmemory-policy", "noeviction")
            connection.flushall()
            connection.config_resetstat()
        return self.load(endpoint, dataset, sink)

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        """A database and a user for the attempt; on an instance of its own all databases. ``owns``: ``keys``,
        patterns of what it may write (default: any key); ``commands``, words of access rules (``config|set``,
        ``replicaof``, ``@scripting``) that it may use beyond the usual, on an instance only."""
        commands = attempt.owns.get("commands", ())
        if commands and not attempt.alone:
            raise UsageError(
                f"{attempt.exercise} gives commands of administration ({', '.join(commands)}) on the engine "
                "that everybody uses.",
                code="malformed-exercise",
                actions=["say instance = true in [needs] of its exercise.toml"],
            )
        seen = self.attempt_endpoint(endpoint, attempt)
        user = ATTEMPT_USER + attempt.key
        valkey = self.version(endpoint).startswith("Valkey")
        keys = attempt.owns.get("keys") or ("*",)
        # Only Valkey's rules know databases. With another server each attempt has an instance of its own.
        within = ("alldbs",) if attempt.alone else ("resetdbs", f"db={seen.database}")
        rules = [
            *("reset", "on", f">{credentials.learner}"),
            *(within if valkey else ()),
            *("&*", *(f"~{pattern}" for pattern in keys)),
            # A script that loops stops the whole server and cannot always be ended, so no scripts either.
            *("+@all", "-@admin", "-@dangerous", "-@scripting"),
            *("+flushdb", "+info", "+keys", "+sort", "+sort_ro", "+role", "+acl|whoami"),
            *(f"+{command}" for command in commands),
        ]
        if valkey and not attempt.alone:
            # The dataset, to be read.
            rules.append("(db=0 ~* +@read +@connection -client +keys +type +scan +dbsize)")
        with _open(seen) as connection:
            if not attempt.alone:
                connection.flushdb()
            connection.execute_command("ACL SETUSER", user, *rules)
            # Users are not replicated.
            for replica in _replicas(seen, connection):
                with _open(replica) as other:
                    other.execute_command("ACL SETUSER", user, *rules)
        return _with_url(replace(seen, user=user, password=credentials.learner))

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        with _open(self.attempt_endpoint(endpoint, attempt)) as connection:
            # Its connections end with the user, before they can write again.
            connection.acl_deluser(ATTEMPT_USER + attempt.key)
            if not attempt.alone:
                connection.flushdb()
            for replica in _replicas(endpoint, connection):
                with _open(replica) as other:
                    other.acl_deluser(ATTEMPT_USER + attempt.key)

    def replication(self, replica: Endpoint, primary: Endpoint | None) -> Replication:
        written = None
        if primary:
            with _open(primary, seconds=2) as connection:
                written = connection.info("replication")["master_repl_offset"]
        with _open(replica, seconds=2) as connection:
            seen = connection.info("replication")
        if seen["role"] == "master":
            return Replication(following=False, promoted=True)
        linked = seen["master_link_status"] == "up"
        lag = None if written is None or not linked else max(0, written - seen["slave_repl_offset"])
        return Replication(linked, lag_bytes=lag, problem="" if linked else "its link to the primary is down")

    def follow(self, replica: Endpoint, primary: Endpoint, *, first: bool) -> None:  # noqa: ARG002
        # By command: a server that reads it in its configuration waits a second before it connects.
        with _open(replica) as connection:
            connection.replicaof(primary.host, primary.port)

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.redis import RedisClient

        return RedisClient(endpoint)

    def program(self, endpoint: Endpoint) -> tuple[list[str], dict[str, str]]:
        name = "redis-cli" if shutil.which("redis-cli") and not shutil.which("valkey-cli") else "valkey-cli"
        argv = [name, "-h", endpoint.host, "-p", str(endpoint.port), "--user", endpoint.user]
        secret = {"REDISCLI_AUTH": endpoint.password, "VALKEYCLI_AUTH": endpoint.password}
        return [*argv, "-n", endpoint.database or "0"], secret

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        if attempt.alone:
            return endpoint
        number = 1 + zlib.crc32(attempt.key.encode()) % (ATTEMPTS - 1)
        return _with_url(replace(endpoint, database=str(number)))

    def from_env(self, environ: Mapping[str, str]) -> Endpoint | None:
        found = super().from_env(environ)
        return found if found is None or found.url else _with_url(found)


def _replicas(endpoint: Endpoint, connection: Any) -> list[Endpoint]:
    """The replicas that follow a server now, as its administrator reaches them."""
    seen = connection.info("replication")
    ports = [seen[f"slave{number}"]["port"] for number in range(seen["connected_slaves"])]
    return [_with_url(replace(endpoint, port=int(port))) for port in ports]


def _with_url(endpoint: Endpoint) -> Endpoint:
    login = f"{quote(endpoint.user, safe='')}:{quote(endpoint.password, safe='')}"
    return replace(endpoint, url=f"redis://{login}@{endpoint.host}:{endpoint.port}/{endpoint.database}")


@contextmanager
def _open(endpoint: Endpoint, seconds: float = 60) -> Iterator[Any]:
    import redis.utils
    from redis import Redis as Connection
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # The driver reads its own metadata for each connection, to tell the server its version: 3 ms.
    if not hasattr(redis.utils.get_lib_version, "cache_info"):
        redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)
    connection = Connection(
        host=endpoint.host,
        port=endpoint.port,
        db=int(endpoint.database or 0),
        username=endpoint.user or None,
        password=endpoint.password or None,
        socket_timeout=seconds,
        socket_connect_timeout=min(seconds, 2),
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield connection
    finally:
        connection.close()


ENGINE = Redis()

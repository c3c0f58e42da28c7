"""Redis, served by Valkey: protocol and commands are the same, so the name a person types is ``redis``.

The dataset lies in database 0. Each attempt at an exercise has a database of its own and a user of its own,
whom an access rule keeps in it (database-level rules are Valkey 9.1's); he reads database 0 and no other.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials, Engine
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from redis import Redis as Connection

    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

DATABASES = 1024
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

    def probe(self, endpoint: Endpoint) -> None:
        with _open(endpoint, seconds=2) as connection:
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
        """A database and a user for the attempt. ``owns``: ``keys``, patterns of what it may write (default:
        any key of its own database)."""
        seen = self.attempt_endpoint(endpoint, attempt)
        user = ATTEMPT_USER + attempt.key
        keys = attempt.owns.get("keys") or ("*",)
        rules = [
            *("reset", "on", f">{credentials.learner}", "resetdbs", f"db={seen.database}", "&*"),
            *(f"~{pattern}" for pattern in keys),
            # A script that loops stops the whole server and cannot always be ended, so no scripts either.
            *("+@all", "-@admin", "-@dangerous", "-@scripting"),
            *("+flushdb", "+info", "+keys", "+sort", "+sort_ro", "+role", "+acl|whoami"),
            # The dataset, to be read.
            "(db=0 ~* +@read +@connection -client +keys +type +scan +dbsize)",
        ]
        with _open(seen) as connection:
            connection.flushdb()
            connection.execute_command("ACL SETUSER", user, *rules)
        return _with_url(replace(seen, user=user, password=credentials.learner))

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        with _open(self.attempt_endpoint(endpoint, attempt)) as connection:
            # Its connections end with the user, before they can write again.
            connection.acl_deluser(ATTEMPT_USER + attempt.key)
            connection.flushdb()

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.redis import RedisClient

        return RedisClient(endpoint)

    def program(self, endpoint: Endpoint) -> tuple[list[str], dict[str, str]]:
        name = "redis-cli" if shutil.which("redis-cli") and not shutil.which("valkey-cli") else "valkey-cli"
        argv = [name, "-h", endpoint.host, "-p", str(endpoint.port), "--user", endpoint.user]
        secret = {"REDISCLI_AUTH": endpoint.password, "VALKEYCLI_AUTH": endpoint.password}
        return [*argv, "-n", endpoint.database or "0"], secret

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        number = 1 + zlib.crc32(attempt.key.encode()) % (DATABASES - 1)
        return _with_url(replace(endpoint, database=str(number)))

    def from_env(self, environ: Mapping[str, str]) -> Endpoint | None:
        found = super().from_env(environ)
        return found if found is None or found.url else _with_url(found)


def _with_url(endpoint: Endpoint) -> Endpoint:
    login = f"{quote(endpoint.user, safe='')}:{quote(endpoint.password, safe='')}"
    return replace(endpoint, url=f"redis://{login}@{endpoint.host}:{endpoint.port}/{endpoint.database}")


@contextmanager
def _open(endpoint: Endpoint, seconds: float = 10) -> Iterator[Any]:
    from redis import Redis as Connection
    from redis.backoff import NoBackoff
    from redis.retry import Retry

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

"""Redis on somebody's server. The place is one of its numbered databases; a key in it is the mark."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.redis import Redis
from sandbox.runtimes.external.guard import Guard, Mark, cannot, claimed

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

KEY = "sandbox:owner"
USUAL = 16
"""Databases that a server has unless somebody configured it otherwise."""


class ExternalRedis(Guard, Redis):
    """Needs a user with all commands on the database that the address names (0 if none). Attempts have a
    database between 1 and 15, and run as the given user: rules for one database are Valkey 9.1's only."""

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with self.connect(endpoint) as connection:
            found: str | None = connection.get(KEY)  # type: ignore[assignment]
            if found is None and not connection.dbsize():
                return None
        return Mark.read(found)

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        with self.connect(endpoint) as connection:
            connection.set(KEY, mark.text())

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:  # noqa: ARG002
        found = []
        for number in patterns:
            with self.connect(replace(endpoint, database=number)) as connection:
                if connection.dbsize():
                    found.append(number)
        return found

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        for number in [*claimed(mark, "number"), endpoint.database]:
            with self.connect(replace(endpoint, database=number)) as connection:
                connection.flushdb()

    def empty(self, endpoint: Endpoint) -> None:
        with self.connect(endpoint) as connection:
            connection.flushdb()

    def fill(self, endpoint: Endpoint, dataset: object, sink: object) -> dict[str, int]:
        from sandbox.engines.redis_load import load

        with self.connect(endpoint) as connection:
            # Not compacted: to rewrite the server's file is the business of whoever runs it.
            return load(connection, dataset, sink, compact=False)  # type: ignore[arg-type]

    def make_learner(self, endpoint: Endpoint, credentials: Credentials) -> bool:  # noqa: ARG002
        return False

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        if attempt.alone:
            return endpoint
        number = str(1 + zlib.crc32(attempt.key.encode()) % (USUAL - 1))
        if number == endpoint.database:
            number = "0"
        return replace(endpoint, database=number, url=f"{endpoint.url.rpartition('/')[0]}/{number}")

    def owned(self, endpoint: Endpoint, attempt: Attempt) -> Mapping[str, Sequence[str]]:
        return {"number": [self.attempt_endpoint(endpoint, attempt).database]}

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        if attempt.owns.get("commands"):
            raise cannot(self, "commands of administration are given on instances only")
        with self.connect(self.attempt_endpoint(endpoint, attempt)) as connection:
            connection.flushdb()


GUARD = ExternalRedis

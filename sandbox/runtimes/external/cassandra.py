"""Cassandra on somebody's cluster. The place is the keyspace ``sandbox``; the mark has a keyspace of its own,
because whatever is no table of the dataset is dropped from there."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.cassandra import CassandraEngine
from sandbox.engines.cassandra_driver import name, session, text
from sandbox.engines.cassandra_tables import KEYSPACE, REPLICATION
from sandbox.runtimes.external.guard import LEARNER, Guard, Mark, claimed

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

MARKS = "sandbox_owner"


class ExternalCassandra(Guard, CassandraEngine):
    """Needs a role that may create keyspaces. Answers run as a lesser role when it may create roles, too."""

    kinds = ("keyspaces", "roles")

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with session(endpoint) as made:
            there = {row[0] for row in made.execute("SELECT keyspace_name FROM system_schema.keyspaces")}
            if not there & {KEYSPACE, MARKS}:
                return None
            if MARKS not in there:
                return Mark()
            tables = made.execute(
                f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = {text(MARKS)}"  # noqa: S608
            )
            if "marks" not in [row[0] for row in tables]:
                return Mark()
            row = made.execute(f"SELECT mark FROM {MARKS}.marks WHERE id = 1").one()  # noqa: S608
        return Mark.read(row and row[0])

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        with session(endpoint) as made:
            made.execute(f"CREATE KEYSPACE IF NOT EXISTS {MARKS} {REPLICATION}")
            made.execute(f"CREATE TABLE IF NOT EXISTS {MARKS}.marks (id int PRIMARY KEY, mark text)")
            made.execute(f"INSERT INTO {MARKS}.marks (id, mark) VALUES (1, {text(mark.text())})")  # noqa: S608

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:
        with session(endpoint) as made:
            names = _names(made, kind)
        return [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in patterns)]

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        self._drop(endpoint, {kind: claimed(mark, kind) for kind in self.kinds})
        with session(endpoint) as made:
            made.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
            if LEARNER in mark.claims:
                made.execute(f"DROP ROLE IF EXISTS {self.learner}")
            made.execute(f"DROP KEYSPACE IF EXISTS {MARKS}")

    def empty(self, endpoint: Endpoint) -> None:
        with session(endpoint) as made:
            made.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")

    def fill(self, endpoint: Endpoint, dataset: Any, sink: Any) -> dict[str, int]:
        from sandbox.engines.cassandra_load import fill, prepare_keyspace, truncate
        from sandbox.engines.cassandra_tables import SHAPES

        with session(endpoint) as made:
            fresh = prepare_keyspace(made)
            truncate(made, [shape for shape in SHAPES if shape not in fresh])
            fill(made, dataset, SHAPES, sink)
        return self.counts(endpoint)

    def make_learner(self, endpoint: Endpoint, credentials: Credentials) -> bool:
        from cassandra import InvalidRequest, Unauthorized

        given = f"PASSWORD = {text(credentials.learner)} AND LOGIN = true AND SUPERUSER = false"
        try:
            with session(endpoint) as made:
                if self.learner in _names(made, "roles"):
                    return False
                made.execute(f"CREATE ROLE {self.learner} WITH {given}")
        except (InvalidRequest, Unauthorized):
            return False
        return True

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        from sandbox.engines.cassandra_load import drop_strangers

        self._drop(endpoint, attempt.owns)
        with session(endpoint) as made:
            drop_strangers(made)

    def _drop(self, endpoint: Endpoint, owns: Any) -> None:
        for kind, word in (("keyspaces", "KEYSPACE"), ("roles", "ROLE")):
            patterns = owns.get(kind, ())
            names = self.there(endpoint, kind, patterns) if patterns else []
            with session(endpoint) as made:
                for found in names:
                    if found not in (KEYSPACE, MARKS, endpoint.user, self.learner):
                        made.execute(f"DROP {word} IF EXISTS {name(found)}")


def _names(made: Any, kind: str) -> list[str]:
    if kind == "keyspaces":
        return [row[0] for row in made.execute("SELECT keyspace_name FROM system_schema.keyspaces")]
    return [row[0] for row in made.execute("SELECT role FROM system_auth.roles")]


GUARD = ExternalCassandra

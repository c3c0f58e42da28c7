"""PostgreSQL on somebody's server. The place is the database ``sandbox``; its comment is the mark."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.postgres import PLACE, PostgresEngine, set_learner, verifier
from sandbox.events import Sink
from sandbox.runtimes.external.guard import LEARNER, Guard, Mark, claimed

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.endpoint import Endpoint


class ExternalPostgres(Guard, PostgresEngine):
    """Needs a user with CREATEDB. Answers run as a lesser user when the given one is a superuser."""

    kinds = ("databases", "roles")

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with _server(endpoint) as cursor:
            cursor.execute(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", [PLACE]
            )
            found = cursor.fetchone()
        return None if found is None else Mark.read(found[0])

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        from sandbox.engines.postgres_load import exists

        with _server(endpoint) as cursor:
            if not exists(cursor, PLACE):
                cursor.execute(f"create database {PLACE} template template0")
            cursor.execute(f"comment on database {PLACE} is %s", [mark.text()])

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:
        with _server(endpoint) as cursor:
            cursor.execute("select datname from pg_database" if kind == "databases" else _ROLES)
            names = [row[0] for row in cursor.fetchall()]
        return [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in patterns)]

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        from psycopg2 import sql

        from sandbox.engines.postgres_load import drop_database
        from sandbox.engines.postgres_reset import begin, clear

        owns = {kind: claimed(mark, kind) for kind in self.kinds}
        if LEARNER in mark.claims:
            begin(endpoint, owns, self.learner, endpoint.password)
            clear(endpoint, owns, self.learner)
        else:
            self._drop(endpoint, owns)
        with _server(endpoint) as cursor:
            drop_database(cursor, PLACE)
            if LEARNER in mark.claims:
                cursor.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(self.learner)))

    def empty(self, endpoint: Endpoint) -> None:
        from sandbox.engines.postgres_load import drop_database

        with _server(endpoint) as cursor:
            drop_database(cursor, PLACE)

    def fill(self, endpoint: Endpoint, dataset: Dataset, sink: Sink) -> dict[str, int]:
        from sandbox.engines.postgres_guard import neutral_connection
        from sandbox.engines.postgres_load import fill

        mark = self.mark(endpoint)
        reader = self.learner if mark and LEARNER in mark.claims else endpoint.user
        connection = neutral_connection(endpoint, database=PLACE)
        try:
            return fill(connection, dataset, f'"{reader}"', sink)
        finally:
            connection.close()

    def make_learner(self, endpoint: Endpoint, credentials: Credentials) -> bool:
        with _server(endpoint) as cursor:
            cursor.execute("select rolsuper from pg_roles where rolname = current_user")
            if not cursor.fetchone()[0]:
                return False
            cursor.execute("select 1 from pg_roles where rolname = %s", [self.learner])
            if cursor.fetchone():
                return False
            secret = verifier(cursor.connection, self.learner, credentials.learner)
            set_learner(cursor, self.learner, secret)
        return True

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        self._drop(endpoint, attempt.owns)

    def settle(self, endpoint: Endpoint, attempt: Attempt) -> None:
        mark = self.mark(endpoint)
        if mark and LEARNER in mark.claims:
            super().settle(endpoint, attempt)

    def _drop(self, endpoint: Endpoint, owns: Any) -> None:
        from psycopg2 import sql

        from sandbox.engines.postgres_guard import neutral_connection
        from sandbox.engines.postgres_load import drop_database, exists
        from sandbox.engines.postgres_reset import named

        with _server(endpoint) as cursor:
            for name in self.there(endpoint, "databases", owns.get("databases", ())):
                if name != PLACE:
                    drop_database(cursor, name)
            there = exists(cursor, PLACE)
        if there:
            place = neutral_connection(endpoint, database=PLACE)
            try:
                with place.cursor() as work:
                    for verb, *names in named(work, owns):
                        drop = f"drop {verb} if exists {{}} cascade"
                        work.execute(sql.SQL(drop).format(sql.Identifier(*names)))
            finally:
                place.close()
        with _server(endpoint) as cursor:
            for role in self.there(endpoint, "roles", owns.get("roles", ())):
                cursor.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


_ROLES = "select rolname from pg_roles where oid >= 16384"


@contextmanager
def _server(endpoint: Endpoint) -> Iterator[Any]:
    """A cursor in the database that every server has."""
    from sandbox.engines.postgres_guard import neutral_connection

    connection = neutral_connection(endpoint, database="postgres")
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


GUARD = ExternalPostgres

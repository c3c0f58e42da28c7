"""MySQL or MariaDB on somebody's server. The place is the database ``sandbox``, with a table as the mark."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.mysql import PLACE, MySqlEngine, server_cursor, set_learner
from sandbox.engines.mysql_kinds import users
from sandbox.runtimes.external.guard import LEARNER, Guard, Mark, claimed

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

TABLE = "sandbox_owner"


class ExternalMySql(Guard, MySqlEngine):
    """Needs a user who may do everything in the database ``sandbox``. Answers run as a lesser user when the
    given one may make users and look at them."""

    kinds = ("databases", "users", "accounts")

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with server_cursor(endpoint) as cursor:
            cursor.execute("select 1 from information_schema.schemata where schema_name = %s", [PLACE])
            if cursor.fetchone() is None:
                return None
            cursor.execute(
                "select 1 from information_schema.tables where table_schema = %s and table_name = %s",
                [PLACE, TABLE],
            )
            if cursor.fetchone() is None:
                return Mark()
            cursor.execute(f"select mark from {PLACE}.{TABLE}")  # noqa: S608 - our own names
            found = cursor.fetchone()
        return Mark.read(found and found[0])

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        with server_cursor(endpoint) as cursor:
            cursor.execute(f"create database if not exists {PLACE} character set utf8mb4")
            cursor.execute(
                f"create table if not exists {PLACE}.{TABLE} (id int primary key, mark text not null)"
            )
            cursor.execute(f"replace into {PLACE}.{TABLE} values (1, %s)", [mark.text()])  # noqa: S608

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:
        with server_cursor(endpoint) as cursor:
            if kind == "databases":
                cursor.execute("select schema_name from information_schema.schemata")
            else:
                cursor.execute("select user from mysql.user")
            names = sorted({row[0] for row in cursor.fetchall()})
        # In the names of databases that users may pass on, an underscore stands for any letter.
        wide = [p.replace("_", "?") for p in patterns]
        return [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in wide)]

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        self._drop(endpoint, {kind: claimed(mark, kind) for kind in self.kinds})
        with server_cursor(endpoint) as cursor:
            cursor.execute(f"drop database if exists {PLACE}")
            if LEARNER in mark.claims:
                cursor.execute("drop user if exists %s@'%%'", [self.learner])

    def empty(self, endpoint: Endpoint) -> None:
        with server_cursor(endpoint) as cursor:
            cursor.execute(f"drop database if exists {PLACE}")

    def make_learner(self, endpoint: Endpoint, credentials: Credentials) -> bool:
        import pymysql

        try:
            with server_cursor(endpoint) as cursor:
                cursor.execute("select 1 from mysql.user where user = %s", [self.learner])
                if cursor.fetchone():
                    return False
                set_learner(cursor, self.learner, credentials.learner)
                # Needed to end its sessions, and to drop what it made.
                users(cursor)
        except pymysql.err.Error:
            return False
        return True

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        self._drop(endpoint, attempt.owns)
        from sandbox.engines.mysql_reset import drop_in_place

        with server_cursor(endpoint) as cursor:
            drop_in_place(cursor, attempt.owns)

    def settle(self, endpoint: Endpoint, attempt: Attempt) -> None:
        mark = self.mark(endpoint)
        if mark and LEARNER in mark.claims:
            super().settle(endpoint, attempt)

    def _drop(self, endpoint: Endpoint, owns: Any) -> None:
        databases = [n for n in self.there(endpoint, "databases", owns.get("databases", ())) if n != PLACE]
        users = [*owns.get("users", ()), *owns.get("accounts", ())]
        with server_cursor(endpoint) as cursor:
            for name in databases:
                cursor.execute("drop database if exists `" + name.replace("`", "``") + "`")
        if users:
            names = self.there(endpoint, "users", users)
            with server_cursor(endpoint) as cursor:
                for name in names:
                    if name not in (endpoint.user, self.learner):
                        cursor.execute("drop user if exists %s@'%%'", [name])


GUARD = ExternalMySql

"""Back to the state after ``up``, and the learner's place for one attempt, in MySQL and MariaDB.

What an exercise may own: ``databases`` (names or patterns); in the database ``sandbox``: ``tables``,
``views``, ``routines``; and, of the whole server, ``users`` and roles that the learner makes, ``accounts``
that the exercise itself makes (names or patterns): these are dropped with their sessions.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import TABLES
from sandbox.endpoint import Endpoint
from sandbox.engines.mysql import PLACE, open_connection, restrict_learner, set_learner
from sandbox.engines.mysql_kinds import (
    default_settings,
    drop_roles_of,
    drop_user,
    is_mariadb,
    sessions,
    system_accounts,
    users,
)
from sandbox.engines.mysql_load import load
from sandbox.events import Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

_SYSTEM = ("mysql", "information_schema", "performance_schema", "sys")
_OURS = (*_SYSTEM, PLACE)


def reset(endpoint: Endpoint, dataset: Dataset, learner: str, sink: Sink) -> dict[str, int]:
    """Drop what a person created on the server, take back changed settings, load ``sandbox`` anew."""
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            cursor.execute("set foreign_key_checks = 0")
            # An open transaction of somebody would keep its tables from being dropped.
            _end_sessions(cursor)
            for name in _databases(cursor):
                if name not in _SYSTEM:
                    cursor.execute(f"drop database {_quoted(name)}")
            kept = ((endpoint.user, "%"), (learner, "%"), *system_accounts(cursor))
            for user, host, is_role in users(cursor):
                if (user, host) not in kept:
                    drop_user(cursor, user, host, is_role)
            default_settings(cursor)
            if any(user == learner for user, _, _ in users(cursor)):
                drop_roles_of(cursor, learner)
                restrict_learner(cursor, learner)
            cursor.execute("flush status")
    finally:
        connection.close()
    return load(endpoint, dataset, sink)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _databases(cursor: Any) -> list[str]:
    cursor.execute("select schema_name from information_schema.schemata")
    return [row[0] for row in cursor.fetchall()]


def _end_sessions(cursor: Any, user: str = "") -> None:
    """Kill the sessions of a user, or of all but ourselves, and wait until they are gone."""
    import time

    import pymysql

    deadline = time.monotonic() + 60
    while True:
        found = sessions(cursor, user)
        if not found or time.monotonic() > deadline:
            return
        for session in found:
            try:
                cursor.execute("kill %s", [session])
            except pymysql.err.OperationalError:
                continue  # gone by itself
        time.sleep(0.01)


def settle(endpoint: Endpoint, learner: str) -> None:
    """End the learner's sessions: one may hold locks although its client was killed."""
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            _end_sessions(cursor, learner)
    finally:
        connection.close()


def begin(endpoint: Endpoint, owns: Mapping[str, Sequence[str]], learner: str, password: str) -> None:
    """Drop what the exercise owns and let the learner create just that; the dataset may be read."""
    clear(endpoint, owns, learner)
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            set_learner(cursor, learner, password)
            makes_users = bool(owns.get("users"))
            passing_on = " with grant option" if makes_users else ""
            for pattern in owns.get("databases", ()):
                # Only a right on the very name that GRANT then says can be passed on: no escapes.
                name = _quoted(pattern.replace("*", "%")) if makes_users else _grant_name(pattern)
                cursor.execute(f"grant all privileges on {name}.* to {learner}@'%'{passing_on}")
            for name in (*owns.get("tables", ()), *owns.get("views", ())):
                cursor.execute(f"grant all privileges on {PLACE}.{_quoted(name)} to {learner}@'%'")
            if owns.get("routines"):
                cursor.execute(f"grant create routine, alter routine, execute on {PLACE}.* to {learner}@'%'")
            if makes_users:
                cursor.execute(f"grant create user on *.* to {learner}@'%' with grant option")
                if not is_mariadb(cursor):
                    # There who makes a role may not give it; the administrator cannot be given so.
                    cursor.execute(f"grant role_admin on *.* to {learner}@'%'")
    finally:
        connection.close()


def _grant_name(pattern: str) -> str:
    """A pattern of owns (``*``, ``?``) as GRANT writes it, where ``%`` and ``_`` are the wildcards."""
    name = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _quoted(name.replace("*", "%").replace("?", "_"))


def clear(endpoint: Endpoint, owns: Mapping[str, Sequence[str]], learner: str) -> None:
    """Drop what the exercise owns, with the learner's sessions and the rights to make it."""
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            cursor.execute("set foreign_key_checks = 0")
            _end_sessions(cursor, learner)
            known = (endpoint.user, learner, *(user for user, _ in system_accounts(cursor)))
            owned = (*owns.get("users", ()), *owns.get("accounts", ()))
            accounts = [each for each in users(cursor) if each[0] not in known and _matches(each[0], owned)]
            # What they have locked cannot be dropped.
            for user in {user for user, _, is_role in accounts if user and not is_role}:
                _end_sessions(cursor, user)
            patterns = owns.get("databases", ())
            if owns.get("users"):
                # See begin: the underscore was a wildcard.
                patterns = [pattern.replace("_", "?") for pattern in patterns]
            for name in _databases(cursor):
                if name not in _OURS and _matches(name, patterns):
                    cursor.execute(f"drop database {_quoted(name)}")
            drop_in_place(cursor, owns)
            for account in accounts:
                drop_user(cursor, *account)
            if any(user == learner for user, _, _ in users(cursor)):
                restrict_learner(cursor, learner)
    finally:
        connection.close()


def drop_in_place(cursor: Any, owns: Mapping[str, Sequence[str]]) -> None:
    """Drop what an exercise owns in the database ``sandbox``."""
    _drop_relations(cursor, [*owns.get("tables", ()), *owns.get("views", ())])
    _drop_routines(cursor, owns.get("routines", ()))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _drop_relations(cursor: Any, patterns: Sequence[str]) -> None:
    cursor.execute(
        "select table_name, table_type from information_schema.tables where table_schema = %s", [PLACE]
    )
    for name, kind in cursor.fetchall():
        if name not in TABLES and _matches(name, patterns):
            what = "view" if "VIEW" in kind else "sequence" if kind == "SEQUENCE" else "table"
            cursor.execute(f"drop {what} if exists {PLACE}.{_quoted(name)}")


def _drop_routines(cursor: Any, patterns: Sequence[str]) -> None:
    cursor.execute(
        "select routine_name, routine_type from information_schema.routines where routine_schema = %s",
        [PLACE],
    )
    for name, kind in cursor.fetchall():
        if _matches(name, patterns):
            cursor.execute(f"drop {kind.lower()} if exists {PLACE}.{_quoted(name)}")

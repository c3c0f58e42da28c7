"""Back to the state after ``up``, and the learner's place for one attempt, in MySQL and MariaDB.

What an exercise may own: ``databases`` (names or patterns); in the database ``sandbox``: ``tables``,
``views``, ``routines``; and ``users`` of the whole server (names or patterns).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import TABLES
from sandbox.endpoint import Endpoint
from sandbox.engines.mysql import PLACE, open_connection, restrict_learner, set_learner
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
            for user, host, is_role in _users(cursor):
                if (user, host) not in ((endpoint.user, "%"), (learner, "%"), ("mariadb.sys", "localhost")):
                    _drop_user(cursor, user, host, is_role)
            _default_settings(cursor)
            if any(user == learner for user, _, _ in _users(cursor)):
                _drop_roles_of(cursor, learner)
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


def _users(cursor: Any) -> list[tuple[str, str, bool]]:
    """User, host, and whether it is a role, of every account."""
    cursor.execute("select user, host, is_role = 'Y' from mysql.user")
    return [(user, host, bool(role)) for user, host, role in cursor.fetchall() if user != "PUBLIC"]


def _drop_user(cursor: Any, user: str, host: str, is_role: bool) -> None:
    if is_role:
        cursor.execute("drop role if exists %s", [user])
    else:
        cursor.execute("drop user if exists %s@%s", [user, host])


def _drop_roles_of(cursor: Any, learner: str) -> None:
    cursor.execute("select role from mysql.roles_mapping where user = %s and host = '%%'", [learner])
    for (role,) in cursor.fetchall():
        cursor.execute("revoke %s from %s@'%%'", [role, learner])


def _end_sessions(cursor: Any, user: str = "") -> None:
    """Kill the sessions of a user, or of all but ourselves, and wait until they are gone."""
    import time

    import pymysql

    question = (
        "select id from information_schema.processlist where id <> connection_id()"
        " and user not in ('system user', 'event_scheduler') and (%s = '' or user = %s)"
    )
    deadline = time.monotonic() + 5
    while True:
        cursor.execute(question, [user, user])
        sessions = [row[0] for row in cursor.fetchall()]
        if not sessions or time.monotonic() > deadline:
            return
        for session in sessions:
            try:
                cursor.execute("kill %s", [session])
            except pymysql.err.OperationalError:
                continue  # gone by itself
        time.sleep(0.01)


def _default_settings(cursor: Any) -> None:
    """Take back what somebody changed with SET GLOBAL."""
    import pymysql

    cursor.execute(
        "select variable_name from information_schema.system_variables"
        " where global_value_origin = 'SQL' and read_only = 'NO'"
    )
    for (name,) in cursor.fetchall():
        try:
            cursor.execute(f"set global {name} = default")
        except pymysql.err.Error:
            continue  # some have no default


def begin(endpoint: Endpoint, owns: Mapping[str, Sequence[str]], learner: str, password: str) -> None:
    """Drop what the exercise owns and let the learner create just that; the dataset may be read."""
    clear(endpoint, owns, learner)
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            set_learner(cursor, learner, password)
            users = bool(owns.get("users"))
            passing_on = " with grant option" if users else ""
            for pattern in owns.get("databases", ()):
                # Only a right on the very name that GRANT then says can be passed on: no escapes.
                name = _quoted(pattern.replace("*", "%")) if users else _grant_name(pattern)
                cursor.execute(f"grant all privileges on {name}.* to {learner}@'%'{passing_on}")
            for name in (*owns.get("tables", ()), *owns.get("views", ())):
                cursor.execute(f"grant all privileges on {PLACE}.{_quoted(name)} to {learner}@'%'")
            if owns.get("routines"):
                cursor.execute(f"grant create routine, alter routine, execute on {PLACE}.* to {learner}@'%'")
            if users:
                cursor.execute(f"grant create user on *.* to {learner}@'%' with grant option")
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
            patterns = owns.get("databases", ())
            if owns.get("users"):
                # See begin: the underscore was a wildcard.
                patterns = [pattern.replace("_", "?") for pattern in patterns]
            for name in _databases(cursor):
                if name not in _OURS and _matches(name, patterns):
                    cursor.execute(f"drop database {_quoted(name)}")
            _drop_relations(cursor, [*owns.get("tables", ()), *owns.get("views", ())])
            _drop_routines(cursor, owns.get("routines", ()))
            accounts = _users(cursor)
            for user, host, is_role in accounts:
                ours = user in (endpoint.user, learner, "mariadb.sys")
                if not ours and _matches(user, owns.get("users", ())):
                    _drop_user(cursor, user, host, is_role)
            if any(user == learner for user, _, _ in accounts):
                restrict_learner(cursor, learner)
    finally:
        connection.close()


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _drop_relations(cursor: Any, patterns: Sequence[str]) -> None:
    cursor.execute(
        "select table_name, table_type from information_schema.tables where table_schema = %s", [PLACE]
    )
    for name, kind in cursor.fetchall():
        if name not in TABLES and _matches(name, patterns):
            what = "view" if "VIEW" in kind else "table"
            cursor.execute(f"drop {what} if exists {PLACE}.{_quoted(name)}")


def _drop_routines(cursor: Any, patterns: Sequence[str]) -> None:
    cursor.execute(
        "select routine_name, routine_type from information_schema.routines where routine_schema = %s",
        [PLACE],
    )
    for name, kind in cursor.fetchall():
        if _matches(name, patterns):
            cursor.execute(f"drop {kind.lower()} if exists {PLACE}.{_quoted(name)}")

"""The administrator's connections to places where others may create things.

Whoever may create in a schema or owns a database can make a superuser run code: by a function or an operator
that fits a call better than the server's own of that name, or by settings of the database that put the
server's schema behind theirs. So these connections find without a schema only what is the server's own, and
take no setting from database or role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.postgres import open_connection

NEUTRAL: Mapping[str, str] = {
    "role": "none",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "datestyle": "ISO",
    "client_encoding": "UTF8",
}
# Servers before 17 have not all of them.
_NEWER = {"idle_session_timeout": "0", "transaction_timeout": "0"}
# Views are programs of whoever made them: a superuser must not run them by reading one.
_NO_VIEWS = {"restrict_nonsystem_relation_kind": "view, foreign-table"}
CHECK_SECONDS = 25
"""A statement of a check that takes longer ends, before the check itself is given up."""


GUARDED: Mapping[str, str] = {**_NO_VIEWS, "statement_timeout": f"{CHECK_SECONDS}s"}
"""For checks, when an answer has made what it liked: no view and no foreign table of others is read."""


def neutral_connection(
    endpoint: Endpoint, *, database: str = "", settings: Mapping[str, str] | None = None
) -> Any:
    """As open_connection, with settings that neither the database nor the role has a say in."""
    import psycopg2

    wanted = {**NEUTRAL, **(settings or {})}
    try:
        return open_connection(endpoint, database=database, settings={**wanted, **_NEWER})
    except psycopg2.OperationalError as problem:
        if not any(name in str(problem) for name in (*_NEWER, *_NO_VIEWS)):
            raise
    older = {name: value for name, value in wanted.items() if name not in _NO_VIEWS}
    return open_connection(endpoint, database=database, settings=older)


def guarded_connection(endpoint: Endpoint) -> Any:
    """A neutral one with the settings for checks."""
    return neutral_connection(endpoint, settings=GUARDED)


def roles_made_by(cursor: Any, maker: str) -> list[str]:
    """Roles that a role administers, because it made them; also those made by these."""
    cursor.execute(
        "with recursive made(role) as ("
        " select oid from pg_catalog.pg_roles where rolname = %s union"
        " select m.roleid from pg_catalog.pg_auth_members m join made on m.member = made.role"
        " where m.admin_option)"
        " select rolname from pg_catalog.pg_roles join made on oid = role where rolname <> %s",
        [maker, maker],
    )
    return [name for (name,) in cursor.fetchall()]


def settle(endpoint: Endpoint, learner: str) -> None:
    """End the sessions of the learner and of the roles it made: one may hold locks although its client was
    killed."""
    from sandbox.engines.postgres_kept import kept_connection

    with kept_connection(endpoint, endpoint.database) as connection, connection.cursor() as cursor:
        end_sessions(cursor, [learner, *roles_made_by(cursor, learner)])


def end_sessions(cursor: Any, roles: Sequence[str]) -> None:
    """End every session of these roles, and wait until they are gone."""
    cursor.execute(
        "select pg_catalog.pg_terminate_backend(pid, 60000::bigint) from pg_catalog.pg_stat_activity"
        " where usename = any(%s::name[])",
        [list(roles)],
    )

"""What MySQL and MariaDB keep in different places: accounts and roles, sessions, changed settings.

The server says in its greeting which of them it is.
"""

from __future__ import annotations

from typing import Any

_OF_MARIADB = (("mariadb.sys", "localhost"),)
_OF_MYSQL = (
    ("mysql.sys", "localhost"),
    ("mysql.session", "localhost"),
    ("mysql.infoschema", "localhost"),
    # Of its first start; it logs in by the socket only.
    ("root", "localhost"),
)


def is_mariadb(cursor: Any) -> bool:
    """Whether the server is MariaDB."""
    return "mariadb" in cursor.connection.get_server_info().lower()


def system_accounts(cursor: Any) -> tuple[tuple[str, str], ...]:
    """User and host of the accounts that belong to the server."""
    return _OF_MARIADB if is_mariadb(cursor) else _OF_MYSQL


def users(cursor: Any) -> list[tuple[str, str, bool]]:
    """User, host, and whether it is a role, of every account. In MySQL roles are accounts like others."""
    if is_mariadb(cursor):
        cursor.execute("select user, host, is_role = 'Y' from mysql.user where user <> 'PUBLIC'")
        return [(user, host, bool(role)) for user, host, role in cursor.fetchall()]
    cursor.execute("select user, host from mysql.user")
    return [(user, host, False) for user, host in cursor.fetchall()]


def drop_user(cursor: Any, user: str, host: str, is_role: bool) -> None:
    """Drop an account of :func:`users`."""
    if is_role:
        cursor.execute("drop role if exists %s", [user])
    else:
        cursor.execute("drop user if exists %s@%s", [user, host])


def drop_roles_of(cursor: Any, learner: str) -> None:
    """Take all roles from the learner."""
    if is_mariadb(cursor):
        cursor.execute("select role from mysql.roles_mapping where user = %s and host = '%%'", [learner])
        for (role,) in cursor.fetchall():
            cursor.execute("revoke %s from %s@'%%'", [role, learner])
        return
    cursor.execute("select from_user, from_host from mysql.role_edges where to_user = %s", [learner])
    for role, host in cursor.fetchall():
        cursor.execute("revoke %s@%s from %s@'%%'", [role, host, learner])


def sessions(cursor: Any, user: str = "") -> list[int]:
    """Ids of the sessions of a user, or of all but ourselves and those through which replicas follow."""
    place = "information_schema" if is_mariadb(cursor) else "performance_schema"
    cursor.execute(
        f"select id from {place}.processlist where id <> connection_id()"  # noqa: S608 - one of two names
        " and user not in ('system user', 'event_scheduler') and (%s = '' or user = %s)"
        " and (%s <> '' or command not like 'Binlog Dump%%')",
        [user, user, user],
    )
    return [row[0] for row in cursor.fetchall()]


def default_settings(cursor: Any) -> None:
    """Take back what somebody changed with SET GLOBAL or SET PERSIST."""
    import pymysql

    if is_mariadb(cursor):
        cursor.execute(
            "select variable_name from information_schema.system_variables"
            " where global_value_origin = 'SQL' and read_only = 'NO'"
        )
    else:
        cursor.execute("reset persist")
        # For answers that load files, as it was at the start.
        cursor.execute("set global local_infile = on")
        cursor.execute(
            "select variable_name from performance_schema.variables_info where variable_source = 'DYNAMIC'"
            " and variable_name <> 'local_infile'"
        )
    for (name,) in cursor.fetchall():
        try:
            cursor.execute(f"set global {name} = default")
        except pymysql.err.Error:
            continue  # some have no default

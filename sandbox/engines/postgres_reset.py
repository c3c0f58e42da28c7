"""Back to the state after ``up``, and the learner's place for one attempt, in PostgreSQL.

What an exercise may own: ``databases`` (names or patterns), and in the database ``sandbox``: ``schemas``,
``tables``, ``views`` (materialized ones too), ``functions``, ``extensions`` (those of the preparation: the
learner may make none that needs a superuser); and ``roles`` of the whole server.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines.postgres import PLACE, set_learner, verifier
from sandbox.engines.postgres_guard import end_sessions, neutral_connection, roles_made_by
from sandbox.engines.postgres_kept import kept_connection
from sandbox.engines.postgres_load import (
    TEMPLATE,
    counts,
    drop_database,
    ensure_learner,
    exists,
    from_template,
    grant_dataset,
    refresh_template,
)
from sandbox.events import Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

_OURS = (PLACE, TEMPLATE, "postgres", "template0", "template1")
_IN_PLACE = ("schemas", "tables", "views", "functions")
_FIRST_OID_OF_USERS = 16384

# Anything that a person made in a database which initdb made.
_DIRTY = " union all ".join(
    f"select 1 from {catalog} where oid >= {_FIRST_OID_OF_USERS}"  # noqa: S608 - our own names
    for catalog in ("pg_class", "pg_namespace", "pg_proc", "pg_type", "pg_extension", "pg_event_trigger")
)


def reset(endpoint: Endpoint, dataset: Dataset, learner: str, sink: Sink) -> dict[str, int]:
    """Drop what a person created and altered on the server, make ``sandbox`` anew from the template."""
    admin = neutral_connection(endpoint, database="postgres")
    try:
        with admin.cursor() as cursor:
            _drop_replication(endpoint, cursor)
            for name in _databases(cursor):
                if name not in _OURS:
                    drop_database(cursor, name)
            drop_database(cursor, PLACE)
            remade = _default_databases(endpoint, cursor)
        if remade:
            # The database that we were connected to is gone.
            admin.close()
            admin = neutral_connection(endpoint, database="postgres")
        with admin.cursor() as cursor:
            _drop_roles(cursor, endpoint.user, learner)
            _drop_tablespaces(cursor)
            ensure_learner(cursor, learner)
            refresh_template(endpoint, cursor, dataset, learner, sink)
            _restore_learner(endpoint, cursor, learner)
            from_template(cursor)
            cursor.execute("alter system reset all")
            cursor.execute("select pg_reload_conf(), pg_stat_reset()")
    finally:
        admin.close()
    return counts(endpoint)


def _databases(cursor: Any) -> list[str]:
    cursor.execute("select datname from pg_database order by datname")
    return [row[0] for row in cursor.fetchall()]


def _drop_replication(endpoint: Endpoint, cursor: Any) -> None:
    """Subscriptions and replication slots would keep their databases from being dropped."""
    from psycopg2 import sql

    cursor.execute("select subname, datname from pg_subscription join pg_database d on d.oid = subdbid")
    for name, database in cursor.fetchall():
        there = neutral_connection(endpoint, database=database)
        try:
            with there.cursor() as work:
                for change in ("disable", "set (slot_name = none)"):
                    work.execute(sql.SQL(f"alter subscription {{}} {change}").format(sql.Identifier(name)))
                work.execute(sql.SQL("drop subscription {}").format(sql.Identifier(name)))
        finally:
            there.close()
    # Those of the sandbox's own replicas stay.
    others = "from pg_replication_slots where slot_name !~ '^postgres_replica_[0-9]+$'"
    cursor.execute(f"select pg_terminate_backend(active_pid, 60000) {others} and active_pid is not null")
    cursor.execute(f"select pg_drop_replication_slot(slot_name) {others}")


def _default_databases(endpoint: Endpoint, cursor: Any) -> bool:
    """Databases ``postgres`` and ``template1`` as initdb made them, if anybody changed them; True when
    ``postgres``, to which the cursor is connected, was made anew."""
    dirty = _is_dirty(cursor)
    other = neutral_connection(endpoint, database="template1")
    try:
        with other.cursor() as work:
            template_dirty = _is_dirty(work)
            if dirty:
                drop_database(work, "postgres")
                work.execute("create database postgres template template0 strategy file_copy")
    finally:
        other.close()
    if template_dirty:
        again = neutral_connection(endpoint, database="postgres")
        try:
            with again.cursor() as work:
                drop_database(work, "template1")
                work.execute("create database template1 template template0 strategy file_copy")
                work.execute("alter database template1 with is_template true")
        finally:
            again.close()
    return dirty


def _is_dirty(cursor: Any) -> bool:
    cursor.execute("select exists (" + _DIRTY + ")")
    found: bool = cursor.fetchone()[0]
    return found


def _drop_roles(cursor: Any, admin: str, learner: str) -> None:
    from psycopg2 import sql

    cursor.execute(
        "select rolname from pg_roles where oid >= %s and rolname not in (%s, %s)",
        [_FIRST_OID_OF_USERS, admin, learner],
    )
    for (name,) in cursor.fetchall():
        _disown(cursor, name, admin)
        cursor.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
    cursor.execute(sql.SQL("alter role {} reset all").format(sql.Identifier(admin)))
    cursor.execute("alter role all reset all")
    cursor.execute("alter database postgres reset all")


def _disown(cursor: Any, role: str, admin: str) -> None:
    """Take from a role what it owns and may do in the cursor's database and on the server as a whole."""
    from psycopg2 import sql

    end_sessions(cursor, [role])
    name = sql.Identifier(role)
    # Functions first of all: those that run with the rights of their owner must not become ours.
    cursor.execute(sql.SQL("drop owned by {} cascade").format(name))
    # What is left are databases and tablespaces.
    cursor.execute(sql.SQL("reassign owned by {} to {}").format(name, sql.Identifier(admin)))


def _disown_elsewhere(endpoint: Endpoint, cursor: Any, role: str) -> None:
    """The same in other databases where the role left something (anybody may keep a large object in any
    database): the server drops no role that owns one."""
    cursor.execute(
        "select distinct datname from pg_shdepend join pg_database d on d.oid = dbid"
        " join pg_roles r on r.oid = refobjid"
        " where refclassid = 'pg_authid'::regclass and rolname = %s and datallowconn",
        [role],
    )
    for (database,) in cursor.fetchall():
        other = neutral_connection(endpoint, database=database)
        try:
            with other.cursor() as work:
                _disown(work, role, endpoint.user)
        finally:
            other.close()


def _drop_tablespaces(cursor: Any) -> None:
    from psycopg2 import sql

    cursor.execute("select spcname from pg_tablespace where oid >= %s", [_FIRST_OID_OF_USERS])
    for (name,) in cursor.fetchall():
        cursor.execute(sql.SQL("drop tablespace {}").format(sql.Identifier(name)))


def _restore_learner(endpoint: Endpoint, cursor: Any, learner: str) -> None:
    """The learner as after ``up``: the same password, no rights but those on the dataset, no settings.

    It is altered, not dropped: the template's tables grant to it by its number."""
    cursor.execute("select rolpassword from pg_authid where rolname = %s", [learner])
    set_learner(cursor, learner, cursor.fetchone()[0])
    _unset(cursor, learner)
    _disown(cursor, learner, endpoint.user)


def _unset(cursor: Any, learner: str) -> None:
    """Take from the learner its settings (``ALTER ROLE ... SET``) and its memberships in roles."""
    from psycopg2 import sql

    name = sql.Identifier(learner)
    cursor.execute(sql.SQL("alter role {} reset all").format(name))
    cursor.execute(
        "select datname from pg_db_role_setting join pg_database d on d.oid = setdatabase"
        " where setrole = %s::regrole",
        [learner],
    )
    for (database,) in cursor.fetchall():
        cursor.execute(
            sql.SQL("alter role {} in database {} reset all").format(name, sql.Identifier(database))
        )
    cursor.execute(
        "select distinct pg_get_userbyid(roleid) from pg_auth_members where member = %s::regrole", [learner]
    )
    for (role,) in cursor.fetchall():
        cursor.execute(sql.SQL("revoke {} from {} cascade").format(sql.Identifier(role), name))


def begin(endpoint: Endpoint, owns: Mapping[str, Sequence[str]], learner: str, password: str) -> None:
    """Drop what the exercise owns and let the learner create just that; the dataset may be read."""

    def allow(place: Any) -> None:
        if any(owns.get(kind) for kind in _IN_PLACE):
            place.execute(f"grant create on schema public to {learner}")
        if owns.get("schemas"):
            place.execute(f"grant create on database {PLACE} to {learner}")

    with kept_connection(endpoint, "postgres") as admin, admin.cursor() as cursor:
        set_learner(cursor, learner, verifier(admin, learner, password))
        _clear(endpoint, cursor, owns, learner, allow)
        if owns.get("databases"):
            cursor.execute(f"alter role {learner} createdb")
        if owns.get("roles"):
            cursor.execute(f"alter role {learner} createrole")


def clear(endpoint: Endpoint, owns: Mapping[str, Sequence[str]], learner: str) -> None:
    """Drop what the exercise owns and whatever else the learner made, with the learner's sessions."""
    with kept_connection(endpoint, "postgres") as admin, admin.cursor() as cursor:
        _clear(endpoint, cursor, owns, learner, lambda _: None)


def _clear(
    endpoint: Endpoint,
    cursor: Any,
    owns: Mapping[str, Sequence[str]],
    learner: str,
    then: Callable[[Any], None],
) -> None:
    """The same over a connection to database ``postgres``; ``then`` is done in the dataset's database, if it
    is there, when that is clear."""
    from psycopg2 import sql

    cursor.execute("select 1 from pg_roles where rolname = %s", [learner])
    known = cursor.fetchone() is not None
    if known:
        cursor.execute(f"alter role {learner} nocreatedb nocreaterole")
        end_sessions(cursor, [learner])
    for name in _databases_of(cursor, learner, owns.get("databases", ())):
        drop_database(cursor, name)
    roles = _roles_of(cursor, learner, endpoint.user, owns.get("roles", ()))
    for role in roles:
        _disown(cursor, role, endpoint.user)
    if exists(cursor, PLACE):
        _clear_place(endpoint, owns, learner, roles, then)
    for role in roles:
        _disown_elsewhere(endpoint, cursor, role)
        cursor.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
    if known:
        _unset(cursor, learner)


def _databases_of(cursor: Any, learner: str, patterns: Sequence[str]) -> list[str]:
    owners = [learner, *roles_made_by(cursor, learner)]
    cursor.execute("select datname, pg_get_userbyid(datdba) = any(%s::name[]) from pg_database", [owners])
    return [
        name
        for name, owned in cursor.fetchall()
        if name not in _OURS and (owned or any(fnmatch.fnmatchcase(name, p) for p in patterns))
    ]


def _roles_of(cursor: Any, learner: str, admin: str, patterns: Sequence[str]) -> list[str]:
    """Roles that the exercise owns, and those that the learner made."""
    made = roles_made_by(cursor, learner)
    cursor.execute(
        "select rolname from pg_roles where oid >= %s and rolname not in (%s, %s)",
        [_FIRST_OID_OF_USERS, learner, admin],
    )
    return [
        name
        for (name,) in cursor.fetchall()
        if name in made or any(fnmatch.fnmatchcase(name, p) for p in patterns)
    ]


def _clear_place(
    endpoint: Endpoint,
    owns: Mapping[str, Sequence[str]],
    learner: str,
    roles: Sequence[str],
    then: Callable[[Any], None],
) -> None:
    from psycopg2 import sql

    with kept_connection(endpoint, PLACE) as place, place.cursor() as cursor:
        for role in roles:
            _disown(cursor, role, endpoint.user)
        cursor.execute("select 1 from pg_roles where rolname = %s", [learner])
        if cursor.fetchone():
            cursor.execute(f"drop owned by {learner} cascade")
            grant_dataset(cursor, learner)
        for verb, *names in named(cursor, owns):
            cursor.execute(sql.SQL(f"drop {verb} if exists {{}} cascade").format(sql.Identifier(*names)))
        then(cursor)


def named(cursor: Any, owns: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """What the cursor's database has under the names that an exercise owns there: what to call it in DROP,
    and its qualified name."""
    for kind, catalog in _NAMED.items():
        for pattern in owns.get(kind, ()):
            cursor.execute(catalog, [_like(pattern)])
            yield from cursor.fetchall()


def _like(pattern: str) -> str:
    """A pattern of owns (``*`` and ``?``) as one of LIKE."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


# What is left under an owned name although the learner does not own it: an exercise's preparation made it.
_NAMED = {
    "extensions": "select 'extension', extname from pg_extension where oid >= 16384 and extname like %s",
    "views": "select case relkind when 'm' then 'materialized view' else 'view' end, nspname, relname"
    " from pg_class c join pg_namespace n on n.oid = relnamespace"
    " where relkind in ('v', 'm') and c.oid >= 16384 and relname like %s",
    "tables": "select 'table', nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace"
    " where relkind in ('r', 'p') and c.oid >= 16384 and nspname not like 'pg\\_%%' and relname like %s"
    " and not (nspname = 'public' and relname in ('customers', 'employees', 'orders'))",
    "functions": "select case prokind when 'p' then 'procedure' else 'function' end, nspname, proname"
    " from pg_proc p join pg_namespace n on n.oid = pronamespace"
    " where p.oid >= 16384 and prokind in ('f', 'p') and proname like %s",
    "schemas": "select 'schema', nspname from pg_namespace"
    " where oid >= 16384 and nspname <> 'public' and nspname like %s",
}

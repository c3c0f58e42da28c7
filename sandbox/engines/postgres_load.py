"""The dataset in PostgreSQL: three typed tables with keys, foreign keys and indexes, loaded with COPY.

It is loaded once into a template database, from which ``sandbox`` is made by copying files, and made again
by every reset: some 40 ms, whatever a person did to it.
"""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import MONEY_DECIMALS, MONEY_DIGITS, TABLES, Column, Table
from sandbox.endpoint import Endpoint
from sandbox.engines.postgres import PLACE
from sandbox.engines.postgres_guard import neutral_connection
from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

TEMPLATE = "sandbox_template"

# By the questions that people ask: the orders of a customer, of an employee, of a day; a customer by name.
# Products have none on purpose: a query that scans is needed to show what an index is good for.
_INDEXES = {
    "customers": (("lastname", "firstname"),),
    "employees": (("managerid",),),
    "orders": (("customerid",), ("employeeid",), ("orderdate",)),
}


def _type(column: Column) -> str:
    if column.type is str:
        return "char(1)" if column.length == 1 else f"varchar({column.length})"
    if column.type is Decimal:
        return f"numeric({MONEY_DIGITS}, {MONEY_DECIMALS})"
    return "date" if column.type is date else "integer"


def _create(table: Table) -> str:
    lines = [f'"{c.name}" {_type(c)}{"" if c.nullable else " not null"}' for c in table.columns]
    return f"create table public.{table.name} (\n  " + ",\n  ".join(lines) + "\n)"


def _finish(table: Table) -> list[str]:
    """Keys and indexes, made after the rows: faster than row by row."""
    made = [f"alter table public.{table.name} add primary key ({', '.join(table.key)})"]
    made += [
        f"alter table public.{table.name} add foreign key ({key.column})"
        f" references public.{key.table} ({key.references})"
        for key in table.foreign_keys
    ]
    made += [
        f"create index on public.{table.name} ({', '.join(columns)})" for columns in _INDEXES[table.name]
    ]
    return made


def _copy(table: Table) -> str:
    # FREEZE: no vacuum has to visit the rows again.
    options = ["format csv", "null ''", "freeze"]
    texts = ", ".join(f'"{c.name}"' for c in table.columns if c.type is str and not c.nullable)
    if texts:
        options.append(f"force_not_null ({texts})")
    return f"copy public.{table.name} from stdin ({', '.join(options)})"


def mark(dataset: Dataset) -> str:
    """What a template is known by: the dataset and the shape that we give it."""
    shape = repr([(_create(t), _finish(t), _copy(t)) for t in TABLES.values()])
    return f"dataset {dataset.hash} shape {hashlib.sha256(shape.encode()).hexdigest()[:12]}"


class _Counted:
    """A file for COPY which tells how many rows went through."""

    def __init__(self, file: Any, told: Any) -> None:
        self._file, self._told = file, told

    def read(self, size: int = -1) -> bytes:
        block: bytes = self._file.read(size)
        self._told(block.count(b"\n"))
        return block


def fill(connection: Any, dataset: Dataset, learner: str, sink: Sink) -> dict[str, int]:
    """Make the three tables anew in the connection's database and copy the dataset in, all or nothing.

    Views and foreign keys of others that hang on the old tables go with them."""
    total = sum(dataset.counts.values())
    rows: dict[str, int] = {}
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        sink(Progress("postgres", "load", min(done, total), total, "rows"))

    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            cursor.execute("set local lock_timeout = '60s'; set local datestyle = 'iso, mdy'")
            cursor.execute("set local maintenance_work_mem = '64MB'")
            cursor.execute("drop table if exists public.orders, public.employees, public.customers cascade")
            for table in TABLES.values():
                cursor.execute(_create(table))
                with dataset.path(table.name).open("rb") as file:
                    cursor.copy_expert(_copy(table), _Counted(file, told), 1 << 18)
                rows[table.name] = cursor.rowcount
            for table in TABLES.values():
                for statement in _finish(table):
                    cursor.execute(statement)
            grant_dataset(cursor, learner)
            cursor.execute("analyze " + ", ".join(f"public.{name}" for name in TABLES))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.autocommit = True
    return rows


def grant_dataset(cursor: Any, learner: str) -> None:
    """Let the learner read the dataset's tables that are there, and nothing more."""
    for name in TABLES:
        cursor.execute("select to_regclass(%s)", [f"public.{name}"])
        if cursor.fetchone()[0] is not None:
            cursor.execute(f"grant select on public.{name} to {learner}")


def ensure_learner(cursor: Any, learner: str) -> None:
    """A role that rights can be given to, should somebody have dropped it; it gets its password later."""
    cursor.execute("select 1 from pg_roles where rolname = %s", [learner])
    if cursor.fetchone() is None:
        cursor.execute(f"create role {learner} login")


def exists(cursor: Any, database: str) -> bool:
    cursor.execute("select 1 from pg_database where datname = %s", [database])
    return cursor.fetchone() is not None


def drop_database(cursor: Any, database: str) -> None:
    """Drop a database with all connections to it, also a template."""
    from psycopg2 import sql

    name = sql.Identifier(database)
    if exists(cursor, database):
        cursor.execute(sql.SQL("alter database {} with is_template false").format(name))
        _end_connections(cursor, database)
        cursor.execute(sql.SQL("drop database if exists {} with (force)").format(name))


def _end_connections(cursor: Any, database: str) -> None:
    """End all connections to a database and wait until they are gone: who drops or copies it waits for that
    too, but for five seconds only."""
    cursor.execute(
        "select pg_catalog.pg_terminate_backend(pid, 60000::bigint) from pg_catalog.pg_stat_activity"
        " where datname = %s and backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid()",
        [database],
    )


def refresh_template(endpoint: Endpoint, cursor: Any, dataset: Dataset, learner: str, sink: Sink) -> None:
    """See to it that the template holds this dataset. The comment that says so is made last."""
    cursor.execute(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", [TEMPLATE]
    )
    found = cursor.fetchone()
    if found is not None and found[0] == mark(dataset):
        return
    drop_database(cursor, TEMPLATE)
    cursor.execute(f"create database {TEMPLATE} template template0 strategy file_copy")
    connection = neutral_connection(endpoint, database=TEMPLATE)
    try:
        fill(connection, dataset, learner, sink)
    finally:
        connection.close()
    cursor.execute(f"alter database {TEMPLATE} with is_template true allow_connections false")
    _end_connections(cursor, TEMPLATE)
    cursor.execute(f"comment on database {TEMPLATE} is %s", [mark(dataset)])


def from_template(cursor: Any) -> None:
    """Make ``sandbox`` a copy of the template, in place of what is there."""
    drop_database(cursor, PLACE)
    cursor.execute(f"create database {PLACE} template {TEMPLATE} strategy file_copy")


def load(endpoint: Endpoint, dataset: Dataset, learner: str, sink: Sink) -> dict[str, int]:
    """The dataset's tables anew in ``sandbox``; everything else in it stays."""
    admin = neutral_connection(endpoint, database="postgres")
    try:
        with admin.cursor() as cursor:
            fresh = not exists(cursor, PLACE)
            ensure_learner(cursor, learner)
            refresh_template(endpoint, cursor, dataset, learner, sink)
            if fresh:
                from_template(cursor)
    finally:
        admin.close()
    if fresh:
        return counts(endpoint)
    connection = neutral_connection(endpoint, database=PLACE)
    try:
        return fill(connection, dataset, learner, sink)
    finally:
        connection.close()


def counts(endpoint: Endpoint) -> dict[str, int]:
    """Rows of the dataset's tables that are there, counted by the server."""
    found: dict[str, int] = {}
    connection = neutral_connection(endpoint, database=PLACE)
    try:
        with connection.cursor() as cursor:
            for name in TABLES:
                cursor.execute("select to_regclass(%s)", [f"public.{name}"])
                if cursor.fetchone()[0] is not None:
                    cursor.execute(f"select count(*) from public.{name}")  # noqa: S608 - our own names
                    found[name] = cursor.fetchone()[0]
    finally:
        connection.close()
    return found

"""The dataset in MySQL and MariaDB: three typed InnoDB tables with keys, foreign keys and indexes.

They are loaded with ``LOAD DATA LOCAL INFILE`` straight from the files, or by inserts of many rows into a
server that takes no files.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import MONEY_DECIMALS, MONEY_DIGITS, TABLES, Column, Table
from sandbox.endpoint import Endpoint
from sandbox.engines.mysql import PLACE, open_connection
from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

# By the questions that people ask: a customer by name, the orders of a day. InnoDB makes the indexes of the
# foreign keys itself. Products have none on purpose: a scan is needed to show what an index is good for.
_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "customers": (("lastname", "firstname"),),
    "employees": (),
    "orders": (("orderdate",),),
}

_ROWS = 5000
"""Rows in memory at once where the server takes no files."""


def _type(column: Column) -> str:
    if column.type is str:
        return "char(1)" if column.length == 1 else f"varchar({column.length})"
    if column.type is Decimal:
        return f"decimal({MONEY_DIGITS}, {MONEY_DECIMALS})"
    return "date" if column.type is date else "int"


def _create(table: Table) -> str:
    lines = [f"`{c.name}` {_type(c)}{'' if c.nullable else ' not null'}" for c in table.columns]
    lines.append(f"primary key ({', '.join(table.key)})")
    lines += [f"key ({', '.join(columns)})" for columns in _INDEXES[table.name]]
    lines += [
        f"foreign key ({key.column}) references {key.table} ({key.references})" for key in table.foreign_keys
    ]
    return (
        f"create table {table.name} (\n  "
        + ",\n  ".join(lines)
        + "\n) engine = InnoDB default character set utf8mb4"
    )


def _load(table: Table) -> str:
    """The statement for a canonical file; the path is its one parameter."""
    fields, sets = [], []
    for column in table.columns:
        if column.type is date or column.nullable:
            fields.append(f"@{column.name}")
            value = (
                f"str_to_date(@{column.name}, '%%c/%%e/%%Y')"
                if column.type is date
                else f"nullif(@{column.name}, '')"
            )
            sets.append(f"`{column.name}` = {value}")
        else:
            fields.append(f"`{column.name}`")
    return (
        f"load data local infile %s into table {table.name} character set utf8mb4"
        " fields terminated by ',' optionally enclosed by '\"' escaped by '' lines terminated by '\\n'"
        f" ({', '.join(fields)})" + (f" set {', '.join(sets)}" if sets else "")
    )


def create_tables(cursor: Any) -> None:
    """Make the three tables, empty, in the database that the connection uses."""
    for table in TABLES.values():
        cursor.execute(_create(table))


def load(endpoint: Endpoint, dataset: Dataset, sink: Sink, *, place: str = PLACE) -> dict[str, int]:
    """Make the three tables anew in ``sandbox`` (or another ``place``) and load them; everything else in it
    stays.

    RuntimeError when the server took other rows than the dataset has."""
    connection = open_connection(endpoint, database="", local_infile=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"create database if not exists {place} character set utf8mb4")
            cursor.execute(f"use {place}")
            # A person's open transaction must not make us wait for hours; a bad value is an error.
            cursor.execute("set lock_wait_timeout = 60, sql_mode = 'traditional', foreign_key_checks = 0")
            for name in reversed(TABLES):
                cursor.execute(f"drop table if exists {name}")
            create_tables(cursor)
            return _fill(cursor, dataset, sink)
    finally:
        connection.close()


def _fill(cursor: Any, dataset: Dataset, sink: Sink) -> dict[str, int]:
    total = sum(dataset.counts.values())
    rows: dict[str, int] = {}
    # MySQL takes no files of its clients unless its configuration says so.
    cursor.execute("set foreign_key_checks = 1")
    cursor.execute("select @@local_infile")
    (takes_files,) = cursor.fetchone()
    for table in TABLES.values():
        if takes_files:
            cursor.execute(_load(table), [str(dataset.path(table.name))])
            rows[table.name] = cursor.rowcount
        else:
            rows[table.name] = _insert(cursor, table, dataset)
        sink(Progress("mysql", "load", sum(rows.values()), total, "rows"))
        # LOCAL turns errors into warnings and leaves rows out: never silently.
        cursor.execute("show warnings limit 3")
        warnings = "; ".join(str(row[2]) for row in cursor.fetchall())
        if warnings or rows[table.name] != dataset.count(table.name):
            raise RuntimeError(
                f"{rows[table.name]} of {dataset.count(table.name)} rows of {table.name}"
                f" were taken: {warnings}"
            )
    cursor.execute("analyze table " + ", ".join(TABLES))
    return rows


def _insert(cursor: Any, table: Table, dataset: Dataset) -> int:
    """Send the rows themselves, in statements of many; returns how many the server took."""
    from itertools import islice

    statement = f"insert into {table.name} values ({', '.join(['%s'] * len(table.columns))})"  # noqa: S608
    taken, source = 0, dataset.rows(table.name)
    while some := list(islice(source, _ROWS)):
        taken += cursor.executemany(statement, some)
    return taken


def counts(endpoint: Endpoint) -> dict[str, int]:
    """Rows of the dataset's tables that are there, counted by the server."""
    found: dict[str, int] = {}
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select table_name from information_schema.tables where table_schema = %s", [PLACE]
            )
            there = {row[0] for row in cursor.fetchall()}
            for name in TABLES:
                if name in there:
                    cursor.execute(f"select count(*) from {PLACE}.{name}")  # noqa: S608 - our own names
                    found[name] = cursor.fetchone()[0]
    finally:
        connection.close()
    return found

"""The dataset's tables in Cassandra: one for each way to ask, as a practitioner designs them.

============================  ==============================================  ===============================
table                         answers                                         key
============================  ==============================================  ===============================
``customers``                 one customer                                    ``customerid``
``customers_by_firstname``    all who are called John                         ``firstname`` | ``lastname``, ``customerid``
``employees``                 one employee                                    ``employeeid``
``employees_by_manager``      who works for a manager                         ``managerid`` | ``employeeid``
``orders``                    one order with its lines                        ``salesorderid`` | ``salesorderdetailid``
``orders_by_customer``        a customer's orders, newest first               ``customerid`` | ``orderdate``, ``salesorderid``, ``salesorderdetailid``
``orders_by_day``             what was ordered on a day (a day is a bucket)   ``orderdate`` | ``salesorderid``, ``salesorderdetailid``
============================  ==============================================  ===============================

In ``orders`` what belongs to the whole order is static: kept once for all lines of the partition.
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import TABLES, Column

if TYPE_CHECKING:
    from sandbox.datasets.dataset import Dataset

KEYSPACE = "sandbox"

COPIES = 3
"""Of each row of the dataset, where there are so many nodes."""


def replication(copies: int = 1) -> str:
    """What follows ``CREATE KEYSPACE name``."""
    strategy = f"{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}"
    return f"WITH replication = {strategy} AND durable_writes = true"


REPLICATION = replication()

_TYPES = {int: "int", str: "text", Decimal: "decimal", date: "date"}

_EPOCH = int(datetime(2014, 7, 1, tzinfo=UTC).timestamp() * 1_000_000)


def written_at(dataset: Dataset) -> int:
    """The write time, in microseconds, of every cell of this dataset: within an hour and a half after
    midnight of 2014-07-01, when the last order was shipped, at a moment that the dataset's hash names.

    So the server itself can tell whether a table still holds exactly this dataset: whatever a person
    writes has the time of today."""
    return _EPOCH + int(dataset.hash[:8], 16)


@dataclass(frozen=True)
class Shape:
    """One table. ``source`` is the dataset's table it is filled from, with all its columns. ``partition``
    and ``clustering`` make the key; ``static`` columns belong to the whole partition."""

    name: str
    source: str
    partition: str
    clustering: tuple[str, ...] = ()
    static: frozenset[str] = frozenset()
    order: str = ""
    keyspace: str = KEYSPACE

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return TABLES[self.source].columns

    @property
    def values(self) -> list[Column]:
        """The columns outside the key, which have a write time."""
        key = {self.partition, *self.clustering}
        return [column for column in self.columns if column.name not in key]

    @property
    def create(self) -> str:
        """The statement that creates it in its keyspace."""
        lines = [
            f"{column.name} {_TYPES[column.type]}{' static' if column.name in self.static else ''}"
            for column in self.columns
        ]
        lines.append(f"PRIMARY KEY ({', '.join([self.partition, *self.clustering])})")
        order = f" WITH CLUSTERING ORDER BY ({self.order})" if self.order else ""
        return f"CREATE TABLE IF NOT EXISTS {self.keyspace}.{self.name} ({', '.join(lines)}){order}"

    def insert(self, timestamp: int) -> str:
        """The statement to prepare: columns in the order of the dataset."""
        names = ", ".join(column.name for column in self.columns)
        marks = ", ".join("?" for _ in self.columns)
        into = f"{self.keyspace}.{self.name} ({names})"
        return f"INSERT INTO {into} VALUES ({marks}) USING TIMESTAMP {timestamp}"  # noqa: S608

    def layout(self) -> set[tuple[str, str, str, int, str]]:
        """What ``system_schema.columns`` says of it: name, type, kind, position, clustering order."""
        falling = {part.split()[0] for part in self.order.split(", ") if part.endswith("DESC")}
        found = set()
        for column in self.columns:
            kind, position, order = "regular", -1, "none"
            if column.name == self.partition:
                kind, position = "partition_key", 0
            elif column.name in self.clustering:
                kind, position = "clustering", self.clustering.index(column.name)
                order = "desc" if column.name in falling else "asc"
            elif column.name in self.static:
                kind = "static"
            found.add((column.name, _TYPES[column.type], kind, position, order))
        return found

    def rows(self, dataset: Dataset) -> Iterator[tuple[Any, ...]]:
        """The dataset's rows that belong here: a row without a partition key has no place."""
        at = TABLES[self.source].position(self.partition)
        # Cassandra takes no empty text as a partition key either.
        return (row for row in dataset.rows(self.source) if row[at] not in (None, ""))

    @property
    def is_selective(self) -> bool:
        """Whether some rows of the source may have no place here."""
        column = self.columns[TABLES[self.source].position(self.partition)]
        return column.nullable or column.type is str


SHAPES: tuple[Shape, ...] = (
    Shape("customers", "customers", "customerid"),
    Shape("customers_by_firstname", "customers", "firstname", ("lastname", "customerid")),
    Shape("employees", "employees", "employeeid"),
    Shape("employees_by_manager", "employees", "managerid", ("employeeid",)),
    Shape(
        "orders",
        "orders",
        "salesorderid",
        ("salesorderdetailid",),
        static=frozenset(
            [
                "orderdate",
                "duedate",
                "shipdate",
                "employeeid",
                "customerid",
                "subtotal",
                "taxamt",
                "freight",
                "totaldue",
            ]
        ),
    ),
    Shape(
        "orders_by_customer",
        "orders",
        "customerid",
        ("orderdate", "salesorderid", "salesorderdetailid"),
        order="orderdate DESC, salesorderid DESC, salesorderdetailid ASC",
    ),
    Shape("orders_by_day", "orders", "orderdate", ("salesorderid", "salesorderdetailid")),
)


def shapes_in(keyspace: str) -> tuple[Shape, ...]:
    """The same tables in another keyspace."""
    return tuple(replace(shape, keyspace=keyspace) for shape in SHAPES)


COUNTED = ("customers", "employees", "orders")
"""The tables whose rows are the dataset's: a row of ``orders`` is an order line."""

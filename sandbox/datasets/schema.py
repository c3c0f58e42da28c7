"""The three tables of the course as data: what every loader, reader, generator and check goes by.

Column names, types and keys are the course's. One of its slips is put right here: an order has many
lines, so the key of ``orders`` is (salesorderid, salesorderdetailid), not salesorderid alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

SCHEMA_VERSION = 1
"""Rises whenever the tables or the canonical form of the files change."""

MONEY_DIGITS = 19
MONEY_DECIMALS = 4
"""Every amount fits ``DECIMAL(19, 4)``."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``type`` is the Python type of its values: ``int`` (fits 32 bits), ``str``,
    ``Decimal`` (at most four decimals) or ``date``. ``length`` is the longest text in characters, None for
    the other types. In a nullable column a missing value is None; elsewhere there is none."""

    name: str
    type: type
    nullable: bool = False
    length: int | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``column`` holds values of ``references`` in ``table`` (or None where the column is nullable)."""

    column: str
    table: str
    references: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table; a row is a tuple in the order of ``columns``."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def file(self) -> str:
        """Name of its file in a dataset's folder."""
        return f"{self.name}.csv"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        return self.columns[self.position(name)]

    def position(self, name: str) -> int:
        """Index of a column in a row; KeyError when there is none."""
        for index, column in enumerate(self.columns):
            if column.name == name:
                return index
        raise KeyError(name)


CUSTOMERS = Table(
    "customers",
    (
        Column("customerid", int),
        Column("firstname", str, length=50),
        Column("lastname", str, length=50),
        Column("fullname", str, length=150),
    ),
    key=("customerid",),
)

EMPLOYEES = Table(
    "employees",
    (
        Column("employeeid", int),
        Column("managerid", int, nullable=True),
        Column("firstname", str, length=50),
        Column("lastname", str, length=50),
        Column("fullname", str, length=150),
        Column("jobtitle", str, length=50),
        Column("organizationlevel", int),
        Column("maritalstatus", str, length=1),
        Column("gender", str, length=1),
        Column("territory", str, nullable=True, length=50),
        Column("country", str, nullable=True, length=2),
        # A reserved word in most SQL dialects: quote it.
        Column("group", str, nullable=True, length=50),
    ),
    key=("employeeid",),
    foreign_keys=(ForeignKey("managerid", "employees", "employeeid"),),
)

ORDERS = Table(
    "orders",
    (
        Column("salesorderid", int),
        Column("salesorderdetailid", int),
        Column("orderdate", date),
        Column("duedate", date),
        Column("shipdate", date),
        Column("employeeid", int),
        Column("customerid", int),
        # The next four belong to the order and repeat on each of its lines.
        Column("subtotal", Decimal),
        Column("taxamt", Decimal),
        Column("freight", Decimal),
        Column("totaldue", Decimal),
        Column("productid", int),
        Column("orderqty", int),
        Column("unitprice", Decimal),
        # A fraction of the price: 0.02 is two per cent.
        Column("unitpricediscount", Decimal),
        Column("linetotal", Decimal),
    ),
    key=("salesorderid", "salesorderdetailid"),
    foreign_keys=(
        ForeignKey("employeeid", "employees", "employeeid"),
        ForeignKey("customerid", "customers", "customerid"),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in (CUSTOMERS, EMPLOYEES, ORDERS)}
"""All tables by name, each after those it refers to: loading in this order breaks no foreign key."""

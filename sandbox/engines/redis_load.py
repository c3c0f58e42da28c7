"""The dataset in the shape that Redis wants: keys by access path, each value in the structure that fits.

==============================  ===========  ==========================================================
``customer:293``                hash         a customer
``customers``                   set          ids of all customers
``customers:firstname:John``    set          ids of the customers of that first name
``customer:293:orders``         sorted set   ids of a customer's orders by date (days since 1970-01-01)
``customers:spend``             sorted set   leaderboard: customer ids by the sum of their totaldue
``employee:275``                hash         an employee; a missing value is a missing field
``employees``                   set          ids of all employees
``employee:274:reports``        set          ids of those whom the employee manages
``order:71782``                 hash         what the lines of an order have in common
``order:71782:lines``           set          ids of its lines
``order:71782:line:110667``     hash         an order line
``orders``                      sorted set   ids of all orders by date
``orders:stream``               stream       an event for each order, in the order of their dates
``products:sold``               sorted set   product ids by quantity sold
==============================  ===========  ==========================================================

Dates are ISO text (``2014-05-01``), amounts the decimal text of the files.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

_OURS = (
    *("customer:*", "customers", "customers:*", "employee:*", "employees"),
    *("order:*", "orders", "orders:*", "products:sold"),
)

_ROWS = {"customers": "customer:*", "employees": "employee:*", "orders": "order:*:line:*"}

_HEADER = (
    *("orderdate", "duedate", "shipdate", "employeeid", "customerid"),
    *("subtotal", "taxamt", "freight", "totaldue"),
)

_LINE = ("productid", "orderqty", "unitprice", "unitpricediscount", "linetotal")

_BATCH = 2000
"""Commands a pipeline: enough to keep the server busy, little enough to keep memory flat."""


def counts(connection: Any) -> dict[str, int]:
    """Rows by table, found by walking the keys: an index can say what is no longer so."""
    # A walk may show a key twice; the hashes of a table are those with a number for a name.
    return {
        table: sum(1 for key in set(_keys(connection, pattern, "hash")) if key.rpartition(":")[2].isdigit())
        for table, pattern in _ROWS.items()
    }


def load(connection: Any, dataset: Dataset, sink: Sink, *, compact: bool = True) -> dict[str, int]:
    """Replace the dataset's keys by those of ``dataset``; other keys stay. Returns rows by table. ``compact``
    has the server's file written anew, for a fast next start."""
    from sandbox.datasets.schema import TABLES

    total = sum(dataset.count(table) for table in TABLES)
    _remove(connection)
    pipe = _Pipeline(connection, total, sink)
    rows = {
        "customers": _customers(pipe, _dicts(dataset, "customers")),
        "employees": _employees(pipe, _dicts(dataset, "employees")),
        "orders": _orders(pipe, _dicts(dataset, "orders")),
    }
    pipe.flush()
    if compact:
        _compact(connection)
    return rows


class _Pipeline:
    """Commands sent by the thousand, and progress told as they are."""

    def __init__(self, connection: Any, total: int, sink: Sink) -> None:
        self._pipe = connection.pipeline(transaction=False)
        self._done, self._total, self._sink = 0, total, sink

    def add(self, *words: Any) -> None:
        self._pipe.execute_command(*words)
        if len(self._pipe) >= _BATCH:
            self.flush()

    def row(self) -> None:
        self._done += 1

    def flush(self) -> None:
        self._pipe.execute()
        self._sink(Progress("redis", "load", self._done, self._total, "rows"))


def _customers(pipe: _Pipeline, rows: Iterable[dict[str, Any]]) -> int:
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007 - the count is wanted after the loop
        key = row["customerid"]
        pipe.add("HSET", f"customer:{key}", *_fields(row))
        pipe.add("SADD", "customers", key)
        pipe.add("SADD", f"customers:firstname:{row['firstname']}", key)
        pipe.row()
    return number


def _employees(pipe: _Pipeline, rows: Iterable[dict[str, Any]]) -> int:
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007
        key = row["employeeid"]
        pipe.add("HSET", f"employee:{key}", *_fields(row))
        pipe.add("SADD", "employees", key)
        if row["managerid"] is not None:
            pipe.add("SADD", f"employee:{row['managerid']}:reports", key)
        pipe.row()
    return number


def _orders(pipe: _Pipeline, rows: Iterable[dict[str, Any]]) -> int:
    number = 0
    orders: dict[int, tuple[date, int, Decimal]] = {}
    sold: Counter[int] = Counter()
    for number, row in enumerate(rows, 1):  # noqa: B007
        order, line = row["salesorderid"], row["salesorderdetailid"]
        if order not in orders:
            orders[order] = (row["orderdate"], row["customerid"], row["totaldue"])
            pipe.add("HSET", f"order:{order}", "salesorderid", order, *_fields(row, _HEADER))
            day = (row["orderdate"] - date(1970, 1, 1)).days
            pipe.add("ZADD", "orders", day, order)
            pipe.add("ZADD", f"customer:{row['customerid']}:orders", day, order)
        own = ("salesorderid", order, "salesorderdetailid", line)
        pipe.add("HSET", f"order:{order}:line:{line}", *own, *_fields(row, _LINE))
        pipe.add("SADD", f"order:{order}:lines", line)
        sold[row["productid"]] += row["orderqty"]
        pipe.row()
    _summaries(pipe, orders, sold)
    return number


def _summaries(pipe: _Pipeline, orders: dict[int, tuple[date, int, Decimal]], sold: Counter[int]) -> None:
    spend: dict[int, Decimal] = {}
    for _, customer, totaldue in orders.values():
        spend[customer] = spend.get(customer, Decimal(0)) + totaldue
    # Summed here, exactly, and not by ZINCRBY, whose sums are floating point.
    for customer, amount in spend.items():
        pipe.add("ZADD", "customers:spend", str(amount), customer)
    for product, quantity in sold.items():
        pipe.add("ZADD", "products:sold", quantity, product)
    for order in sorted(orders, key=lambda order: (orders[order][0], order)):
        day, customer, totaldue = orders[order]
        # Entry ids are milliseconds since 1970 and a number within the day; `-*` lets the server count.
        moment = f"{(day - date(1970, 1, 1)).days * 86_400_000}-*"
        fields = ("salesorderid", order, "customerid", customer, "totaldue", str(totaldue))
        pipe.add("XADD", "orders:stream", moment, *fields)


def _dicts(dataset: Dataset, table: str) -> Iterator[dict[str, Any]]:
    from sandbox.datasets.schema import TABLES

    names = TABLES[table].column_names
    return (dict(zip(names, row, strict=True)) for row in dataset.rows(table))


def _fields(row: dict[str, Any], names: Iterable[str] | None = None) -> list[Any]:
    found = []
    for name in names or row:
        value = row[name]
        if value is not None:
            found += [name, value if isinstance(value, int | str) else str(value)]
    return found


def _keys(connection: Any, pattern: str, kind: str | None = None) -> Iterator[str]:
    keys: Iterator[str] = connection.scan_iter(match=pattern, count=5000, _type=kind)
    return keys


def _remove(connection: Any) -> None:
    if not connection.dbsize():
        return
    for pattern in _OURS:
        keys = list(_keys(connection, pattern))
        for start in range(0, len(keys), _BATCH):
            connection.unlink(*keys[start : start + _BATCH])


def _compact(connection: Any) -> None:
    """Have the append-only file written anew: the next start then reads a snapshot, not each command."""
    from redis.exceptions import ResponseError

    if not connection.info("persistence").get("aof_enabled"):
        return
    # One that is under way already is as good.
    with contextlib.suppress(ResponseError):
        connection.execute_command("BGREWRITEAOF")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        state = connection.info("persistence")
        if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
            return
        time.sleep(0.01)

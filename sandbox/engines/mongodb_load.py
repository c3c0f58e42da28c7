"""The dataset as documents: what is read together lies together.

``customers``   ``{_id: 293, firstname, lastname, fullname, orders: [{salesorderid, orderdate, duedate,
                shipdate, employeeid, subtotal, taxamt, freight, totaldue, lines: [{salesorderdetailid,
                productid, orderqty, unitprice, unitpricediscount, linetotal}]}]}``
``employees``   ``{_id: 275, managerid, firstname, ... group}``; a missing value is a missing field

Amounts are Decimal128, dates are dates at midnight UTC. A customer without orders has an empty list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from pymongo.database import Database

    from sandbox.datasets import Dataset

_HEADER = (
    *("salesorderid", "orderdate", "duedate", "shipdate", "employeeid"),
    *("subtotal", "taxamt", "freight", "totaldue"),
)
_LINE = ("salesorderdetailid", "productid", "orderqty", "unitprice", "unitpricediscount", "linetotal")

_CUSTOMERS = 2000
"""Customers whose orders are in memory at once: the file of orders is read once for that many."""


def counts(database: Database[dict[str, Any]]) -> dict[str, int]:
    """Customers, employees, and order lines as an aggregation finds them in the customers."""
    there = set(database.list_collection_names())
    found: dict[str, int] = {
        name: database[name].count_documents({}) for name in sorted(there & {"customers", "employees"})
    }
    if "customers" in there:
        lines = {"$map": {"input": "$orders", "as": "order", "in": {"$size": "$$order.lines"}}}
        # Only what has the dataset's shape: a person's own documents are no order lines.
        stages: list[dict[str, Any]] = [
            {"$match": {"orders.lines": {"$exists": True}}},
            {"$group": {"_id": None, "lines": {"$sum": {"$sum": lines}}}},
        ]
        found["orders"] = next((row["lines"] for row in database.customers.aggregate(stages)), 0)
    return found


def load(database: Database[dict[str, Any]], dataset: Dataset, sink: Sink) -> dict[str, int]:
    """Replace the two collections by those of ``dataset``; returns rows by table."""
    total = sum(dataset.count(table) for table in ("customers", "employees", "orders"))
    for name in ("customers", "employees"):
        database.drop_collection(name)
        database.create_collection(name)
    done = {"customers": 0, "employees": 0, "orders": 0}

    def told(table: str, number: int) -> None:
        done[table] += number
        sink(Progress("mongodb", "load", sum(done.values()), total, "rows"))

    employees = [_document(row, "employeeid") for row in _dicts(dataset, "employees")]
    if employees:
        database.employees.insert_many(employees)
    told("employees", len(employees))
    customers = _dicts(dataset, "customers")
    while some := [_document(row, "customerid") for row in islice(customers, _CUSTOMERS)]:
        lines = _with_orders(some, dataset)
        database.customers.insert_many(some)
        told("customers", len(some))
        told("orders", lines)
    create_indexes(database)
    return done


def create_indexes(database: Database[dict[str, Any]]) -> None:
    """The indexes of the two collections."""
    database.customers.create_index([("lastname", 1), ("firstname", 1)])
    database.customers.create_index([("orders.salesorderid", 1)])
    database.employees.create_index([("managerid", 1)])


def documents(dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    """All documents of a dataset by collection, in memory at once."""
    customers = [_document(row, "customerid") for row in _dicts(dataset, "customers")]
    _with_orders(customers, dataset)
    return {
        "customers": customers,
        "employees": [_document(row, "employeeid") for row in _dicts(dataset, "employees")],
    }


def _with_orders(customers: list[dict[str, Any]], dataset: Dataset) -> int:
    """Give the customers their orders; returns the number of lines."""
    theirs: dict[int, dict[int, dict[str, Any]]] = {customer["_id"]: {} for customer in customers}
    lines = 0
    for row in _dicts(dataset, "orders"):
        orders = theirs.get(row["customerid"])
        if orders is None:
            continue
        order = orders.setdefault(row["salesorderid"], {})
        if not order:
            order.update({name: _value(row[name]) for name in _HEADER}, lines=[])
        order["lines"].append({name: _value(row[name]) for name in _LINE})
        lines += 1
    for customer in customers:
        customer["orders"] = list(theirs[customer["_id"]].values())
    return lines


def _document(row: dict[str, Any], key: str) -> dict[str, Any]:
    rest = {name: _value(value) for name, value in row.items() if name != key and value is not None}
    return {"_id": row[key], **rest}


def _value(value: Any) -> Any:
    from bson.decimal128 import Decimal128

    if isinstance(value, Decimal):
        return Decimal128(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _dicts(dataset: Dataset, table: str) -> Iterator[dict[str, Any]]:
    from sandbox.datasets.schema import TABLES

    names = TABLES[table].column_names
    return (dict(zip(names, row, strict=True)) for row in dataset.rows(table))

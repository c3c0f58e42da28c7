"""The dataset as a property graph, and how it gets in.

::

    (employee)-[manages]->(employee)-[sold]->(order)<-[placed]-(customer)
                                             (order)-[contains]->(product)

Ids say what a vertex is (``customer-293``, ``employee-276``, ``order-71782``, ``product-714``,
``line-71782-110667``), as Neptune's bulk files have them. A ``contains`` edge is an order line. Amounts are
doubles and dates are at midnight UTC: Neptune has neither decimals nor dates without a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import TABLES
from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

LABELS = ("customer", "employee", "order", "product")
"""Labels of the vertices that belong to the dataset."""

BATCH = 1000
"""Vertices or edges a request: far below the server's 10 MiB."""

_LINE = ("salesorderdetailid", "orderqty", "unitprice", "unitpricediscount", "linetotal")
_ORDER = ("salesorderid", "orderdate", "duedate", "shipdate", "subtotal", "taxamt", "freight", "totaldue")


def load(g: Any, dataset: Dataset, sink: Sink) -> tuple[dict[str, int], bool]:
    """Replace the dataset's vertices, with all their edges, by those of ``dataset``. ``g`` is a traversal
    source of gremlin_python. Returns rows by table, and whether the graph holds nothing but the dataset."""
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import P

    g.V().has_label(P.within(*LABELS)).drop().iterate()
    total = sum(dataset.counts.values())
    done = 0
    for vertices, edges, rows in _steps(dataset):
        for batch in _batches(vertices):
            g.inject(batch).unfold().merge_v().iterate()
        for batch in _batches(edges):
            g.inject(batch).unfold().merge_e().iterate()
        done += rows
        sink(Progress("gremlin", "load", done, total, "rows"))
    return dataset.counts, not g.V().not_(__.has_label(P.within(*LABELS))).has_next()


def counts(g: Any) -> dict[str, int]:
    """Vertices of customers and employees, ``contains`` edges for order lines."""
    return {
        "customers": g.V().has_label("customer").count().next(),
        "employees": g.V().has_label("employee").count().next(),
        "orders": g.E().has_label("contains").count().next(),
    }


def _batches(items: Iterable[dict[Any, Any]]) -> Iterator[list[dict[Any, Any]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _vertex(kind: str, number: int, properties: dict[str, Any]) -> dict[Any, Any]:
    from gremlin_python.process.traversal import T

    # A missing value is no property: a graph has no null.
    kept = {name: _value(value) for name, value in properties.items() if value is not None}
    return {T.id: f"{kind}-{number}", T.label: kind, **kept}


def _edge(
    label: str, out: str, into: str, properties: dict[str, Any] | None = None, id_: str = ""
) -> dict[Any, Any]:
    from gremlin_python.process.traversal import Direction, T

    kept = {name: _value(value) for name, value in (properties or {}).items()}
    return {T.id: id_ or f"{label}-{into}", T.label: label, Direction.OUT: out, Direction.IN: into, **kept}


def _value(value: Any) -> Any:
    if isinstance(value, int | str):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return float(value)


def _steps(dataset: Dataset) -> Iterator[tuple[list[dict[Any, Any]], list[dict[Any, Any]], int]]:
    """Vertices, edges between them and earlier ones, and how many rows they stand for; in loading order."""
    for table, kind in (("customers", "customer"), ("employees", "employee")):
        names = TABLES[table].column_names
        vertices, edges = [], []
        for row in dataset.rows(table):
            facts = dict(zip(names, row, strict=True))
            manager = facts.pop("managerid", None)
            vertices.append(_vertex(kind, row[0], facts))
            if manager is not None:
                edges.append(_edge("manages", f"employee-{manager}", f"employee-{row[0]}"))
        yield vertices, edges, len(vertices)
    yield from _order_steps(dataset)


def _order_steps(dataset: Dataset) -> Iterator[tuple[list[dict[Any, Any]], list[dict[Any, Any]], int]]:
    names = TABLES["orders"].column_names
    seen: set[str] = set()
    vertices: list[dict[Any, Any]] = []
    edges: list[dict[Any, Any]] = []
    rows = 0
    for row in dataset.rows("orders"):
        facts = dict(zip(names, row, strict=True))
        order, product = f"order-{facts['salesorderid']}", f"product-{facts['productid']}"
        if product not in seen:
            seen.add(product)
            vertices.append(_vertex("product", facts["productid"], {"productid": facts["productid"]}))
        if order not in seen:
            seen.add(order)
            vertices.append(_vertex("order", facts["salesorderid"], {name: facts[name] for name in _ORDER}))
            edges.append(_edge("placed", f"customer-{facts['customerid']}", order))
            edges.append(_edge("sold", f"employee-{facts['employeeid']}", order))
        line = f"line-{facts['salesorderid']}-{facts['salesorderdetailid']}"
        edges.append(_edge("contains", order, product, {name: facts[name] for name in _LINE}, line))
        rows += 1
        if len(edges) >= BATCH:
            yield vertices, edges, rows
            vertices, edges, rows = [], [], 0
    yield vertices, edges, rows

"""Checks of a load that is run twice. Who is wanted, and what is damaged in between, vary with the seed."""

import csv
import json
import random
from collections import Counter
from datetime import date, datetime

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Direction, P, T

from sandbox.config import resources
from sandbox.grading import Mismatch, Missing, check

CUSTOMERS = 6
PLACED, CONTAINS = "placed", "contains"


def _rows(name):
    with (resources("fixtures") / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def prepare(ctx):
    """The list of wanted customers; one of them has an order with the same product in two lines if anybody
    has."""
    draw = random.Random(ctx.seed)
    orders = _rows("orders")
    lines = Counter((row[0], row[6], row[11]) for row in orders)
    double = sorted({customer for (_, customer, _), many in lines.items() if many > 1}, key=int)
    everybody = sorted({row[6] for row in orders}, key=int)
    wanted = {draw.choice(double)} if double else set()
    while len(wanted) < CUSTOMERS:
        wanted.add(draw.choice(everybody))
    (ctx.files / "wanted.json").write_text(json.dumps(sorted(map(int, wanted))))
    return _expected(wanted, orders) | {"draw": draw}


def _expected(wanted, orders):
    vertices, edges = {}, {}
    for number, first, last, _ in _rows("customers"):
        if number in wanted:
            vertices[f"customer-{number}"] = ("customer", {"firstname": first, "lastname": last})
    for row in orders:
        if row[6] not in wanted:
            continue
        order, product, line = f"order-{row[0]}", f"product-{row[11]}", int(row[1])
        month, day, year = map(int, row[2].split("/"))
        vertices[order] = ("order", {"orderdate": date(year, month, day), "totaldue": float(row[10])})
        vertices[product] = ("product", {"productid": int(row[11])})
        edges[PLACED, f"customer-{row[6]}", order, None] = {}
        edges[CONTAINS, order, product, line] = {"orderqty": int(row[12]), "linetotal": float(row[15])}
    return {"vertices": vertices, "edges": edges}


def between(ctx):
    """Colleagues add things, and damage others; whatever of it the first run has not made stays away."""
    draw, g = ctx.given["draw"], ctx.connection
    ids = {
        label: sorted(id_ for id_, (own, _) in ctx.given["vertices"].items() if own == label)
        for label in ("customer", "order", "product")
    }
    customer, other = draw.sample(ids["customer"], 2)
    order, gone = draw.sample(ids["order"], 2)
    g.V(customer).property("lastname", "Nobody").iterate()
    g.V(order).property("totaldue", 0.0).iterate()
    g.V(order).out_e(CONTAINS).limit(1).property("orderqty", -1).iterate()
    g.V(order).in_e(PLACED).drop().iterate()
    g.V(gone).drop().iterate()
    g.V(other).property("phone", "555-0199").iterate()
    g.add_v("customer").property(T.id, "customer-1").property("lastname", "Colleague").iterate()
    g.add_v("store").property(T.id, "store-1").iterate()
    g.V("customer-1").add_e("visits").to(__.V("store-1")).iterate()
    ctx.given["phone"] = other


def _same(found, expected):
    if isinstance(expected, str):
        return found == expected
    if isinstance(expected, int | float):
        number = isinstance(found, int | float) and not isinstance(found, bool)
        return number and abs(found - expected) < 0.00005
    return isinstance(found, datetime) and found.date() == expected


def _vertices(ctx):
    """All vertices by id: label, and properties with all their values."""
    found = {}
    for row in ctx.connection.V().value_map(True).to_list():
        id_, label = row.pop(T.id), row.pop(T.label)
        found[id_] = (label, row)
    return found


def _edges(ctx):
    """Edges by what they are known by: one list of properties for each edge."""
    found = {}
    for row in ctx.connection.E().has_label(P.within(PLACED, CONTAINS)).element_map().to_list():
        line = row.get("salesorderdetailid") if row[T.label] == CONTAINS else None
        line = line if isinstance(line, int | None) else str(line)
        key = (row[T.label], row[Direction.OUT][T.id], row[Direction.IN][T.id], line)
        found.setdefault(key, []).append(row)
    return found


@check(points=3)
def vertices(ctx):
    """Customers, orders and products are there, with the properties that the files give them."""
    found = _vertices(ctx)
    for id_, (label, properties) in ctx.given["vertices"].items():
        if id_ not in found:
            raise Missing(f"The vertex {id_}")
        if found[id_][0] != label:
            raise Mismatch(f"The label of {id_}", expected=label, found=found[id_][0])
        for key, value in properties.items():
            values = found[id_][1].get(key)
            if not values:
                raise Missing(f"The property {key} of {id_}")
            if len(values) > 1 or not _same(values[0], value):
                raise Mismatch(f"{key} of {id_}", expected=str(value), found=_plain(values))


def _plain(values):
    return values[0] if len(values) == 1 else values[:4]


@check(points=3)
def edges(ctx):
    """The edges `placed` and `contains` are there, with the properties that the files give them."""
    found = _edges(ctx)
    for key, properties in ctx.given["edges"].items():
        label, one, two, line = key
        what = f"The edge {label} from {one} to {two}" + (f" of line {line}" if line else "")
        if key not in found:
            backwards = (label, two, one, line) in found
            raise Missing(
                what + (", which leads the other way round, in this direction" if backwards else "")
            )
        for edge in found[key]:
            for name, value in properties.items():
                if name not in edge:
                    raise Missing(f"{what}: its {name}")
                if not _same(edge[name], value):
                    raise Mismatch(f"{what}: its {name}", expected=value, found=edge[name])


@check(points=3)
def nothing_twice(ctx):
    """Nothing is there twice, and nothing beyond what is wanted and what colleagues added."""
    labels = Counter(label for label, _ in _vertices(ctx).values())
    expected = Counter(label for label, _ in ctx.given["vertices"].values())
    expected["customer"] += 1
    for label, many in expected.items():
        # Whether the colleagues' own is still there is another check.
        if labels[label] not in (many, many - (label == "customer")):
            raise Mismatch(f"The number of vertices {label}", expected=many, found=labels[label])
    found = Counter(key[0] for key, many in _edges(ctx).items() for _ in many)
    expected = Counter(key[0] for key in ctx.given["edges"])
    for label in (PLACED, CONTAINS):
        if found[label] != expected[label]:
            raise Mismatch(f"The number of edges {label}", expected=expected[label], found=found[label])


@check(points=2, after=[nothing_twice])
def work_of_colleagues(ctx):
    """What colleagues added between the two runs is still there."""
    found = _vertices(ctx)
    for id_, what in (("customer-1", "customer"), ("store-1", "store")):
        if id_ not in found:
            raise Missing(f"The vertex {id_} ({what}) that a colleague added")
    if not found[ctx.given["phone"]][1].get("phone"):
        raise Missing(f"The property phone of {ctx.given['phone']} that a colleague added")
    if not ctx.connection.V("customer-1").out("visits").has_id("store-1").has_next():
        raise Missing("The edge visits that a colleague added")

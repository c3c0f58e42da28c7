"""Checks of writing in batches: the server counts requests by graph. The files vary with the seed."""

import csv
import random

from gremlin_python.process.traversal import Direction, T

from sandbox.grading import CannotTell, Mismatch, Missing, check

KINDS = ("pump", "valve", "meter", "tank", "filter")
MOST = 8
SYSTEM = "g_system"
"""Where the server tells of its graphs."""


def prepare(ctx):
    """Both files; how many requests the graph has had so far."""
    draw = random.Random(ctx.seed)
    numbers = draw.sample(range(1, 1000), 150)
    rows = [(f"d-{number}", draw.choice(KINDS), 20260100 + draw.randint(1, 28)) for number in numbers]
    # Checked again, and found to be something else.
    again = [
        (id_, draw.choice([k for k in KINDS if k != kind]), 20260300 + draw.randint(1, 28))
        for id_, kind, _ in draw.sample(rows, 12)
    ]
    rows += again
    pairs = draw.sample([(one, two) for one in numbers for two in numbers if one != two], 250)
    links = [(f"d-{one}", f"d-{two}", draw.randint(1, 99) * 10) for one, two in pairs]
    _write(ctx.files / "devices.csv", ("id", "kind", "checked"), rows)
    _write(ctx.files / "links.csv", ("from", "to", "capacity"), links)
    ctx.connection.V().limit(1).count().next()
    return {
        "devices": {id_: (kind, checked) for id_, kind, checked in rows},
        "links": {(one, two): capacity for one, two, capacity in links},
        "before": _requests(ctx),
    }


def _write(path, head, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _requests(ctx):
    """How many requests have asked for the attempt's graph. Asking this does not count."""
    rows = ctx.connect(SYSTEM).V().has("graph", "name", ctx.endpoint.database).values("requests").to_list()
    if len(rows) != 1:
        raise CannotTell("The server has not counted requests of this graph.")
    return rows[0]


@check(points=4)
def few_requests(ctx):
    """All that is asked for came in at most 8 requests."""
    # The first of the checks: the others ask for the graph themselves.
    sent = _requests(ctx) - ctx.given["before"]
    if sent < 0:
        raise CannotTell("The server was started again meanwhile, and counts from the beginning.")
    g = ctx.connection
    for what, found, wanted in (
        ("devices", g.V().has_label("device").count().next(), len(ctx.given["devices"])),
        ("links", g.E().has_label("links").count().next(), len(ctx.given["links"])),
    ):
        if found < wanted:
            raise Mismatch(f"The number of {what}", expected=wanted, found=found)
    if sent > MOST:
        raise Mismatch("The number of requests", expected=f"at most {MOST}", found=sent)


@check(points=3)
def devices(ctx):
    """Every device is a vertex with its properties, and those of the later line where there are two."""
    found = {row[T.id]: row for row in ctx.connection.V().element_map().to_list()}
    for id_, (kind, checked) in ctx.given["devices"].items():
        if id_ not in found:
            raise Missing(f"The vertex {id_}")
        if found[id_][T.label] != "device":
            raise Mismatch(f"The label of {id_}", expected="device", found=found[id_][T.label])
        for key, value in (("kind", kind), ("checked", checked)):
            if key not in found[id_]:
                raise Missing(f"The property {key} of {id_}")
            if found[id_][key] != value:
                raise Mismatch(f"{key} of {id_}", expected=value, found=found[id_][key])
    if len(found) > len(ctx.given["devices"]):
        raise Mismatch("The number of vertices", expected=len(ctx.given["devices"]), found=len(found))


@check(points=3)
def links(ctx):
    """Every link is an edge from one device to the other, once, with its capacity."""
    rows = ctx.connection.E().element_map().to_list()
    found = {(row[Direction.OUT][T.id], row[Direction.IN][T.id]): row for row in rows}
    for (one, two), capacity in ctx.given["links"].items():
        what = f"The edge links from {one} to {two}"
        if (one, two) not in found or found[one, two][T.label] != "links":
            raise Missing(what)
        if found[one, two].get("capacity") != capacity:
            raise Mismatch(f"{what}: its capacity", expected=capacity, found=found[one, two].get("capacity"))
    if len(rows) > len(ctx.given["links"]):
        raise Mismatch("The number of edges", expected=len(ctx.given["links"]), found=len(rows))

"""Checks of an export: the graph is emptied between the two runs. It varies with the seed."""

import random
from datetime import UTC, datetime, timedelta

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Cardinality, T
from gremlin_python.statics import long

from sandbox.grading import Mismatch, Missing, check

LABELS = ("station", "person", "train")
EDGES = ("stops", "drives", "likes")
TEXTS = ("Zürich", 'the "old" one', "a\nb", "100%", "5", "true", "O'Neil", "")


def _value(draw, kind):
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(10**7))
    return {
        "name": draw.choice(TEXTS),
        "size": draw.randrange(10**6),
        # More than a double can tell apart.
        "serial": long(2**53 + 2 * draw.randrange(10**6) + 1),
        "weight": draw.randrange(1000) / 8,
        "length": float(draw.randrange(1000)),
        "open": draw.random() < 0.5,
        "since": moment,
    }[kind]


KINDS = ("name", "size", "serial", "weight", "length", "open", "since")


def prepare(ctx):
    """Vertices with all kinds of values, some with several; edges, some of them between the same two."""
    draw = random.Random(ctx.seed)
    g = ctx.connection
    numbers = draw.sample(range(1000), 14)
    ids = [f"{draw.choice(LABELS)}-{number}" for number in numbers]
    everything = g.inject(0)
    for at, id_ in enumerate(ids):
        everything = everything.add_v(id_.split("-")[0]).property(T.id, id_)
        # The first has all of them, the last none.
        some = KINDS if at == 0 else draw.sample(KINDS, draw.randint(1, 4)) if at < 13 else ()
        for kind in some:
            everything = everything.property(kind, _value(draw, kind))
        for phone in draw.sample(range(100, 1000), 3) if at % 4 == 1 else ():
            everything = everything.property(Cardinality.set_, "phone", f"555-0{phone}")
    everything.iterate()
    # The last two have no edges.
    pairs = [draw.sample(ids[:12], 2) for _ in range(16)]
    pairs += [pairs[0], pairs[0][::-1], [ids[0], ids[0]]]
    everything = g.inject(0)
    for at, (one, two) in enumerate(pairs):
        everything = everything.V(one).add_e(draw.choice(EDGES)).to(__.V(two))
        everything = everything.property(T.id, f"edge-{numbers[at % 14]}-{at}")
        some = KINDS if at == 0 else draw.sample(KINDS, draw.randint(0, 2))
        for kind in some:
            everything = everything.property(kind, _value(draw, kind))
    everything.iterate()
    return {"vertices": _vertices(ctx), "edges": _edges(ctx)}


def between(ctx):
    """Somebody empties the graph."""
    ctx.connection.V().drop().iterate()


def _vertices(ctx):
    """By id: label, and the values of each property in any order."""
    found = {}
    for row in ctx.connection.V().value_map(True).to_list():
        id_, label = row.pop(T.id), row.pop(T.label)
        found[id_] = (label, {key: sorted(map(_typed, values)) for key, values in row.items()})
    return found


def _edges(ctx):
    """By id: label, ends, and the value of each property."""
    rows = (
        ctx.connection.E()
        .project("id", "label", "from", "to", "values")
        .by(T.id)
        .by(T.label)
        .by(__.out_v().id_())
        .by(__.in_v().id_())
        .by(__.value_map())
        .to_list()
    )
    return {
        row["id"]: (
            row["label"],
            row["from"],
            row["to"],
            {key: _typed(value) for key, value in row["values"].items()},
        )
        for row in rows
    }


def _typed(value):
    """A value as a text that tells its type; whole numbers of 32 and 64 bits are the same."""
    if isinstance(value, datetime):
        return f"the moment {value.astimezone(UTC).isoformat()}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"the whole number {int(value)}"
    words = {str: "text", float: "number", bool: "truth value"}
    return f"the {words.get(type(value), type(value).__name__)} {value!r}"


@check(points=2)
def vertices(ctx):
    """All vertices are there again, with their ids and labels, and no others."""
    expected = {id_: label for id_, (label, _) in ctx.given["vertices"].items()}
    found = {id_: label for id_, (label, _) in _vertices(ctx).items()}
    for id_, label in expected.items():
        if id_ not in found:
            raise Missing(f"The vertex {id_}")
        if found[id_] != label:
            raise Mismatch(f"The label of {id_}", expected=label, found=found[id_])
    if len(found) > len(expected):
        raise Mismatch("The number of vertices", expected=len(expected), found=len(found))


@check(points=3, after=[vertices])
def values(ctx):
    """The properties of all vertices have the values that they had, and the types."""
    found = _vertices(ctx)
    for id_, (_, properties) in ctx.given["vertices"].items():
        here = found[id_][1]
        for key, expected in properties.items():
            if key not in here:
                raise Missing(f"The property {key} of {id_}")
            if key != "phone" and here[key] != expected:
                raise Mismatch(f"{key} of {id_}", expected=expected[0], found=", ".join(here[key]))
        if extra := sorted(set(here) - set(properties)):
            raise Mismatch(f"Properties of {id_} that it did not have", expected="none", found=extra)


@check(points=2, after=[vertices])
def several_values(ctx):
    """Properties with several values have all of them again."""
    found = _vertices(ctx)
    for id_, (_, properties) in ctx.given["vertices"].items():
        here = found[id_][1].get("phone", [])
        if here != properties.get("phone", []):
            expected = len(properties.get("phone", []))
            raise Mismatch(f"Values of phone of {id_}", expected=expected, found=len(here) or "none")


@check(points=3, after=[vertices])
def edges(ctx):
    """All edges are there again, with ids, labels, directions and properties, and no others."""
    found = _edges(ctx)
    for id_, (label, one, two, properties) in ctx.given["edges"].items():
        what = f"The edge {id_}, {label} from {one} to {two},"
        if id_ not in found:
            raise Missing(what)
        if found[id_][:3] != (label, one, two):
            words = "{0} from {1} to {2}"
            shown = words.format(*found[id_][:3])
            raise Mismatch(f"The edge {id_}", expected=words.format(label, one, two), found=shown)
        if found[id_][3] != properties:
            key = min(k for k in {*properties, *found[id_][3]} if properties.get(k) != found[id_][3].get(k))
            raise Mismatch(
                f"{what} its {key}",
                expected=properties.get(key, "nothing"),
                found=found[id_][3].get(key, "nothing"),
            )
    if len(found) > len(ctx.given["edges"]):
        raise Mismatch("The number of edges", expected=len(ctx.given["edges"]), found=len(found))

"""Checks of looking around. Labels, numbers and properties vary with the seed."""

import random
import re

from gremlin_python.process.traversal import Direction, T

from sandbox.grading import Mismatch, Missing, check

MACHINES = ("router", "camera", "printer", "laptop", "display", "badge")
EDGES = ("feeds", "watches", "backs", "mirrors", "charges", "locks")
KEYS = ("rack", "memory", "vendor", "serial", "owner", "cores", "bought", "firmware", "floor")


def prepare(ctx):
    """Machines of four labels and edges of three; no server has all properties that servers have."""
    draw = random.Random(ctx.seed)
    labels = ["server", *draw.sample(MACHINES, 3)]
    edges, keys = draw.sample(EDGES, 3), draw.sample(KEYS, 5)
    # All numbers differ, so that each can only be its own.
    sizes = draw.sample(range(11, 40), len(labels) + len(edges))
    vertices = dict(zip(labels, sizes, strict=False))
    kinds = draw.sample([(one, two) for one in labels for two in labels if one != two], 5)
    # The first connection is there in one direction only, or its reverse would hide a mistake.
    kinds = [kind for at, kind in enumerate(kinds) if kind[::-1] not in kinds[:at]]
    triples = {(one, edges[at % 3], two) for at, (one, two) in enumerate(kinds)}
    triples |= {(kinds[0][0], edge, kinds[0][1]) for edge in edges}
    many = dict(zip(edges, sizes[len(labels) :], strict=True))
    g = ctx.connection
    rows = []
    for label, size in vertices.items():
        for number in range(size):
            row = {T.id: f"{label}-{number}", T.label: label}
            if label == "server":
                # Each key is had by some and lacked by some.
                row |= {key: draw.randint(1, 99) for at, key in enumerate(keys) if number % 5 != at}
            else:
                row["name"] = f"{label} {number}"
            rows.append(row)
    g.inject(rows).unfold().merge_v().iterate()
    lines = []
    for edge, size in many.items():
        of_edge = sorted(triple for triple in triples if triple[1] == edge)
        for number in range(size):
            one, _, two = of_edge[number % len(of_edge)]
            ends = {Direction.OUT: f"{one}-{number % 11}", Direction.IN: f"{two}-{draw.randrange(11)}"}
            lines.append({T.id: f"{edge}-{number}", T.label: edge, **ends})
    g.inject(lines).unfold().merge_e().iterate()
    return {"vertices": vertices, "edges": many, "keys": keys, "triples": triples}


def _streams(ctx, words):
    """What was shown as lists of these words and of numbers: one for each result, or one of all that a
    program printed."""
    if ctx.results:
        return [list(_tokens(result.value, words)) for result in ctx.results]
    return [list(_tokens(ctx.output, words))]


def _tokens(value, words):
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, str):
        for found in re.findall(r"[^\W\d_]+|\d+", value):
            if found in words:
                yield found
            elif found.isdigit():
                yield int(found)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tokens(key, words)
            yield from _tokens(item, words)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tokens(item, words)


def _windows(ctx, words, size, kind):
    """Stretches of so many tokens: a whole result, or any within what a program printed."""
    for stream in _streams(ctx, words):
        tokens = [token for token in stream if isinstance(token, kind)]
        if not ctx.results:
            yield from (tokens[at : at + size] for at in range(len(tokens) - size + 1))
        elif len(tokens) == size:
            yield tokens


def _counts(ctx, expected, what):
    size = 2 * len(expected)
    for window in _windows(ctx, set(expected), size, str | int):
        if dict(zip(window[::2], window[1::2], strict=True)) == expected:
            return
    raise Missing(f"{what}, all with the right numbers,")


@check(points=2)
def vertices_by_label(ctx):
    """The number of vertices of each label was shown."""
    _counts(ctx, ctx.given["vertices"], "The labels of vertices")


@check(points=2)
def edges_by_label(ctx):
    """The number of edges of each label was shown."""
    _counts(ctx, ctx.given["edges"], "The labels of edges")


@check(points=2)
def keys_of_servers(ctx):
    """The names of all properties of servers were shown, each once."""
    keys = ctx.given["keys"]
    shown = _windows(ctx, set(KEYS), len(keys), str)
    if not any(sorted(window) == sorted(keys) for window in shown):
        raise Missing("A result with the names of all properties of servers, each once,")


@check(points=3)
def what_leads_where(ctx):
    """Each kind of connection was shown once: from which label, with which label, to which label."""
    expected = ctx.given["triples"]
    words = {*ctx.given["vertices"], *ctx.given["edges"]}
    nearly = False
    for window in _windows(ctx, words, 3 * len(expected), str):
        rows = [tuple(window[at : at + 3]) for at in range(0, len(window), 3)]
        if set(rows) == expected:
            return
        nearly = nearly or {row[::-1] for row in rows} == expected
    if nearly:
        raise Mismatch("The direction of the connections", expected="from, edge, to", found="to, edge, from")
    raise Missing("A result with every kind of connection, each once: from, edge, to,")


@check(points=1)
def left_as_it_was(ctx):
    """The graph is as it was."""
    g = ctx.connection
    found = (g.V().count().next(), g.E().count().next())
    expected = (sum(ctx.given["vertices"].values()), sum(ctx.given["edges"].values()))
    if found != expected:
        raise Mismatch("The numbers of vertices and edges", expected=expected, found=found)

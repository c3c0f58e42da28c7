"""Checks of the chain of command. The organisation varies with the seed."""

import random
import re

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Direction, T

from sandbox.grading import Mismatch, Missing, check

NAMES = (
    "Ada", "Bruno", "Chen", "Dalia", "Emeka", "Fatima", "Goran", "Hana", "Ivo", "Jonas", "Keiko", "Lena",
    "Mateo", "Nadia", "Omar", "Paula", "Quentin", "Rosa", "Sven", "Tamar", "Uma", "Vera", "Wanda", "Zoe",
)  # fmt: skip
ROBIN, SAM = "Robin", "Sam"


def _organisation(draw):
    """The manager of everybody, None for heads. Robin is two below a head and has three levels below."""
    names = draw.sample(NAMES, len(NAMES))
    managers = {}

    def below(manager, *members):
        for member in members or (names.pop(),):
            managers[member] = manager
        return list(managers)[-1]

    head, other = below(None), below(None)
    second = [below(head) for _ in range(draw.randint(2, 3))]
    below(draw.choice(second), ROBIN)
    third = [ROBIN, *(below(draw.choice(second)) for _ in range(2))]
    near = [below(ROBIN) for _ in range(draw.randint(2, 3))]
    fourth = [*near, below(draw.choice(third[1:]))]
    far = [below(draw.choice(near)) for _ in range(draw.randint(1, 2))]
    below(draw.choice(far))
    below(draw.choice(fourth), SAM)
    for _ in range(2):
        below(other)
    return managers


def prepare(ctx):
    """The organisation, and mentors who are above those whom they advise, so that no walk goes in circles."""
    draw = random.Random(ctx.seed)
    managers = _organisation(draw)
    people = list(managers)
    edges = [("manages", manager, name) for name, manager in managers.items() if manager]
    # Somebody from the other company for all who matter, so that mentors taken for managers show.
    mentor = people[1]
    edges += [("mentors", mentor, name) for name in (ROBIN, SAM, people[0])]
    adviser = next(name for name, manager in managers.items() if manager == mentor)
    edges += [("mentors", ROBIN, adviser)]
    rows = [{T.label: "employee", T.id: name, "name": name} for name in people]
    draw.shuffle(rows)
    lines = [
        {T.id: f"edge-{at}", T.label: label, Direction.OUT: one, Direction.IN: two}
        for at, (label, one, two) in enumerate(edges)
    ]
    ctx.connection.inject(rows).unfold().merge_v().iterate()
    ctx.connection.inject(lines).unfold().merge_e().iterate()
    return {"managers": managers}


def _above(managers, name):
    while name := managers[name]:
        yield name


def _below(managers, name):
    """Everybody below, with the distance."""
    return {
        other: chain.index(name) + 1 for other in managers if name in (chain := list(_above(managers, other)))
    }


def _tokens(value, words):
    """Names and whole numbers, in the order in which they are shown."""
    if isinstance(value, str):
        for found in re.findall(r"[^\W\d_]+|\d+(?:\.0+\b)?", value):
            if found in words:
                yield found
            elif found[0].isdigit():
                yield int(float(found))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            # A path comes with the labels of its steps.
            if key != "labels":
                yield from _tokens(key, words)
                yield from _tokens(item, words)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tokens(item, words)


def _windows(ctx, size):
    """Each result of so many names and numbers, or any such stretch of what a program printed."""
    words = set(ctx.given["managers"])
    if ctx.results:
        lists = [list(_tokens(result.value, words)) for result in ctx.results]
        yield from (tokens for tokens in lists if len(tokens) == size)
    else:
        tokens = list(_tokens(ctx.output, words))
        yield from (tokens[at : at + size] for at in range(len(tokens) - size + 1))


@check(points=2)
def above(ctx):
    """The managers above Robin were shown, from the nearest to the head."""
    expected = list(_above(ctx.given["managers"], ROBIN))
    shown = list(_windows(ctx, len(expected)))
    if expected in shown:
        return
    if expected[::-1] in shown:
        raise Mismatch("The order of Robin's managers", expected="the nearest first", found="the head first")
    raise Missing("A result with all managers above Robin, and nothing else,")


@check(points=3)
def below(ctx):
    """All who are below Robin were shown, each with the distance."""
    expected = _below(ctx.given["managers"], ROBIN)
    shifted = False
    for window in _windows(ctx, 2 * len(expected)):
        for names, numbers in ((window[::2], window[1::2]), (window[1::2], window[::2])):
            found = dict(zip(names, numbers, strict=True))
            if found == expected:
                return
            shifted = shifted or found == {name: number + 1 for name, number in expected.items()}
    if shifted:
        raise Mismatch("The distance of those whom Robin manages", expected=1, found=2)
    raise Missing("A result with all who are below Robin, each with the right distance,")


@check(points=2)
def way_to_sam(ctx):
    """The way from the head to Sam was shown."""
    expected = [SAM, *_above(ctx.given["managers"], SAM)][::-1]
    if expected not in list(_windows(ctx, len(expected))):
        raise Missing(f"A result with the way from the head to {SAM}, {len(expected)} names in all,")


@check(points=3)
def report(ctx):
    """All who manage somebody were shown, each with how many they manage and how many are below."""
    managers = ctx.given["managers"]
    expected = {
        (name, [*managers.values()].count(name), len(_below(managers, name)))
        for name in managers
        if name in managers.values()
    }
    for window in _windows(ctx, 3 * len(expected)):
        rows = {tuple(window[at : at + 3]) for at in range(0, len(window), 3)}
        if rows == expected:
            return
    raise Missing("A result with a row (name, managed, below) for each who manages somebody, all right,")


@check(points=3)
def levels(ctx):
    """Everybody has the property `level`, as far from the head as it is; the graph is otherwise as it was."""
    managers = ctx.given["managers"]
    rows = ctx.connection.V().project("name", "levels").by(_all("name")).by(_all("level")).to_list()
    found = {tuple(map(str, row["name"])): row["levels"] for row in rows}
    if found.keys() != {(name,) for name in managers} or len(rows) != len(managers):
        raise Mismatch("The number of employees", expected=len(managers), found=len(rows))
    for name in managers:
        expected, values = len([*_above(managers, name)]) + 1, found[name,]
        if not values:
            raise Missing(f"The property level of {name}")
        if len(values) > 1 or isinstance(values[0], bool) or values[0] != expected:
            shown = values[0] if len(values) == 1 else values
            raise Mismatch(f"The level of {name}", expected=expected, found=shown, show_expected=False)
    if ctx.connection.E().has_label("manages").count().next() != sum(map(bool, managers.values())):
        raise Mismatch("The edges manages", expected="as they were", found="others")


def _all(key):
    return __.values(key).fold()

"""Checks of recommendations. The people, whom they know and what they bought vary with the seed."""

import random
import re
from collections import Counter
from itertools import pairwise

from gremlin_python.process.traversal import Direction, T

from sandbox.grading import Mismatch, Missing, check

NAMES = (
    "Ada", "Bruno", "Chen", "Dalia", "Emeka", "Fatima", "Goran", "Hana", "Ivo", "Jonas", "Keiko", "Lena",
    "Mateo", "Nadia", "Omar", "Paula", "Rosa", "Sven", "Tamar", "Uma", "Vera", "Wanda", "Zoe",
)  # fmt: skip
PRODUCTS = ("book", "chair", "clock", "globe", "kettle", "mirror", "pillow", "radio", "scale", "table")
KIM, LAMP, LIMIT = "Kim", "lamp", 50


class World:
    """People and products, drawn at random; what the four results must be."""

    def __init__(self, draw):
        self.people = [KIM, *draw.sample(NAMES, 11)]
        self.prices = dict(zip([LAMP, *PRODUCTS], draw.sample(range(5, 100), 11), strict=True))
        pairs = [(one, two) for one in self.people for two in self.people if one < two]
        self.knows = [draw.choice((pair, pair[::-1])) for pair in draw.sample(pairs, 17)]
        self.bought = [(draw.choice(self.people), draw.choice(list(self.prices))) for _ in range(45)]
        self.bought += [(person, LAMP) for person in draw.sample(self.people, 6)]
        # Somebody who has bought one thing over and over again.
        self.bought += [(draw.choice(self.bought)[0], draw.choice(PRODUCTS))] * 6

    def friends(self, name, directed=False):
        found = {two for one, two in self.knows if one == name}
        return found if directed else found | {one for one, two in self.knows if two == name}

    def shared(self, directed=False):
        known = self.friends(KIM, directed)
        found = Counter(far for near in known for far in self.friends(near, directed))
        return {name: many for name, many in found.items() if name != KIM and name not in known}

    def of(self, name):
        return {product for person, product in self.bought if person == name}

    def also(self, purchases=False):
        buyers = {person for person, product in self.bought if product == LAMP}
        lines = self.bought if purchases else set(self.bought)
        found = Counter(product for person, product in lines if person in buyers and product != LAMP)
        return found.most_common()

    def gifts(self, directed=False, had=False):
        found = set().union(*(self.of(name) for name in self.friends(KIM, directed)))
        fit = {p for p in found if self.prices[p] <= LIMIT and (had or p not in self.of(KIM))}
        return sorted(fit, key=self.prices.__getitem__)

    def tells(self):
        """Whether the results are not empty, have no doubtful order, and differ from the likely mistakes."""
        shared, also = self.shared(), self.also()
        return (
            len(shared) >= 4
            and len(set(shared.values())) >= 2
            and shared != self.shared(directed=True)
            and any(two in self.friends(KIM) for one in self.friends(KIM) for two in self.friends(one))
            and also[2][1] > also[3][1]
            and dict(also[:3]) != dict(self.also(purchases=True)[:3])
            and len(self.gifts()) >= 3
            and self.gifts(directed=True) != self.gifts() != self.gifts(had=True)
        )


def prepare(ctx):
    """A world in which the mistakes show, as a graph."""
    draw = random.Random(ctx.seed)
    while not (world := World(draw)).tells():
        pass
    vertices = [{T.id: name, T.label: "person", "name": name} for name in world.people]
    vertices += [
        {T.id: name, T.label: "product", "name": name, "price": price} for name, price in world.prices.items()
    ]
    lines = [("knows", *pair) for pair in world.knows] + [("bought", *pair) for pair in world.bought]
    edges = [
        {T.id: f"edge-{at}", T.label: label, Direction.OUT: one, Direction.IN: two}
        for at, (label, one, two) in enumerate(lines)
    ]
    draw.shuffle(vertices)
    ctx.connection.inject(vertices).unfold().merge_v().iterate()
    ctx.connection.inject(edges).unfold().merge_e().iterate()
    return {"world": world}


def _tokens(value, words):
    """Names and whole numbers, in the order in which they are shown."""
    if isinstance(value, str):
        for found in re.findall(r"[^\W\d_]+|\d+", value):
            if found in words:
                yield found
            elif found.isdigit():
                yield int(found)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tokens(key, words)
            yield from _tokens(item, words)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tokens(item, words)


def _windows(ctx, words, size):
    """Each result of so many names and numbers, or any such stretch of what a program printed."""
    if ctx.results:
        lists = [list(_tokens(result.value, words)) for result in ctx.results]
        yield from (tokens for tokens in lists if len(tokens) == size)
    else:
        tokens = list(_tokens(ctx.output, words))
        yield from (tokens[at : at + size] for at in range(len(tokens) - size + 1))


def _names(ctx, expected, words, what):
    """Some result is exactly these names; returns them in the order shown."""
    shown = [window for window in _windows(ctx, words, len(expected)) if set(window) == set(expected)]
    if shown:
        return shown
    lists = [list(_tokens(result.value, words)) for result in ctx.results]
    for found in lists:
        # Names alone, and some of them right: most likely this was meant.
        if found and set(found) & set(expected) and all(isinstance(token, str) for token in found):
            raise Mismatch(what, expected=sorted(expected), found=sorted(found)[:15], show_expected=False)
    raise Missing(f"A result with {what[0].lower()}{what[1:]}, and nothing else,")


def _ranked(ctx, expected, words, what):
    """Some result is exactly these names and numbers, the highest number first."""
    disordered = False
    for window in _windows(ctx, words, 2 * len(expected)):
        for names, numbers in ((window[::2], window[1::2]), (window[1::2], window[::2])):
            if dict(zip(names, numbers, strict=True)) == expected:
                if all(one >= two for one, two in pairwise(numbers)):
                    return
                disordered = True
    if disordered:
        raise Mismatch(what, expected="the highest number first", found="another order")
    raise Missing(f"A result with {what[0].lower()}{what[1:]}, and nothing else,")


@check(points=3)
def suggested(ctx):
    """The acquaintances of Kim's acquaintances were shown, each once, without those whom Kim knows."""
    world = ctx.given["world"]
    _names(ctx, list(world.shared()), set(world.people), "The people to suggest to Kim")


@check(points=3)
def shared(ctx):
    """The same were shown with the number of shared acquaintances, the highest first."""
    world = ctx.given["world"]
    _ranked(ctx, world.shared(), set(world.people), "The people to suggest, with their numbers")


@check(points=3)
def also_bought(ctx):
    """The three products that most buyers of the lamp bought too were shown, with the number of buyers."""
    world = ctx.given["world"]
    _ranked(ctx, dict(world.also()[:3]), set(world.prices), "The three products, with their numbers")


@check(points=3)
def gifts(ctx):
    """The products that Kim's acquaintances bought, of at most 50 and new to Kim, were shown by price."""
    world = ctx.given["world"]
    expected = world.gifts()
    found = _names(ctx, expected, set(world.prices), "The gifts")
    if expected not in found:
        raise Mismatch("The order of the gifts", expected="the cheapest first", found=found[0])

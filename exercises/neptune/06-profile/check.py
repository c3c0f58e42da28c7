"""Checks of profiles: what the server measured of the traversals that ran. The graph varies with the seed."""

import ast
import random
import re

from gremlin_python.process.traversal import Direction, T

from sandbox.grading import Mismatch, Missing, check

NAMES = (
    "Ada", "Bruno", "Chen", "Dalia", "Emeka", "Fatima", "Goran", "Hana", "Ivo", "Jonas", "Keiko", "Lena",
    "Mateo", "Nadia", "Omar", "Paula", "Quentin", "Rosa", "Sven", "Tamar", "Uma", "Vera", "Wanda", "Zoe",
)  # fmt: skip
PRODUCTS = ("book", "chair", "clock", "globe", "kettle", "lamp", "mirror", "pillow", "radio", "table")
KIM, MOST = "customer-1", 80
CUSTOMERS, ORDERS = 90, 90


def prepare(ctx):
    """Customers of whom most live in one city, their orders, and whom Kim knows."""
    draw = random.Random(ctx.seed)
    friends = dict(zip(draw.sample(range(2, CUSTOMERS), 8), draw.sample(NAMES, 8), strict=True))
    near = set(draw.sample(sorted(friends), draw.randint(3, 5)))
    vertices = [_vertex("city", f"city-{name}", name) for name in ("Boston", "Denver", "Miami")]
    vertices += [_vertex("product", f"product-{name}", name) for name in PRODUCTS]
    edges = []
    for number in range(1, CUSTOMERS + 1):
        customer = f"customer-{number}"
        # The name of nobody else is among those that the results may hold.
        vertices.append(_vertex("customer", customer, friends.get(number, f"Customer {number}")))
        far = number in friends and number not in near
        edges.append(("livesIn", customer, f"city-{draw.choice(('Denver', 'Miami')) if far else 'Boston'}"))
        if number in friends:
            edges.append(("knows", KIM, customer))
            edges.append(("knows", f"customer-{draw.randint(70, CUSTOMERS)}", customer))
    # Kim's orders have some products twice, and not as many as friends are near.
    bought = draw.sample(PRODUCTS, len(near) + 2)
    for number in range(ORDERS):
        order, mine = f"order-{number}", number % (ORDERS // 5) == 7
        vertices.append({T.id: order, T.label: "order"})
        edges.append(("placed", KIM if mine else f"customer-{draw.randint(2, CUSTOMERS)}", order))
        products = [bought.pop() if bought else "" for _ in range(2)] if mine else draw.sample(PRODUCTS, 2)
        edges += [("contains", order, f"product-{name}") for name in products if name]
        if mine:
            edges += [("contains", order, edges[-1][2])] if edges[-1][0] == "contains" else []
    draw.shuffle(vertices)
    lines = [
        {T.id: f"edge-{at}", T.label: label, Direction.OUT: one, Direction.IN: two}
        for at, (label, one, two) in enumerate(edges)
    ]
    ctx.connection.inject(vertices).unfold().merge_v().iterate()
    ctx.connection.inject(lines).unfold().merge_e().iterate()
    mine = {two for label, one, two in edges if label == "placed" and one == KIM}
    return {
        "products": {two.split("-")[1] for label, one, two in edges if label == "contains" and one in mine},
        "friends": {friends[number] for number in near},
    }


def _vertex(label, id_, name):
    return {T.id: id_, T.label: label, "name": name}


class Profile:
    """One profile that was shown: the text of all step names, the elements that passed all steps together,
    and those that passed the last ones."""

    def __init__(self, metrics):
        self.text, self.elements, self.last = "", 0, []
        self._add(metrics, last=True)

    def _add(self, metrics, *, last=False):
        for step in metrics:
            many = (step.get("counts") or {}).get("elementCount", 0)
            self.text += f"{step['name']} "
            self.elements += int(many)
            # What only collects at the end may stand behind what was found.
            self.last = [*self.last[-1:], many] if last else self.last
            self._add(step.get("metrics") or [])

    def of(self, words):
        """Whether it follows all these edges."""
        return all(re.search(rf"VertexStep\([^)]*\b{word}\b", self.text) for word in words)


def _profiles(ctx):
    """What profile() gave, from results or from the lines that a program printed."""
    if ctx.results:
        values = [result.value for result in ctx.results]
    else:
        values = [_read(line[line.find("{") :]) for line in ctx.output.splitlines() if "metrics" in line]
    found = []
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and "metrics" in item:
                try:
                    found.append(Profile(item["metrics"]))
                except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError, RecursionError):
                    # Nothing that the server has measured.
                    continue
    return found


def _read(text):
    try:
        return ast.literal_eval(text.rstrip("]\n "))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _measured(ctx, words, what):
    found = [profile for profile in _profiles(ctx) if profile.of(words)]
    if not any(profile.elements > MOST for profile in found):
        raise Missing(f"The profile of {what} as it is given")


def _better(ctx, words, names, what):
    found = [profile for profile in _profiles(ctx) if profile.of(words) and len(names) in profile.last]
    if not found:
        raise Missing(f"A profile of {what} that ends with the right number of names")
    least = min(profile.elements for profile in found)
    if least > MOST:
        raise Mismatch(f"Elements in all steps of {what}", expected=f"at most {MOST}", found=least)


def _shown(ctx, names, words, what):
    """Some result is exactly these names, in any order; a program may have printed more around them."""
    if ctx.results:
        lists = [list(_names(result.value, words)) for result in ctx.results]
    else:
        every = list(_names(ctx.output, words))
        lists = [every[at : at + len(names)] for at in range(len(every) - len(names) + 1)]
    if not any(sorted(found) == sorted(names) for found in lists):
        raise Missing(f"A result with {what}, each once, and nothing else,")


def _names(value, words):
    if isinstance(value, str):
        yield from (word for word in re.findall(r"\w+", value) if word in words)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _names(item, words)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item, words)


@check(points=2)
def both_measured(ctx):
    """The profiles of both traversals as they are given were shown."""
    _measured(ctx, ("placed", "contains"), "the first traversal")
    _measured(ctx, ("livesIn", "knows"), "the second traversal")


@check(points=1)
def products(ctx):
    """The names of the products that Kim has ordered were shown."""
    _shown(ctx, ctx.given["products"], set(PRODUCTS), "the products that Kim has ordered")


@check(points=3, after=[products])
def products_at_less_cost(ctx):
    """A profile shows the same number of products, with at most 80 elements in all steps."""
    _better(ctx, ("placed", "contains"), ctx.given["products"], "the first traversal, rewritten")


@check(points=1)
def neighbours(ctx):
    """The names of those whom Kim knows and who live in Kim's city were shown."""
    _shown(ctx, ctx.given["friends"], set(NAMES), "whom Kim knows in the same city")


@check(points=3, after=[neighbours])
def neighbours_at_less_cost(ctx):
    """A profile shows the same number of people, with at most 80 elements in all steps."""
    _better(ctx, ("livesIn", "knows"), ctx.given["friends"], "the second traversal, rewritten")

"""Checks of the first graph exercise. Who is in the graph beforehand varies with the seed."""

import random
import re

from gremlin_python.process.graph_traversal import __

from sandbox.grading import Mismatch, Missing, check

NAMES = (
    "Ada", "Bruno", "Chen", "Dalia", "Emeka", "Fatima", "Goran", "Hana", "Ivo", "Jonas", "Keiko", "Lena",
    "Mateo", "Nadia", "Omar", "Paula", "Quentin", "Rosa", "Sven", "Tamar", "Uma", "Vera", "Wanda", "Zoe",
)  # fmt: skip
CITIES = ("Chicago", "Denver", "Miami", "Seattle", "Austin")
HOME = "Boston"


def prepare(ctx):
    """Six persons in a ring of acquaintances, one of them in Boston, and two companies."""
    draw = random.Random(ctx.seed)
    names = draw.sample(NAMES, 6)
    people = [
        {"name": name, "age": draw.randint(31, 70), "city": HOME if at == 0 else draw.choice(CITIES)}
        for at, name in enumerate(names)
    ]
    draw.shuffle(people)
    g = ctx.connection
    for person in people:
        new = g.add_v("person")
        for key, value in person.items():
            new = new.property(key, value)
        new.iterate()
    for one, other in zip(people, people[1:] + people[:1], strict=True):
        g.V().has("person", "name", one["name"]).add_e("knows").to(
            __.V().has("person", "name", other["name"])
        ).iterate()
    for company in ("Example Corp", "Sample Ltd"):
        g.add_v("company").property("name", company).iterate()
    return {"people": people, "neighbour": names[0]}


def _named(ctx, name):
    return ctx.connection.V().has("person", "name", name)


def _only(ctx, name):
    found = _named(ctx, name).count().next()
    if not found:
        raise Missing(f"A vertex with the label person and the name {name}")
    if found > 1:
        raise Mismatch(f"The number of persons named {name}", expected=1, found=found)


@check(points=3)
def two_persons(ctx):
    """There is a person John, who is 30, and a person Jane, who is 25."""
    for name, age in (("John", 30), ("Jane", 25)):
        _only(ctx, name)
        ages = _named(ctx, name).values("age").to_list()
        if not ages:
            raise Missing(f"The property age of {name}")
        if ages != [age] or not isinstance(ages[0], int | float):
            raise Mismatch(f"The age of {name}", expected=age, found=ages[0] if len(ages) == 1 else ages)


def _knows(ctx, name):
    _only(ctx, "John")
    _only(ctx, name)
    from_john = _named(ctx, "John").out("knows").has("name", name).count().next()
    if from_john == 0 and _named(ctx, "John").in_("knows").has("name", name).count().next():
        raise Mismatch("The direction of the edge knows", expected="from John", found="to John")
    if from_john == 0:
        raise Missing(f"The edge knows from John to {name}")
    if from_john > 1:
        raise Mismatch(f"The number of edges knows from John to {name}", expected=1, found=from_john)


@check(points=2)
def john_knows_jane(ctx):
    """An edge `knows` leads from John to Jane."""
    _knows(ctx, "Jane")


@check(points=2)
def john_knows_his_neighbour(ctx):
    """An edge `knows` leads from John to the person in Boston; who was there is as before."""
    here = ctx.connection.V().has_label("person").not_(__.has("name", "John")).not_(__.has("name", "Jane"))
    found = sorted(
        (
            dict(person)
            for person in here.project("name", "age", "city").by("name").by(_or("age")).by(_or("city"))
        ),
        key=str,
    )
    expected = sorted(ctx.given["people"], key=str)
    if len(found) != len(expected):
        raise Mismatch(
            "The number of persons besides John and Jane", expected=len(expected), found=len(found)
        )
    if found != expected:
        raise Mismatch("The persons who were there", expected=expected, found=found, show_expected=False)
    _knows(ctx, ctx.given["neighbour"])


def _or(key):
    return __.coalesce(__.values(key), __.constant("nothing"))


@check(points=2)
def names_of_persons(ctx):
    """The names of all persons were shown, and nothing else with them."""
    _printed(
        ctx, [*(person["name"] for person in ctx.given["people"]), "John", "Jane"], "The names of all persons"
    )


@check(points=2)
def whom_john_knows(ctx):
    """The names of those whom John knows were shown."""
    _printed(ctx, ["Jane", ctx.given["neighbour"]], "The names of those whom John knows")


def _printed(ctx, wanted, what):
    """Some result is exactly these names, in any order; a program may have printed more around them."""
    if ctx.results:
        lists = [names for names in (_texts(result.value) for result in ctx.results) if names]
        if any(sorted(names) == sorted(wanted) for names in lists):
            return
    else:
        known = {*(person["name"] for person in ctx.given["people"]), "John", "Jane", "Example", "Sample"}
        names = [word for word in re.findall(r"\w+", ctx.output) if word in known]
        windows = [names[at : at + len(wanted)] for at in range(len(names) - len(wanted) + 1)]
        if any(sorted(window) == sorted(wanted) for window in windows):
            return
        lists = [names] if names else []
    if not lists:
        raise Missing(f"{what} in what was printed")
    raise Mismatch(what, expected=sorted(wanted), found=sorted(lists[-1])[:12], show_expected=False)


def _texts(value):
    """All texts within a result: of a list, of the values of maps."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple | set):
        return [text for item in value for text in _texts(item)]
    return []

"""Checks of what was found by looking around. Branches, collections and cities vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

BRANCHES = ("branch_north", "branch_east", "branch_south", "branch_west")
COLLECTIONS = ("deliveries", "invoices", "offers", "returns", "visits")
CITIES = ("Lisbon", "Madrid", "Oslo", "Porto", "Quito", "Riga", "Turin")


def prepare(ctx):
    """Two or three branches. One collection of each has the most documents, another one the most bytes."""
    draw = random.Random(ctx.seed)
    given = {}
    for branch in draw.sample(BRANCHES, draw.choice((2, 3))):
        database = ctx.connection[branch]
        cities = draw.sample(CITIES, 6)
        here = draw.sample(cities[:4], draw.randint(2, 4))
        active = [{"city": city, "active": True} for city in (*here, *draw.choices(here, k=4))]
        left = [{"city": city, "active": False} for city in (*cities[4:], here[0])]
        customers = [*active, *left]
        draw.shuffle(customers)
        database.customers.insert_many(customers)
        names = draw.sample(COLLECTIONS, draw.randint(3, 5))
        many, heavy, *others = names
        database[many].insert_many([{"_id": number} for number in range(draw.randint(60, 90))])
        database[heavy].insert_many([{"_id": n, "text": "x" * 3000} for n in range(draw.randint(20, 40))])
        for name in others:
            database[name].insert_many([{"_id": number} for number in range(draw.randint(3, 15))])
        given[branch] = {"collections": len(names) + 1, "largest": many, "cities": sorted(here)}
    return given


def _finding(ctx, name):
    found = ctx.connection.notes.findings.find_one({"_id": name})
    if found is None:
        raise Missing(f"The document with the _id {name} in notes.findings")
    return found


def _of_branches(ctx, field, same):
    for branch, facts in ctx.given.items():
        finding = _finding(ctx, branch)
        if field not in finding:
            raise Missing(f"{field} in the document {branch}")
        if not same(facts[field], finding[field]):
            found = str(finding[field])[:80]
            raise Mismatch(f"{field} of {branch}", expected=facts[field], found=found, show_expected=False)


@check(points=2)
def server(ctx):
    """Version and largest document of the server are noted."""
    finding = _finding(ctx, "server")
    if finding.get("version") != ctx.connection.server_info()["version"]:
        found = finding.get("version")
        raise Mismatch("The version", expected="that of the server", found=found)
    limit = ctx.connection.admin.command("hello")["maxBsonObjectSize"]
    if finding.get("max_document_bytes") != limit:
        found = finding.get("max_document_bytes")
        raise Mismatch("max_document_bytes", expected=limit, found=found, show_expected=False)


@check(points=2)
def branches(ctx):
    """There is a document for each branch, and for nothing else but the server."""
    found = {str(document["_id"]) for document in ctx.connection.notes.findings.find({}, {"_id": 1})}
    wanted = {"server", *ctx.given}
    for name in sorted(wanted - found):
        what = "The document of the server" if name == "server" else "The document of a branch"
        raise Missing(f"{what} in notes.findings")
    for name in sorted(found - wanted):
        raise Mismatch("The branches noted", expected="those that are there", found=name[:60])


@check(points=2)
def collections_counted(ctx):
    """The number of collections of each branch is right."""
    _of_branches(ctx, "collections", lambda wanted, found: found == wanted)


@check(points=3)
def largest_collections(ctx):
    """The collection with the most documents is named for each branch."""
    _of_branches(ctx, "largest", lambda wanted, found: found == wanted)


@check(points=3)
def cities(ctx):
    """The cities of the active customers are listed for each branch, each once."""
    _of_branches(
        ctx, "cities", lambda wanted, found: isinstance(found, list) and sorted(map(str, found)) == wanted
    )

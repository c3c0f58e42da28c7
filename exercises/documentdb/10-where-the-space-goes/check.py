"""Checks of what was found about space, and of indexes. Sizes and indexes vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

DATABASES = ("sales", "support", "web")
NAMES = {
    "sales": ("offers", "returns"),
    "support": ("calls", "mails", "tickets"),
    "web": ("clicks", "searches", "visits"),
}
FIELDS = ("branch", "customer", "date", "employee", "product", "status")


def prepare(ctx):
    """Collections of which one is large, another one has many documents, and a third one large ones."""
    draw = random.Random(ctx.seed)
    server = ctx.connection
    large, many, _heavy = draw.sample(DATABASES, 3)
    for database in DATABASES:
        first, *rest = draw.sample(NAMES[database], len(NAMES[database]))
        if database == large:
            # Together larger than all else, but made of documents of a middling size.
            _fill(server[database][first], draw.randint(55, 70), draw.randint(2600, 2900))
        elif database == many:
            _fill(server[database][first], draw.randint(350, 450), 20)
        else:
            _fill(server[database][first], draw.randint(4, 6), draw.randint(9000, 11000))
        for name in rest:
            _fill(server[database][name], draw.randint(10, 30), draw.randint(100, 300))
    sessions = [{"_id": n, "pages": ["/"] * draw.randint(1, 9)} for n in draw.sample(range(1000, 9999), 20)]
    longest = sessions[draw.randint(3, 16)]
    longest["pages"] = ["/"] * draw.randint(60, 90)
    # The largest document of them has one long entry.
    sessions[0]["pages"] = ["/" + "x" * 1500]
    server.web.sessions.insert_many(sessions)
    kept, useless = _indexes(draw, server.sales.orders)

    stats = {
        f"{database}.{name}": server[database].command("collStats", name)
        for database in DATABASES
        for name in server[database].list_collection_names()
    }
    sizes = {database: int(server[database].command("dbStats")["dataSize"]) for database in DATABASES}
    database = max(sizes, key=lambda name: sizes[name])
    collection = max(stats, key=lambda name: stats[name]["size"])
    heaviest = max(stats, key=lambda name: stats[name]["size"] / stats[name]["count"])
    return {
        "largest database": (database, sizes[database]),
        "largest collection": (collection, int(stats[collection]["size"])),
        "heaviest documents": (heaviest, stats[heaviest]["size"] / stats[heaviest]["count"]),
        "growing": (longest["_id"], len(longest["pages"])),
        "kept": kept,
        "useless": useless,
    }


def _fill(collection, number, size):
    collection.insert_many([{"_id": key, "text": "x" * size} for key in range(number)])


def _indexes(draw, orders):
    """Indexes of a collection, and the names of those that stay and of those that are of no use."""
    orders.insert_many([dict.fromkeys(FIELDS, n) | {"_id": n, "number": n} for n in range(10)])
    a, b, c, d, e, f = draw.sample(FIELDS, 6)
    kept = ["_id_"]
    for fields, unique in (
        ((a, b, c), False),
        ((d, a), False),
        ((b,), False),
        ((e, f), False),
        (("number", d), False),
    ):
        kept.append(orders.create_index([(field, 1) for field in fields], unique=unique))
    # A unique one stays, though a longer one begins with its field.
    kept.append(orders.create_index("number", unique=True))
    useless = [orders.create_index([(field, 1) for field in fields]) for fields in ((a,), (a, b), (d,))]
    if draw.random() < 0.5:
        useless.append(orders.create_index(e))
    return kept, useless


def _finding(ctx, name, field):
    found = ctx.connection.notes.findings.find_one({"_id": name})
    if found is None:
        raise Missing(f"The document with the _id {name} in notes.findings")
    if field not in found:
        raise Missing(f"{field} in the document {name}")
    return found[field]


def _compare(ctx, subject, name, number, within=0.0):
    """The two fields of a finding; ``within`` is how far the number may be off."""
    wanted = ctx.given[subject]
    found = _finding(ctx, subject, name), _finding(ctx, subject, number)
    for field, there, expected, off in (
        (name, found[0], wanted[0], 0),
        (number, found[1], wanted[1], within),
    ):
        near = (
            isinstance(there, int | float) and not isinstance(expected, str) and abs(there - expected) <= off
        )
        if not near and there != expected:
            what = f"{field} of {subject}"
            raise Mismatch(what, expected=expected, found=str(there)[:60], show_expected=False)


@check(points=2)
def largest_database(ctx):
    """The database whose documents take the most bytes is noted, with the bytes."""
    _compare(ctx, "largest database", "name", "bytes")


@check(points=2)
def largest_collection(ctx):
    """The collection whose documents take the most bytes is noted, with the bytes."""
    _compare(ctx, "largest collection", "name", "bytes")


@check(points=2)
def heaviest_documents(ctx):
    """The collection with the largest documents is noted, with their size on average."""
    _compare(ctx, "heaviest documents", "name", "bytes", within=1)


@check(points=2)
def growing(ctx):
    """The session whose list grows is noted, with the number of its entries."""
    _compare(ctx, "growing", "session", "entries")


@check(points=3)
def indexes(ctx):
    """`sales.orders` has lost the indexes of no use, and no other."""
    found = {index["name"]: index for index in ctx.connection.sales.orders.list_indexes()}
    if lost := [name for name in ctx.given["kept"] if name not in found]:
        raise Mismatch(f"Index {lost[0]}, which has a use", expected="there", found="dropped")
    if not found["number_1"].get("unique"):
        raise Mismatch("Index number_1", expected="unique", found="not unique")
    useless = [name for name in ctx.given["useless"] if name in found]
    if useless:
        raise Mismatch("Indexes of no use that are left", expected=0, found=len(useless))

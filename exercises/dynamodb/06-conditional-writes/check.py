"""Checks of conditional writes. Articles and changes vary with the seed."""

import json
import random
from decimal import Decimal

from sandbox.engines.aws import ENGINE
from sandbox.grading import Mismatch, Missing, check

WRITES = ("PutItem", "UpdateItem", "TransactWriteItems", "ExecuteStatement", "ExecuteTransaction")
READS = ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan")


def prepare(ctx):
    """Articles of some versions, and changes of which some come too late."""
    draw = random.Random(ctx.seed)
    numbers = draw.sample(range(700, 800), 6)
    articles = {
        number: {
            "article_id": Decimal(number),
            "title": f"Article {draw.randint(100, 999)}",
            "price": _price(draw),
            "version": Decimal(draw.randint(2, 9)),
            "shelf": f"{draw.choice('ABCD')}{draw.randint(1, 40)}",
        }
        for number in numbers
    }
    fresh = draw.sample(range(800, 900), 3)
    edits = _edits(draw, articles, numbers, fresh)
    for number, edit in enumerate(edits, 1):
        edit["edit_id"] = f"e-{number:02}"
    dynamodb = ctx.connection.resource("dynamodb")
    _make(dynamodb, "refused", "edit_id", "S")
    with _make(dynamodb, "articles", "article_id", "N").batch_writer() as batch:
        for item in articles.values():
            batch.put_item(Item=item)
    (ctx.files / "edits.json").write_text(json.dumps(edits, indent=1))
    wanted = {number: dict(item) for number, item in articles.items()}
    refused = {edit["edit_id"] for edit in edits if not _apply(wanted, edit)}
    asked = ENGINE.asked(ctx.endpoint)
    return {"articles": wanted, "old": set(numbers), "refused": refused, "asked": asked}


def _price(draw):
    return Decimal(draw.randint(500, 9999)) / 100


def _edits(draw, articles, numbers, fresh):
    """Changes of each article in an order of its own, the articles mixed."""
    stories = []
    for number in numbers:
        version = int(articles[number]["version"])
        # In time, too late, in time again, too late again.
        stories.append(
            [("price", number, version + step) for step in draw.choice(((0, 0, 1, 0), (0, 1, 1, 0)))]
        )
    stories[0].append(("new", numbers[0], None))
    stories[1].insert(0, ("new", numbers[1], None))
    for number in fresh[:2]:
        stories.append(
            [("new", number, None), ("price", number, 1), ("new", number, None), ("price", number, 1)]
        )
    # Of an article that is not there, and never comes to be.
    stories.append([("price", fresh[2], draw.randint(1, 5))])
    edits = []
    while any(stories):
        kind, number, based_on = draw.choice([story for story in stories if story]).pop(0)
        edit = {"edit_id": "", "kind": kind, "article_id": number}
        if kind == "price":
            edit["based_on"] = based_on
        else:
            edit["title"] = f"Novelty {draw.randint(100, 999)}"
        edits.append({**edit, "price": str(_price(draw))})
    return edits


def _apply(articles, edit):
    number, price = edit["article_id"], Decimal(edit["price"])
    there = articles.get(number)
    if edit["kind"] == "new":
        if there:
            return False
        title = edit["title"]
        articles[number] = {
            "article_id": Decimal(number),
            "title": title,
            "price": price,
            "version": Decimal(1),
        }
        return True
    if not there or there["version"] != edit["based_on"]:
        return False
    there["price"], there["version"] = price, there["version"] + 1
    return True


def _make(dynamodb, name, key, kind):
    return dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _items(ctx, name, key):
    table = ctx.connection.resource("dynamodb").Table(name)
    try:
        return {item[key]: item for item in table.scan(ConsistentRead=True)["Items"]}
    except table.meta.client.exceptions.ResourceNotFoundException:
        raise Missing(f"Table {name}") from None


def _demand(number, found, wanted):
    if found is None:
        raise Missing(f"Article {number}")
    for name in {**wanted, **found}:
        if name not in found:
            raise Missing(f"{name} of article {number}")
        if found[name] != wanted.get(name):
            raise Mismatch(
                f"{name} of article {number}",
                expected=wanted.get(name),
                found=str(found[name]),
                show_expected=False,
            )


# The first: those that follow read the tables themselves.
@check(points=2)
def decided_by_conditions(ctx):
    """The conditions decided: something was written, and nothing read before."""
    before, now = ctx.given["asked"], ENGINE.asked(ctx.endpoint)
    asked = {name: count - before.get(name, 0) for name, count in now.items()}
    if not any(asked.get(name, 0) for name in WRITES):
        raise Missing("A write under a condition")
    for name in READS:
        if asked.get(name, 0):
            raise Mismatch("The requests", expected="writes only", found=f"{asked[name]} of {name}")


@check(points=4)
def edits_applied(ctx):
    """The articles that were there have price and version by the changes in time, and all else they had."""
    found = _items(ctx, "articles", "article_id")
    for number in sorted(ctx.given["old"]):
        _demand(number, found.get(number), ctx.given["articles"][number])


@check(points=3)
def new_articles(ctx):
    """The new articles are there as first made and then changed, and no others came to be."""
    found = _items(ctx, "articles", "article_id")
    for number, wanted in sorted(ctx.given["articles"].items()):
        if number not in ctx.given["old"]:
            _demand(number, found.get(number), wanted)
    for number in found:
        if number not in ctx.given["articles"]:
            raise Mismatch(f"Article {number}", expected="not there", found="there")


@check(points=3)
def refused_noted(ctx):
    """`refused` lists the changes that came too late or were for a number that is taken, and no others."""
    found, wanted = set(_items(ctx, "refused", "edit_id")), ctx.given["refused"]
    if not found:
        raise Missing("What was refused")
    for edit in sorted(found - wanted):
        raise Mismatch(f"Change {edit}", expected="applied", found="refused")
    for _ in wanted - found:
        raise Mismatch("The number of changes refused", expected=len(wanted), found=len(found))

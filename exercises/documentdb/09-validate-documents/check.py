"""Checks of a validator by inserting and changing documents. The old orders vary with the seed."""

import random
from datetime import UTC, datetime

from sandbox.grading import Mismatch, Missing, check

REFUSED = 121


def _order(draw):
    from bson import Decimal128

    return {
        "customer": draw.randint(1, 999),
        "date": datetime(2014, 5, draw.randint(1, 28), tzinfo=UTC),
        "status": draw.choice(("open", "shipped", "returned")),
        "lines": [
            {
                "product": draw.randint(700, 999),
                "pieces": draw.randint(1, 9),
                "price": Decimal128(f"{draw.randint(1, 99)}.5"),
            }
            for _ in range(draw.randint(1, 3))
        ],
    }


def prepare(ctx):
    """Old orders, some of which do not fit."""
    draw = random.Random(ctx.seed)
    orders = [{"_id": key, **_order(draw)} for key in draw.sample(range(1000, 9999), 12)]
    odd = draw.sample(orders, 3)
    odd[0]["date"] = "1.5.2014"
    del odd[1]["lines"]
    odd[2]["customer"] = "Ada"
    ctx.connection.shop.orders.insert_many(orders)
    good = [order["_id"] for order in orders if order not in odd]
    return {"odd": [order["_id"] for order in odd], "good": good, "number": len(orders), "draw": draw}


def _insert(ctx, what, document, taken):
    from pymongo.errors import WriteError

    orders = ctx.connection.shop.orders
    try:
        orders.insert_one(document)
    except WriteError as refused:
        if refused.code != REFUSED:
            raise
        if taken:
            raise Mismatch(what, expected="taken", found="refused") from refused
    else:
        orders.delete_one({"_id": document["_id"]})
        if not taken:
            raise Mismatch(what, expected="refused", found="taken")


def _changed(ctx, **fields):
    """An order that fits but for these fields; None takes a field away."""
    order = _order(ctx.given["draw"]) | fields
    return {"_id": "trial", **{key: value for key, value in order.items() if value is not None}}


def _line(ctx, **fields):
    order = _changed(ctx)
    order["lines"][-1] = {k: v for k, v in (order["lines"][-1] | fields).items() if v is not None}
    return order


def _demand_validator(ctx):
    found = next(iter(ctx.connection.shop.list_collections(filter={"name": "orders"})), None)
    if found is None:
        raise Missing("Collection orders")
    if not found["options"].get("validator"):
        raise Missing("A validator of the collection orders")


@check(points=2)
def good_taken(ctx):
    """Orders that fit are taken, with a note and without one; the old orders are still there."""
    _demand_validator(ctx)
    _insert(ctx, "An order that fits", _changed(ctx), True)
    _insert(ctx, "An order with a note", _changed(ctx, note="by bicycle"), True)
    found = ctx.connection.shop.orders.count_documents({})
    if found != ctx.given["number"]:
        raise Mismatch("The number of old orders", expected=ctx.given["number"], found=found)


@check(points=2, after=[good_taken])
def incomplete_refused(ctx):
    """Orders in which a field is missing are refused."""
    for field in ("customer", "date", "status", "lines"):
        _insert(ctx, f"An order without {field}", _changed(ctx, **{field: None}), False)


@check(points=2, after=[good_taken])
def values_checked(ctx):
    """Orders with values of another type or outside of what is allowed are refused."""
    for what, fields in {
        "whose customer is a text": {"customer": "17"},
        "whose customer is 0": {"customer": 0},
        "whose date is a text": {"date": "2014-05-01"},
        "whose status is 'lost'": {"status": "lost"},
        "whose lines are no list": {"lines": "none"},
        "whose note is a number": {"note": 5},
    }.items():
        _insert(ctx, f"An order {what}", _changed(ctx, **fields), False)


@check(points=2, after=[good_taken])
def lines_checked(ctx):
    """Orders without lines, or with a line that does not fit, are refused."""
    from bson import Decimal128

    _insert(ctx, "An order with an empty list of lines", _changed(ctx, lines=[]), False)
    for what, fields in {
        "without a product": {"product": None},
        "of 0 pieces": {"pieces": 0},
        "whose price is a float": {"price": 1.5},
        "whose price is negative": {"price": Decimal128("-1")},
    }.items():
        _insert(ctx, f"An order with a line {what}", _line(ctx, **fields), False)


@check(points=1, after=[good_taken])
def more_fields(ctx):
    """Orders with further fields are refused."""
    _insert(ctx, "An order with a field colour", _changed(ctx, colour="red"), False)


@check(points=2, after=[good_taken])
def old_ones(ctx):
    """Old orders that do not fit can be changed; those that fit cannot be spoilt."""
    from pymongo.errors import WriteError

    orders = ctx.connection.shop.orders
    for key in ctx.given["odd"]:
        try:
            orders.update_one({"_id": key}, {"$set": {"status": "shipped"}})
        except WriteError as refused:
            raise Mismatch(
                "Changing an old order that does not fit", expected="works", found="refused"
            ) from refused
    key = ctx.given["good"][0]
    try:
        orders.update_one({"_id": key}, {"$set": {"customer": "Ada"}})
    except WriteError:
        return
    raise Mismatch("Spoiling an old order that fits", expected="refused", found="works")

"""Checks of five queries. Products and questions vary with the seed; each has documents that nearly fit."""

import random

from sandbox.grading import Mismatch, Missing, check

COLOURS = ("black", "blue", "red", "silver", "white", "yellow")
STORES = ("East", "North", "South", "West")
KINDS = ("Bottle", "Helmet", "Jersey", "Road Frame", "Saddle", "Touring Wheel")


def _product(draw, key):
    # Half of the prices are shared, so that the second key of an order decides.
    product = {
        "_id": key,
        "name": f"{draw.choice(KINDS)} {key}",
        "price": draw.choice((draw.randint(20, 60) / 2, draw.choice((12, 18, 24)))),
        "colours": draw.sample(COLOURS, draw.randint(1, 4)),
        "stock": [
            {"store": s, "pieces": draw.randint(0, 60)} for s in draw.sample(STORES, draw.randint(1, 4))
        ],
    }
    weight = draw.choice((None, 300, 700, 1200, "no field"))
    if weight != "no field":
        product["weight"] = weight
    if draw.random() < 0.3:
        product["discontinued"] = draw.random() < 0.7
    return product


def prepare(ctx):
    """Random products, and a few that are made to be found, or nearly."""
    draw = random.Random(ctx.seed)
    low, high = draw.randint(12, 16), draw.randint(21, 25)
    task = {
        "_id": "task",
        "low": low,
        "high": high,
        "colours": draw.sample(COLOURS, 2),
        "store": draw.choice(STORES),
        "pieces": draw.randint(25, 35),
    }
    keys = draw.sample(range(1, 500), 60)
    products = [_product(draw, key) for key in keys]
    other = next(store for store in STORES if store != task["store"])
    few, many = {"store": task["store"], "pieces": 3}, {"store": other, "pieces": task["pieces"] + 5}
    made = (
        {"price": low},
        {"price": high},
        {"price": low, "discontinued": False},
        {"price": low, "discontinued": True},
        {"colours": [task["colours"][1], "green", task["colours"][0]]},
        {"colours": task["colours"][:1]},
        {"stock": [few, many]},
        {"stock": [{"store": task["store"], "pieces": task["pieces"]}, many]},
        {"stock": [many, {"store": task["store"], "pieces": task["pieces"] + 1}]},
        {"weight": None},
    )
    for product, change in zip(products, made, strict=False):
        if "price" in change:
            product.pop("discontinued", None)
        product.update(change)
    products[len(made)].pop("weight", None)
    # The fifth and the sixth dearest cost the same; the one with the smaller _id lies behind the other.
    top = sorted(products[20:], key=lambda product: -product["_id"])[:7]
    for product, price in zip(top, (50, 49, 49, 48, 47, 47, 47), strict=True):
        product["price"] = price
    products.sort(key=lambda product: -product["_id"])
    shop = ctx.connection.shop
    shop.products.insert_many(products)
    shop.tasks.insert_one(task)

    def ids(true):
        return sorted(product["_id"] for product in products if true(product))

    fit = [p for p in products if low <= p["price"] < high and not p.get("discontinued")]
    fit.sort(key=lambda product: (-product["price"], product["name"]))
    return {
        "affordable": [{"name": p["name"], "price": p["price"]} for p in fit],
        "two-colours": ids(lambda p: set(task["colours"]) <= set(p["colours"])),
        "in-stock": ids(
            lambda p: any(s["store"] == task["store"] and s["pieces"] > task["pieces"] for s in p["stock"])
        ),
        "unweighed": ids(lambda p: "weight" not in p),
        "dearest": [p["_id"] for p in sorted(products, key=lambda p: (-p["price"], p["_id"]))[:5]],
    }


def _answer(ctx, name):
    document = ctx.connection.shop.answers.find_one({"_id": name})
    if document is None:
        raise Missing(f"The document with the _id {name} in answers")
    found = document.get("found")
    if not isinstance(found, list):
        raise Missing(f"A list in the field found of {name}")
    return found


def _ids(ctx, name):
    found = [entry.get("_id") if isinstance(entry, dict) else entry for entry in _answer(ctx, name)]
    if not all(isinstance(key, int | float) for key in found):
        raise Missing(f"The _id of each product found for {name}")
    return found


def _compare(ctx, name):
    found, wanted = _ids(ctx, name), ctx.given[name]
    if sorted(found) != wanted:
        more, less = len(set(found) - set(wanted)), len(set(wanted) - set(found))
        said = f"{len(found)}: {more} that do not fit, {less} left out"
        raise Mismatch(f"The products for {name}", expected=wanted, found=said, show_expected=False)


@check(points=3)
def affordable(ctx):
    """`affordable`: prices in the range, nothing discontinued, two fields, in the order asked for."""
    found, wanted = _answer(ctx, "affordable"), ctx.given["affordable"]
    if not all(isinstance(entry, dict) and set(entry) == {"name", "price"} for entry in found):
        raise Mismatch("The fields of affordable", expected="name and price", found=str(found[:1])[:100])
    if len(found) != len(wanted):
        said = f"{len(found)} of them"
        raise Mismatch("The products for affordable", expected=len(wanted), found=said, show_expected=False)
    if found != wanted:
        same = all(entry in wanted for entry in found)
        said = "the right ones in another order" if same else "others"
        raise Mismatch("The products for affordable", expected=wanted, found=said, show_expected=False)


@check(points=2)
def two_colours(ctx):
    """`two-colours`: the products that come in both colours."""
    _compare(ctx, "two-colours")


@check(points=3)
def in_stock(ctx):
    """`in-stock`: the products of which that store itself has more than so many."""
    _compare(ctx, "in-stock")


@check(points=2)
def unweighed(ctx):
    """`unweighed`: the products without the field."""
    _compare(ctx, "unweighed")


@check(points=2)
def dearest(ctx):
    """`dearest`: five products, in their order."""
    found, wanted = _ids(ctx, "dearest"), ctx.given["dearest"]
    if found != wanted:
        said = f"{len(found)}, of which {len(set(found) & set(wanted))} belong there"
        raise Mismatch("The products for dearest", expected=wanted, found=said, show_expected=False)

"""Checks of two bulk writes. Which parts are refused varies with the seed."""

import itertools
import json
import random

from sandbox.grading import Mismatch, Missing, check

DUPLICATE = 11000


def prepare(ctx):
    """Products under a unique index; arrivals some of which clash with them; steps one of which does."""
    draw = random.Random(ctx.seed)
    products = ctx.connection.shop.products
    products.create_index("sku", unique=True)
    fixed = [f"A-{number}" for number in draw.sample(range(100, 1000), 8)]
    # Each step moves a product to the label below its own, which the step before has left.
    chain = [f"B-{number}" for number in range(1, draw.randint(10, 14))]
    there = [
        {"_id": number, "sku": sku, "pieces": draw.randint(1, 99)}
        for number, sku in enumerate(fixed + chain[1:])
    ]
    products.insert_many(there)
    steps = [{"from": one, "to": other} for other, one in itertools.pairwise(chain)]
    stop = draw.randint(3, len(steps) - 4)
    steps.insert(stop, {"from": chain[-1], "to": fixed[0]})

    arrivals = [
        {"_id": 1000 + number, "sku": f"C-{1000 + number}", "pieces": draw.randint(1, 99)}
        for number in range(draw.randint(25, 35))
    ]
    # The first and the last get in.
    taken = sorted(draw.sample(range(2, len(arrivals) - 2), draw.randint(3, 5)))
    for place, sku in zip(taken, draw.sample(fixed, len(taken)), strict=True):
        arrivals[place]["sku"] = sku
    (ctx.files / "arrivals.json").write_text(json.dumps(arrivals, indent=1), encoding="utf-8")
    (ctx.files / "steps.json").write_text(json.dumps(steps, indent=1), encoding="utf-8")

    labels = {product["_id"]: product["sku"] for product in there}
    for step in steps[:stop]:
        key = next(key for key, sku in labels.items() if sku == step["from"])
        labels[key] = step["to"]
    refused = {place: arrivals[place]["sku"] for place in taken}
    good = {a["_id"]: a["sku"] for place, a in enumerate(arrivals) if place not in refused}
    return {"labels": labels, "good": good, "refused": refused, "stop": stop}


def _key(document):
    key = document["_id"]
    return key if isinstance(key, int | float) else str(key)


def _labels(ctx):
    return {
        _key(product): product.get("sku") for product in ctx.connection.shop.products.find({}, {"sku": 1})
    }


@check(points=3)
def arrivals_in(ctx):
    """All arrivals that have a sku of their own are in `products`, and no others."""
    found = {key: sku for key, sku in _labels(ctx).items() if key not in ctx.given["labels"]}
    wanted = ctx.given["good"]
    if len(found) != len(wanted):
        raise Mismatch("The number of new products", expected=len(wanted), found=len(found))
    if found != wanted:
        raise Mismatch("The new products", expected="those of the file", found="others")


@check(points=3)
def refused_noted(ctx):
    """Each refused arrival is noted in `refused` with its place, its sku and the code of the error."""
    found = {_key(document): document for document in ctx.connection.shop.refused.find()}
    wanted = ctx.given["refused"]
    if len(found) != len(wanted):
        raise Mismatch("The number of refused ones noted", expected=len(wanted), found=len(found))
    for place, sku in wanted.items():
        if place not in found:
            raise Mismatch("The places noted", expected="those of the refused", found=list(found)[:5])
        if found[place].get("sku") != sku:
            raise Mismatch(f"The sku noted for place {place}", expected=sku, found=found[place].get("sku"))
        if found[place].get("code") != DUPLICATE:
            what = f"The code noted for place {place}"
            raise Mismatch(what, expected="the server's", found=found[place].get("code"))


@check(points=3)
def steps_stopped(ctx):
    """The steps before the refused one were done, and none after it."""
    found, wanted = _labels(ctx), ctx.given["labels"]
    wrong = [key for key in wanted if found.get(key) != wanted[key]]
    if wrong:
        key = wrong[0]
        what = f"The sku of product {key}, and of {len(wrong) - 1} more"
        raise Mismatch(what, expected=wanted[key], found=found.get(key), show_expected=False)


@check(points=1)
def stop_noted(ctx):
    """`progress` says how many steps were done."""
    found = ctx.connection.shop.progress.find_one({"_id": "steps"})
    if found is None or "done" not in found:
        raise Missing("done in the document with the _id steps in progress")
    if found["done"] != ctx.given["stop"]:
        raise Mismatch("done", expected=ctx.given["stop"], found=found["done"], show_expected=False)

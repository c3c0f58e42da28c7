"""Checks of PartiQL. Visits and products vary with the seed."""

import random
import re
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

CUSTOMER = 293
SINCE = datetime(2014, 5, 1)
CHEAPER, GONE, NEW = 714, 709, 9001
NEW_ITEM = {"product_id": Decimal(NEW), "name": "Rain cape", "price": Decimal("34.95"), "stock": Decimal(12)}


def prepare(ctx):
    """Visits of three customers; products of which each has some attributes more."""
    dynamodb = ctx.connection.resource("dynamodb")
    draw = random.Random(ctx.seed)
    names = (f"visit-{number}" for number in draw.sample(range(10000, 100000), 40))
    visits = _make(dynamodb, "visits", {"customer_id": "N", "TS": "S"})
    wanted = []
    with visits.batch_writer() as batch:
        for customer in (CUSTOMER, 295, 297):
            for after in sorted(draw.sample(range(-40000, 0), 3) + draw.sample(range(60, 40000), 4)):
                name, at = next(names), (SINCE + timedelta(minutes=after)).isoformat()
                batch.put_item(Item={"customer_id": customer, "TS": at, "visit": name})
                if customer == CUSTOMER and after > 0:
                    wanted.append(name)
    products = []
    for number in (CHEAPER, GONE, *draw.sample(range(715, 999), 4)):
        item = {
            "product_id": Decimal(number),
            "name": f"Product {draw.randint(100, 999)}",
            "price": Decimal(draw.randint(2000, 9999)) / 100,
            "stock": Decimal(draw.randint(1, 90)),
            "color": draw.choice(("red", "black", "blue")),
            f"code_{draw.randint(10, 99)}": Decimal(draw.randint(1, 999)),
        }
        if number == CHEAPER:
            item["supplier"] = {"city": "Turin", "since": Decimal(draw.randint(1990, 2020))}
        products.append(item)
    with _make(dynamodb, "products", {"product_id": "N"}).batch_writer() as batch:
        for item in products:
            batch.put_item(Item=item)
    return {"visits": wanted[::-1], "products": {int(item["product_id"]): item for item in products}}


def _make(dynamodb, name, key):
    return dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in key.items()],
        KeySchema=[
            {"AttributeName": n, "KeyType": kind} for n, kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _products(ctx):
    dynamodb = ctx.connection.resource("dynamodb")
    try:
        items = dynamodb.Table("products").scan(ConsistentRead=True)["Items"]
    except dynamodb.meta.client.exceptions.ResourceNotFoundException:
        raise Missing("Table products") from None
    return {int(item["product_id"]): item for item in items}


def _demand_item(number, found, wanted):
    if found is None:
        raise Missing(f"Product {number}")
    for name in {**wanted, **found}:
        if name not in found:
            raise Missing(f"{name} of product {number}")
        if name not in wanted:
            raise Mismatch(f"{name} of product {number}", expected="not there", found=found[name])
        if type(found[name]) is not type(wanted[name]):
            kinds = {Decimal: "a number", str: "a text"}
            raise Mismatch(
                f"{name} of product {number}",
                expected=kinds.get(type(wanted[name]), "as it was"),
                found=kinds.get(type(found[name]), f"{found[name]}"),
            )
        if found[name] != wanted[name]:
            raise Mismatch(
                f"{name} of product {number}",
                expected=str(wanted[name]),
                found=str(found[name]),
                show_expected=number == NEW,
            )


@check(points=3)
def selected(ctx):
    """The visits of customer 293 from 1 May 2014 on were printed, the newest first, and no others."""
    wanted = ctx.given["visits"]
    found = re.findall(r"visit-\d+", ctx.output)
    if not found:
        raise Missing("A visit in what was printed")
    if sorted(found) == sorted(wanted) and found != wanted:
        raise Mismatch("The order of the visits", expected="the newest first", found=found)
    if found != wanted:
        raise Mismatch("The visits printed", expected=wanted, found=found[:12], show_expected=False)


@check(points=2)
def inserted(ctx):
    """Product 9001 is there, with name, price and stock."""
    _demand_item(NEW, _products(ctx).get(NEW), NEW_ITEM)


@check(points=3)
def updated(ctx):
    """Product 714 costs 5 less and has the label `sale`, and all else that it had."""
    before = ctx.given["products"][CHEAPER]
    wanted = before | {"price": before["price"] - 5, "label": "sale"}
    _demand_item(CHEAPER, _products(ctx).get(CHEAPER), wanted)


@check(points=2)
def deleted(ctx):
    """Product 709 is gone, and the other products are as they were."""
    found = _products(ctx)
    if GONE in found:
        raise Mismatch("Product 709", expected="not there", found="there")
    for number, item in ctx.given["products"].items():
        if number not in (GONE, CHEAPER):
            _demand_item(number, found.get(number), item)

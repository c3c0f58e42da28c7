"""Checks: a replay from a time repairs what was spoilt, and only that. Sales vary with the seed."""

import json
import random
import time
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

HALF = 2**127


def prepare(ctx):
    """Sales before and after the fault, and the table as the consumers have left it."""
    kinesis, dynamodb = ctx.connection.client("kinesis"), ctx.connection.client("dynamodb")
    kinesis.create_stream(StreamName="sales", ShardCount=2)
    draw = random.Random(ctx.seed)
    numbers = draw.sample(range(10000, 100000), 80)
    sales = [{"order": n, "quantity": draw.randrange(1, 9), "price": draw.randrange(3, 99)} for n in numbers]
    good = draw.randrange(18, 26)
    _put(kinesis, sales[:good])
    time.sleep(0.003)
    since = datetime.now(UTC)
    time.sleep(0.003)
    _put(kinesis, sales[good:])
    since += timedelta(milliseconds=1)
    incident = {"since": since.isoformat(timespec="milliseconds")}
    (ctx.files / "incident.json").write_text(json.dumps(incident))

    amounts = {sale["order"]: sale["quantity"] * sale["price"] for sale in sales}
    right = dict(amounts)
    for sale in draw.sample(sales[:good], 6):
        right[sale["order"]] += draw.randrange(1, 9)
    spoilt = [sale["order"] for sale in sales[good:]]
    dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "order", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "order", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    items = [
        _item(order, right[order] + (draw.randrange(1, 99) if order in spoilt else 0)) for order in numbers
    ]
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={"orders": puts})
    return {"right": right, "spoilt": spoilt}


def _item(order, amount):
    return {"order": {"N": str(order)}, "amount": {"N": str(amount)}}


def _put(kinesis, sales):
    kinesis.put_records(
        StreamName="sales",
        Records=[
            {
                "Data": json.dumps(sale),
                "PartitionKey": str(sale["order"]),
                "ExplicitHashKey": str(place % 2 * HALF),
            }
            for place, sale in enumerate(sales)
        ],
    )


def _amounts(ctx):
    dynamodb = ctx.connection.client("dynamodb")
    try:
        pages = dynamodb.get_paginator("scan").paginate(TableName="orders", ConsistentRead=True)
        items = [item for page in pages for item in page["Items"]]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise Missing("Table orders, which was there before,") from None
    found = {}
    for item in items:
        order, amount = item["order"].get("N"), item.get("amount", {}).get("N")
        if amount is None:
            raise Mismatch(f"The amount of order {order}", expected="a number", found=item.get("amount"))
        found[int(order)] = float(amount)
    return found


@check(points=2)
def kept_longer(ctx):
    """The stream `sales` keeps its records for 7 days."""
    kinesis = ctx.connection.client("kinesis")
    try:
        said = kinesis.describe_stream_summary(StreamName="sales")["StreamDescriptionSummary"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream sales, which was there before,") from None
    if said["RetentionPeriodHours"] != 7 * 24:
        raise Mismatch("The days", expected=7, found=round(said["RetentionPeriodHours"] / 24, 2))


@check(points=5)
def repaired(ctx):
    """Every order since the fault has its right amount."""
    found, right = _amounts(ctx), ctx.given["right"]
    wrong = [order for order in ctx.given["spoilt"] if found.get(order) != right[order]]
    if wrong:
        raise Mismatch(f"The wrong amounts (one of them: order {wrong[0]})", expected=0, found=len(wrong))


@check(points=3, after=[repaired])
def untouched(ctx):
    """The orders before the fault are as they were, and no item came or went."""
    found, right = _amounts(ctx), ctx.given["right"]
    if set(found) != set(right):
        raise Mismatch("The number of orders", expected=len(right), found=len(found))
    changed = [order for order in right if found[order] != right[order]]
    if changed:
        what = f"The orders of before that were changed (one of them: {changed[0]})"
        raise Mismatch(what, expected=0, found=len(changed))

"""Checks of transactions. Carts and stock vary with the seed; the stream of the stock tells its history."""

import json
import random
from decimal import Decimal

from sandbox.engines.aws import ENGINE
from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """A stock that runs out, with a stream, and carts of which some ask too much of their last article."""
    draw = random.Random(ctx.seed)
    dynamodb = ctx.connection.resource("dynamodb")
    _make(dynamodb, "orders", "order_id", "S")
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = _make(dynamodb, "stock", "product_id", "N", StreamSpecification=view)
    products = draw.sample(range(700, 800), 6)
    scarce, plenty = products[:2], products[2:]
    stock = {number: draw.randint(4, 6) for number in scarce} | {n: draw.randint(60, 90) for n in plenty}
    with table.batch_writer() as batch:
        for number, count in stock.items():
            batch.put_item(Item={"product_id": number, "stock": count, "name": f"Article {number}"})
    carts = []
    numbers = iter(draw.sample(range(1000, 10000), 12))
    for place in range(10):
        lines = [(number, draw.randint(1, 4)) for number in draw.sample(plenty, 2)]
        if place % 2:
            # What is scarce stands last, when the others are taken already; five times 2 or 3 is too much.
            lines.append((scarce[place // 2 % 2], draw.randint(2, 3)))
        carts.append(_cart(next(numbers), draw, lines))
    # After the scarce articles are gone, two that ask for them.
    carts += [_cart(next(numbers), draw, [(plenty[0], 1), (number, 4)]) for number in scarce]
    (ctx.files / "carts.json").write_text(json.dumps(carts, indent=1))
    sold = []
    for cart in carts:
        if all(stock[line["product_id"]] >= line["quantity"] for line in cart["lines"]):
            sold.append(cart)
            for line in cart["lines"]:
                stock[line["product_id"]] -= line["quantity"]
    return {
        "stock": stock,
        "orders": {cart["order_id"]: cart for cart in sold},
        "first": {},
        "asked": ENGINE.asked(ctx.endpoint),
    }


def _cart(number, draw, lines):
    return {
        "order_id": f"o-{number}",
        "customer_id": draw.choice((293, 295, 297)),
        "lines": [{"product_id": product, "quantity": quantity} for product, quantity in lines],
    }


def _make(dynamodb, name, key, kind, **more):
    return dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def between(ctx):
    """Note what the first run left."""
    ctx.given["first"].update(_state(ctx))


def _state(ctx):
    """All items of both tables, by table and key; a table that is gone is left out."""
    dynamodb = ctx.connection.resource("dynamodb")
    found = {}
    for name, key in (("stock", "product_id"), ("orders", "order_id")):
        try:
            items = dynamodb.Table(name).scan(ConsistentRead=True)["Items"]
        except dynamodb.meta.client.exceptions.ResourceNotFoundException:
            continue
        found[name] = {item[key]: item for item in items}
    return found


def _demand(ctx, state):
    for name in ("orders", "stock"):
        if name not in state:
            raise Missing(f"Table {name}")
    orders = state["orders"]
    for number, cart in ctx.given["orders"].items():
        if number not in orders:
            raise Missing(f"Order {number}")
        for name in ("customer_id", "lines"):
            if orders[number].get(name) != cart[name]:
                raise Mismatch(
                    f"{name} of order {number}", expected=cart[name], found=orders[number].get(name)
                )
    for number in orders:
        if number not in ctx.given["orders"]:
            raise Mismatch(f"Order {number}", expected="refused", found="in orders")
    for number, count in ctx.given["stock"].items():
        item = state["stock"].get(Decimal(number), {})
        if "name" not in item:
            raise Missing(f"Article {number} as it was, in stock,")
        if item.get("stock") != count:
            raise Mismatch(
                f"The stock of article {number}",
                expected=count,
                found=str(item.get("stock")),
                show_expected=False,
            )


SINGLE = (
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "ExecuteStatement",
    "BatchExecuteStatement",
)


@check(points=4)
def first_run(ctx):
    """After the first run all carts that could be sold are orders, and the stock is what they left."""
    _demand(ctx, ctx.given["first"])


@check(points=3)
def second_run(ctx):
    """After the second run it is the same."""
    _demand(ctx, _state(ctx))


@check(points=3)
def no_trace(ctx):
    """Only what was sold was ever taken: the stock's stream has a change for each line sold, no other."""
    dynamodb, streams = ctx.connection.client("dynamodb"), ctx.connection.client("dynamodbstreams")
    try:
        arn = dynamodb.describe_table(TableName="stock")["Table"].get("LatestStreamArn")
    except dynamodb.exceptions.ResourceNotFoundException:
        arn = None
    if arn is None:
        raise Missing("The stream of table stock")
    changes = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        changes += [r for r in records if r["eventName"] != "INSERT"]
    for record in changes:
        images = [record["dynamodb"].get(image, {}).get("stock", {}) for image in ("OldImage", "NewImage")]
        before, after = (Decimal(image.get("N", "0")) for image in images)
        if after > before:
            raise Mismatch(
                "The stock of an article", expected="only falling", found=f"{before}, then {after}"
            )
    lines = sum(len(cart["lines"]) for cart in ctx.given["orders"].values())
    if len(changes) != lines:
        raise Mismatch(
            "The number of changes of the stock", expected=lines, found=len(changes), show_expected=False
        )


@check(points=2)
def in_one(ctx):
    """Each sale was one transaction: nothing was written by single writes."""
    before, now = ctx.given["asked"], ENGINE.asked(ctx.endpoint)
    asked = {name: count - before.get(name, 0) for name, count in now.items()}
    sold = len(ctx.given["orders"])
    if asked.get("TransactWriteItems", 0) + asked.get("ExecuteTransaction", 0) < sold:
        raise Mismatch("The transactions", expected="one for each cart that was sold", found="fewer")
    for name in SINGLE:
        if asked.get(name, 0) > 0:
            raise Mismatch("The writes", expected="transactions only", found=f"{asked[name]} of {name}")

"""Checks of the stream and the audit. Prices and changes vary with the seed; the stream is the measure."""

import json
import random
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """A table of prices without a stream, an empty audit, and the changes to make."""
    draw = random.Random(ctx.seed)
    dynamodb = ctx.connection.resource("dynamodb")
    _make(dynamodb, "audit", "sequence", "S")
    numbers = draw.sample(range(700, 800), 7)
    items = {
        number: {
            "product_id": Decimal(number),
            "price": _price(draw),
            "shelf": f"A{draw.randint(1, 40)}",
            "name": f"Article {draw.randint(100, 999)}",
        }
        for number in numbers
    }
    with _make(dynamodb, "prices", "product_id", "N").batch_writer() as batch:
        for item in items.values():
            batch.put_item(Item=item)
    new = draw.sample(range(800, 900), 2)
    changes = [{"do": "set", "product_id": n, "price": str(_price(draw))} for n in numbers[:4] * 2]
    changes += [{"do": "move", "product_id": n, "shelf": f"B{draw.randint(1, 40)}"} for n in numbers[:5]]
    draw.shuffle(changes)
    for number in new:
        name = f"Novelty {draw.randint(100, 999)}"
        changes.append({"do": "add", "product_id": number, "price": str(_price(draw)), "name": name})
    changes.append({"do": "set", "product_id": new[0], "price": str(_price(draw))})
    changes += [{"do": "remove", "product_id": n} for n in (numbers[5], new[1])]
    (ctx.files / "changes.json").write_text(json.dumps(changes, indent=1))
    for change in changes:
        _apply(items, change)
    return {"prices": items, "audited": sum(change["do"] != "move" for change in changes)}


def _price(draw):
    return Decimal(draw.randint(500, 99999)) / 100


def _apply(items, change):
    number = change["product_id"]
    if change["do"] == "remove":
        del items[number]
    elif change["do"] == "add":
        items[number] = {
            "product_id": Decimal(number),
            "price": Decimal(change["price"]),
            "name": change["name"],
        }
    elif change["do"] == "set":
        items[number]["price"] = Decimal(change["price"])
    else:
        items[number]["shelf"] = change["shelf"]


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


def _stream(ctx):
    """The address of the stream of prices."""
    dynamodb = ctx.connection.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName="prices")["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise Missing("Table prices") from None
    view = table.get("StreamSpecification", {})
    if not view.get("StreamEnabled") or "LatestStreamArn" not in table:
        raise Missing("The stream of table prices")
    return table["LatestStreamArn"], view.get("StreamViewType")


@check(points=2)
def stream_on(ctx):
    """The stream of `prices` is on and brings old and new images."""
    _, view = _stream(ctx)
    if view != "NEW_AND_OLD_IMAGES":
        raise Mismatch("What the stream brings", expected="old and new images", found=view)


@check(points=2)
def changes_made(ctx):
    """The changes were made in `prices`."""
    found, wanted = _items(ctx, "prices", "product_id"), ctx.given["prices"]
    for number in {**wanted, **found}:
        there, right = found.get(number), wanted.get(int(number))
        if right is None:
            raise Mismatch(f"Article {number}", expected="removed", found="there")
        if there is None:
            raise Missing(f"Article {number}")
        if there != right:
            raise Mismatch(f"Article {number}", expected=right, found=there, show_expected=False)


@check(points=5, after=[stream_on])
def audit_written(ctx):
    """`audit` has one item for each record that changed a price, with its sequence number, the article, and
    the price before and after."""
    arn, _ = _stream(ctx)
    wanted = _audit(ctx.connection.client("dynamodbstreams"), arn)
    found = _items(ctx, "audit", "sequence")
    if not found:
        raise Missing("An item in audit")
    if len(wanted) < ctx.given["audited"]:
        raise Mismatch(
            "The changes of prices in the stream", expected=ctx.given["audited"], found=len(wanted)
        )
    for sequence in found:
        if sequence not in wanted:
            raise Mismatch(f"The audit of {sequence}", expected="no change of a price", found="there")
    for sequence, item in wanted.items():
        if sequence not in found:
            raise Missing(f"The change of the price of article {item['product_id']} with sequence {sequence}")
        for name in ("product_id", "old", "new"):
            if found[sequence].get(name) != item.get(name):
                raise Mismatch(
                    f"{name} in the audit of {sequence}",
                    expected=item.get(name),
                    found=str(found[sequence].get(name)),
                    show_expected=False,
                )


def _audit(streams, arn):
    """What the audit should say, by sequence number."""
    wanted = {}
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in streams.get_records(ShardIterator=iterator)["Records"]:
            data = record["dynamodb"]
            old, new = (data.get(image, {}).get("price", {}).get("N") for image in ("OldImage", "NewImage"))
            if old != new:
                item = {"product_id": Decimal(data["Keys"]["product_id"]["N"])}
                item |= {"old": Decimal(old)} if old else {}
                wanted[data["SequenceNumber"]] = item | ({"new": Decimal(new)} if new else {})
    return wanted

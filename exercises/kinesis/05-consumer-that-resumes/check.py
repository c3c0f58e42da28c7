"""Checks: a consumer that is killed loses nothing and does not begin anew. Orders vary with the seed."""

import json
import random
from collections import Counter

from sandbox.grading import Mismatch, Missing, check

BATCH = 10
SHARDS = 2
HALF = 2**127
FIRST = 60
"""Orders of the first day."""

QUIET, PATIENCE = 10, 40
"""So many looks in a row (50 ms apart) without a new shipment, and there is nothing left to read; or the
consumer is killed although it is not where it should be. A look takes as long as the machine is busy."""


def prepare(ctx):
    """Both streams, and 30 orders in each shard."""
    kinesis = ctx.connection.client("kinesis")
    for name in ("orders", "shipments"):
        kinesis.create_stream(StreamName=name, ShardCount=SHARDS if name == "orders" else 1)
    draw = random.Random(ctx.seed)
    numbers = draw.sample(range(10000, 100000), FIRST + 31)
    orders = [{"order": n, "quantity": draw.randrange(1, 9), "price": draw.randrange(2, 99)} for n in numbers]
    _put(kinesis, orders[:FIRST])
    return {"orders": orders, "seen": [], "late": [], "alive": False, "kinesis": kinesis}


def crash(ctx):
    """When all of the first day is dealt with, and one order more that came when there was nothing to read;
    or when the consumer does not get on."""
    given, kinesis = ctx.given, ctx.given["kinesis"]
    found = _shipments(kinesis, wanted=False)
    given["seen"].append(len(found))
    still = len(given["seen"]) - given["seen"].index(len(found))
    if given["alive"]:
        # A look later than the last shipment, so that its checkpoint could be written.
        return True
    there = {each["order"] for each in found}
    if len(there) >= FIRST and not given["late"] and still > QUIET:
        given["late"] = given["orders"][FIRST : FIRST + 1]
        _put(kinesis, given["late"])
        return False
    given["alive"] = bool(given["late"]) and given["late"][0]["order"] in there
    return still > PATIENCE and bool(found or still > 3 * PATIENCE)


def between(ctx):
    """The second day: the rest of the orders, and the end of both shards."""
    rest = ctx.given["orders"][FIRST + len(ctx.given["late"]) :]
    _put(ctx.given["kinesis"], [*rest, {"end": True}, {"end": True}])


def _put(kinesis, records):
    kinesis.put_records(
        StreamName="orders",
        Records=[
            {
                "Data": json.dumps(record),
                "PartitionKey": str(record.get("order", "end")),
                "ExplicitHashKey": str(place % SHARDS * HALF),
            }
            for place, record in enumerate(records)
        ],
    )


def _shipments(kinesis, *, wanted=True):
    try:
        iterator = kinesis.get_shard_iterator(
            StreamName="shipments", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream shipments, which was there before,") from None
    found = []
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator)
        for record in answer["Records"]:
            try:
                said = json.loads(record["Data"])
                found.append({"order": int(said["order"]), "total": said.get("total")})
            except (ValueError, TypeError, KeyError, AttributeError):
                data = record["Data"].decode("utf-8", errors="replace")[:60]
                raise Mismatch("A shipment", expected="JSON with order and total", found=data) from None
        iterator = answer.get("NextShardIterator") if answer["Records"] else None
    if wanted and not found:
        raise Missing("A record in the stream shipments")
    return found


@check(points=4)
def all_shipped(ctx):
    """Every order, of before and after the crash, has a shipment."""
    there = {each["order"] for each in _shipments(ctx.given["kinesis"])}
    lost = [order["order"] for order in ctx.given["orders"] if order["order"] not in there]
    if lost:
        late = sum(order["order"] in lost for order in ctx.given["orders"][FIRST:])
        what = f"The shipment of {len(lost)} of {len(ctx.given['orders'])} orders"
        raise Missing(f"{what} ({late} of them came later)")


@check(points=2, after=[all_shipped])
def totals(ctx):
    """The total of a shipment is quantity times price."""
    right = {order["order"]: order["quantity"] * order["price"] for order in ctx.given["orders"]}
    for each in _shipments(ctx.given["kinesis"]):
        if right.get(each["order"]) != each["total"]:
            raise Mismatch(
                f"The total of order {each['order']}",
                expected=right.get(each["order"]),
                found=each["total"],
                show_expected=False,
            )


@check(points=4, after=[all_shipped])
def resumed(ctx):
    """The second start went on: no more than one batch of each shard was dealt with twice."""
    times = Counter(each["order"] for each in _shipments(ctx.given["kinesis"]))
    twice = sum(count - 1 for count in times.values())
    if twice > SHARDS * BATCH:
        raise Mismatch("Shipments made twice", expected=f"at most {SHARDS * BATCH}", found=twice)


@check(points=1)
def stays(ctx):
    """The consumer waits for more when there is nothing to read, and ships what comes then."""
    _shipments(ctx.given["kinesis"])
    if not ctx.given["alive"]:
        what = "An order that came late, before the crash,"
        raise Mismatch(what, expected="to be shipped by the first start", found="not shipped by it")

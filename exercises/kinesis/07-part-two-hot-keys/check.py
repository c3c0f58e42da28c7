"""Checks: keys by shard, and a split that parts two of them. The keys vary with the seed."""

import hashlib
import json
import random
import re
from collections import Counter

from sandbox.grading import Mismatch, Missing, check

SHARDS = 3


def _hash(key):
    return int(hashlib.md5(key.encode()).hexdigest(), 16)


def prepare(ctx):
    """The stream, and two hot keys on one side of the middle of their shard."""
    kinesis = ctx.connection.client("kinesis")
    kinesis.create_stream(StreamName="carts", ShardCount=SHARDS)
    draw = random.Random(ctx.seed)
    names = [f"shop-{number}" for number in draw.sample(range(1000, 10000), 400)]
    shards = _open(kinesis)
    target = draw.choice(sorted(shards))
    start, end = shards[target]
    middle = (start + end + 1) // 2
    inside = [name for name in names if start <= _hash(name) < middle]
    low, high = sorted(inside, key=_hash)[2:-2:3][:2]
    others = [name for name in names if name not in (low, high)][:6]
    keys = draw.sample([low, high, *others], 8)
    hot = draw.sample([low, high], 2)
    (ctx.files / "keys.json").write_text(json.dumps({"keys": keys, "hot": hot}, indent=2))
    routes = {key: _where(shards, key) for key in keys}
    return {"keys": keys, "hot": hot, "routes": routes, "target": target, "before": shards}


def _shards(kinesis):
    try:
        return kinesis.list_shards(StreamName="carts")["Shards"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream carts, which was there before,") from None


def _open(kinesis):
    """Range of hash keys by id of the open shards."""
    return {
        shard["ShardId"]: tuple(int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
        for shard in _shards(kinesis)
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    }


def _where(shards, key):
    return next(name for name, (start, end) in shards.items() if start <= _hash(key) <= end)


@check(points=3)
def routes_told(ctx):
    """A line for each key names the shard to which it went before the split."""
    told = dict(re.findall(r"\b(shop-\d+)\W+(shardId-\d{12})\b", ctx.output))
    for key, shard in ctx.given["routes"].items():
        if key not in told:
            raise Missing(f"The line of {key}")
        if told[key] != shard:
            raise Mismatch(f"The shard of {key}", expected=shard, found=told[key], show_expected=False)


@check(points=2)
def one_split(ctx):
    """The shard of the hot keys was split once, and the other shards are as they were."""
    kinesis = ctx.connection.client("kinesis")
    now, before, target = _open(kinesis), ctx.given["before"], ctx.given["target"]
    for name, keys in before.items():
        if name != target and now.get(name) != keys:
            raise Mismatch(f"The shard {name}", expected="as it was", found="closed")
    if target in now:
        raise Mismatch("The shard of the hot keys", expected="split", found="as it was")
    if len(now) != SHARDS + 1:
        raise Mismatch("The number of open shards", expected=SHARDS + 1, found=len(now))


@check(points=3, after=[one_split])
def parted(ctx):
    """The two hot keys go to different shards."""
    now = _open(ctx.connection.client("kinesis"))
    first, second = (_where(now, key) for key in ctx.given["hot"])
    if first == second:
        raise Mismatch("The shards of the hot keys", expected="two", found=f"one, {first}")


@check(points=2, after=[parted])
def records_put(ctx):
    """For each key a record, put after the split, lies in an open shard, and none elsewhere."""
    kinesis = ctx.connection.client("kinesis")
    now = _open(kinesis)
    found = Counter()
    for shard in _shards(kinesis):
        iterator = kinesis.get_shard_iterator(
            StreamName="carts", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
            key, data = record["PartitionKey"], record["Data"].decode("utf-8", errors="replace").strip()
            if data != key:
                raise Mismatch("The data of a record", expected=f"its partition key, {key}", found=data)
            if shard["ShardId"] not in now:
                raise Mismatch(f"The shard of the record of {key}", expected="an open one", found="closed")
            found[key] += 1
    for key in ctx.given["keys"]:
        if found[key] != 1:
            raise Mismatch(f"The records of {key}", expected=1, found=found[key])
    if len(found) != len(ctx.given["keys"]):
        raise Mismatch("The keys with records", expected=len(ctx.given["keys"]), found=len(found))

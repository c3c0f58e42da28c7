"""Checks: what is there was found. Names, shards and retentions vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """Three streams, the first of which (or another) was split."""
    kinesis = ctx.connection.client("kinesis")
    draw = random.Random(ctx.seed)
    names = [f"{word}-{draw.randrange(1000, 10000)}" for word in ("clicks", "orders", "visits")]
    shards = draw.sample(range(1, 5), 3)
    longest, *others = sorted(draw.sample(range(25, 200), 3), reverse=True)
    # Never the first stream of the list, so that this is not right by chance.
    hours = [others[0], *draw.sample([longest, others[1]], 2)]
    for name, count, keep in zip(names, shards, hours, strict=True):
        kinesis.create_stream(StreamName=name, ShardCount=count)
        kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=keep)
    split = draw.randrange(3)
    kinesis.split_shard(
        StreamName=names[split], ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**100)
    )
    shards[split] += 1
    return {"streams": dict(zip(names, zip(shards, hours, strict=True), strict=True))}


def _lines(ctx):
    found = {}
    for line in ctx.output.splitlines():
        for name in ctx.given["streams"]:
            after = re.search(rf"{name}\W+(\d+)\W+(\d+)\W*$", line)
            if after:
                found[name] = (int(after[1]), int(after[2]))
    return found


@check(points=3)
def every_stream_told(ctx):
    """Every stream has a line with its name and two numbers."""
    found = _lines(ctx)
    lost = len(ctx.given["streams"]) - len(found)
    if lost:
        raise Missing(f"The line of {lost} of the {len(ctx.given['streams'])} streams")


@check(points=2, after=[every_stream_told])
def open_shards(ctx):
    """The first number is that of the open shards."""
    for name, (count, _) in _lines(ctx).items():
        if count != ctx.given["streams"][name][0]:
            raise Mismatch(
                f"The open shards of {name}",
                expected=ctx.given["streams"][name][0],
                found=count,
                show_expected=False,
            )


@check(points=2, after=[every_stream_told])
def retention(ctx):
    """The second number is that of the hours for which a record is kept."""
    for name, (_, hours) in _lines(ctx).items():
        if hours != ctx.given["streams"][name][1]:
            raise Mismatch(
                f"The hours of {name}",
                expected=ctx.given["streams"][name][1],
                found=hours,
                show_expected=False,
            )


@check(points=3)
def tag_set(ctx):
    """The stream that keeps its records longest has the tag `state=checked`, and no other has it."""
    kinesis = ctx.connection.client("kinesis")
    streams = ctx.given["streams"]
    longest = max(streams, key=lambda name: streams[name][1])
    tagged = []
    for name in streams:
        try:
            tags = kinesis.list_tags_for_stream(StreamName=name)["Tags"]
        except kinesis.exceptions.ResourceNotFoundException:
            raise Missing(f"Stream {name}, which was there before,") from None
        if {"Key": "state", "Value": "checked"} in tags:
            tagged.append(name)
    if not tagged:
        raise Missing("The tag state=checked on a stream")
    if tagged != [longest]:
        raise Mismatch("The streams with the tag", expected=[longest], found=tagged, show_expected=False)

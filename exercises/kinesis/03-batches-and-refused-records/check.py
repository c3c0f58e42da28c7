"""Checks: a file larger than what a shard takes at once is in the stream, each line once."""

import json
import random

from sandbox.grading import Mismatch, Missing, check

RECORDS = 560


def prepare(ctx):
    """The stream with the limits of a shard, and the file; 500 records of it are always over 1 MiB."""
    kinesis = ctx.connection.client("kinesis")
    kinesis.create_stream(StreamName="arrivals", ShardCount=1)
    kinesis.add_tags_to_stream(StreamName="arrivals", Tags={"sandbox:limits": "as on AWS"})
    draw = random.Random(ctx.seed)
    lines = _lines(draw)
    while not _mixed(lines[:500]):
        lines = _lines(draw)
    (ctx.files / "visits.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return {"lines": lines, "shard": _shard(kinesis)}


def _lines(draw):
    """Short visits between long ones: 500 of them have some 1.1 MiB."""
    lines = []
    for number in draw.sample(range(10000, 100000), RECORDS):
        visit = {"visit": number, "customer": draw.randrange(291, 1000, 2)}
        if draw.random() < 0.75:
            visit["note"] = ("bought nothing, " * 225)[: draw.randrange(2600, 3600)]
        lines.append(json.dumps(visit))
    return lines


def _mixed(lines):
    """Whether a shard that takes 1 MiB refuses some of the lines, and takes shorter ones that come later."""
    left, refused = 1 << 20, False
    for line in lines:
        size = len(line) + 3
        if size <= left and refused:
            return True
        refused = refused or size > left
        left -= size if size <= left else 0
    return False


def _shard(kinesis):
    try:
        first, *more = kinesis.list_shards(StreamName="arrivals")["Shards"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream arrivals") from None
    if more:
        raise Mismatch("The shards of arrivals", expected="the one that was there", found=f"{len(more)} more")
    return first["ShardId"], first["SequenceNumberRange"]["StartingSequenceNumber"]


def _records(ctx):
    """(data as text, partition key) of all records of the shard."""
    kinesis = ctx.connection.client("kinesis")
    if _shard(kinesis) != ctx.given["shard"]:
        raise Mismatch("The stream arrivals", expected="the one that was there", found="another one")
    iterator = kinesis.get_shard_iterator(
        StreamName="arrivals", ShardId=ctx.given["shard"][0], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found = []
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator)
        found += [
            (r["Data"].decode("utf-8", errors="replace").strip(), r["PartitionKey"])
            for r in answer["Records"]
        ]
        iterator = answer.get("NextShardIterator") if answer["Records"] else None
    if not found:
        raise Missing("A record in arrivals")
    return found


@check(points=5)
def all_there(ctx):
    """Every line of the file is in the stream `arrivals`."""
    there = {data for data, _ in _records(ctx)}
    lost = [line for line in ctx.given["lines"] if line not in there]
    if lost:
        raise Missing(f"A record for {len(lost)} of {RECORDS} lines (one of them: {lost[0][:40]}...)")


@check(points=3, after=[all_there])
def each_once(ctx):
    """No line is there twice, and nothing else is there."""
    found = [data for data, _ in _records(ctx)]
    if len(found) != RECORDS:
        raise Mismatch("The number of records", expected=RECORDS, found=len(found))


@check(points=2)
def partition_keys(ctx):
    """The partition key of a record is the number of its customer."""
    for data, key in _records(ctx):
        try:
            customer = str(json.loads(data)["customer"])
        except (ValueError, TypeError, KeyError):
            raise Mismatch("The data of a record", expected="a line of the file", found=data[:40]) from None
        if key != customer:
            raise Mismatch(
                f"The partition key of a visit of customer {customer}", expected=customer, found=key
            )

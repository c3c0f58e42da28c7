"""Checks of the first Kinesis exercise. The visits vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

CUSTOMERS = (
    "293,Catherine,Abel,Catherine Abel",
    "295,Kim,Abercrombie,Kim Abercrombie",
    "297,Humberto,Acevedo,Humberto Acevedo",
)


def prepare(ctx):
    """The stream visits_stream with eight visits."""
    kinesis = ctx.connection.client("kinesis")
    kinesis.create_stream(StreamName="visits_stream", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="visits_stream", WaiterConfig={"Delay": 1})
    draw = random.Random(ctx.seed)
    numbers = draw.sample(range(10000, 100000), 8)
    customers = draw.choices((293, 295, 297), k=8)
    lines = [f"visit-{n} of customer {c}" for n, c in zip(numbers, customers, strict=True)]
    for line in lines:
        kinesis.put_record(StreamName="visits_stream", PartitionKey="visit", Data=line.encode())
    return {"lines": lines}


def _records(ctx):
    kinesis = ctx.connection.client("kinesis")
    try:
        shards = kinesis.list_shards(StreamName="customers_stream")["Shards"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream customers_stream") from None
    found = []
    for shard in shards:
        iterator = kinesis.get_shard_iterator(
            StreamName="customers_stream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator)
            found += answer["Records"]
            # At the tip of an open shard there is always a next iterator, and nothing more to come.
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
    return found


def _text(record):
    # A line feed at the end comes from `echo`, and does no harm.
    return record["Data"].decode("utf-8", errors="replace").strip()


@check(points=2)
def stream_made(ctx):
    """Stream `customers_stream` is there and ACTIVE, with one open shard."""
    kinesis = ctx.connection.client("kinesis")
    try:
        said = kinesis.describe_stream_summary(StreamName="customers_stream")
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream customers_stream") from None
    summary = said["StreamDescriptionSummary"]
    if summary["StreamStatus"] != "ACTIVE":
        raise Mismatch("The state of customers_stream", expected="ACTIVE", found=summary["StreamStatus"])
    if summary["OpenShardCount"] != 1:
        raise Mismatch("The open shards of customers_stream", expected=1, found=summary["OpenShardCount"])


@check(points=3, after=[stream_made])
def customers_put(ctx):
    """Its records are the lines of the three customers, each once."""
    found = sorted(_text(record) for record in _records(ctx))
    for line in CUSTOMERS:
        if line not in found:
            number = line.partition(",")[0]
            seen = found[0] if found else "no record"
            raise Missing(f"A record with the line of customer {number} (the first one there: {seen!r})")
    if len(found) != len(CUSTOMERS):
        raise Mismatch("The number of records", expected=len(CUSTOMERS), found=len(found))


@check(points=1, after=[stream_made])
def partition_key(ctx):
    """Every record has the partition key `customer`."""
    keys = {record["PartitionKey"] for record in _records(ctx)}
    if not keys:
        raise Missing("A record in customers_stream")
    if keys != {"customer"}:
        raise Mismatch("The partition keys", expected=["customer"], found=sorted(keys))


@check(points=4)
def visits_read(ctx):
    """All visits in `visits_stream` were printed as readable lines, in the order of the stream."""
    lines = ctx.given["lines"]
    found = re.findall(r"visit-\d+ of customer \d+", ctx.output)
    if not found:
        raise Missing("A readable visit in what was printed")
    if found != lines:
        raise Mismatch("The visits printed", expected=lines, found=found, show_expected=False)

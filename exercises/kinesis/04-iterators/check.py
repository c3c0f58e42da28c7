"""Checks: what each kind of iterator brings. Readings and places vary with the seed."""

import json
import random
import re
import time
from datetime import UTC, timedelta

from sandbox.grading import Mismatch, Missing, check

TYPES = ("TRIM_HORIZON", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP", "LATEST")


def prepare(ctx):
    """Twelve readings, a record among them, a moment between two of them."""
    kinesis = ctx.connection.client("kinesis")
    kinesis.create_stream(StreamName="readings", ShardCount=1)
    draw = random.Random(ctx.seed)
    *readings, new = (f"reading-{n}" for n in draw.sample(range(10000, 100000), 13))
    chosen, later = draw.sample(range(2, 10), 2)
    sequence = []
    for place, reading in enumerate(readings):
        if place == later:
            # Times of arrival have milliseconds: a pause makes sure that one lies between.
            time.sleep(0.005)
        put = kinesis.put_record(StreamName="readings", PartitionKey="sensor", Data=reading.encode())
        sequence.append(put["SequenceNumber"])
    moment = _records(ctx)[later]["ApproximateArrivalTimestamp"] - timedelta(milliseconds=1)
    places = {
        "sequence_number": sequence[chosen],
        "timestamp": moment.astimezone(UTC).isoformat(timespec="milliseconds"),
        "new": new,
    }
    (ctx.files / "positions.json").write_text(json.dumps(places, indent=2))
    return {"readings": readings, "chosen": chosen, "later": later, "new": new}


def _records(ctx):
    kinesis = ctx.connection.client("kinesis")
    try:
        iterator = kinesis.get_shard_iterator(
            StreamName="readings", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream readings, which was there before,") from None
    return kinesis.get_records(ShardIterator=iterator)["Records"]


def _told(ctx, kind):
    """The readings printed after the name of a type, up to the next name."""
    words = re.findall(rf"\b(?:{'|'.join(TYPES)})\b|reading-\d+", ctx.output)
    if kind not in words:
        raise Missing(f"A line for {kind} in what was printed")
    found = []
    for word in words[words.index(kind) + 1 :]:
        if word in TYPES:
            break
        found.append(word)
    return found


def _compare(ctx, kind, expected):
    found = _told(ctx, kind)
    if found != expected:
        what = f"What {kind} brings ({len(found)} readings)"
        raise Mismatch(what, expected=expected, found=found[:3], show_expected=False)


@check(points=1)
def from_the_beginning(ctx):
    """`TRIM_HORIZON` brings all readings, in their order."""
    _compare(ctx, "TRIM_HORIZON", ctx.given["readings"])


@check(points=3)
def by_sequence_number(ctx):
    """`AT_SEQUENCE_NUMBER` brings that record and all later ones, `AFTER_SEQUENCE_NUMBER` those after it."""
    readings, chosen = ctx.given["readings"], ctx.given["chosen"]
    _compare(ctx, "AT_SEQUENCE_NUMBER", readings[chosen:])
    _compare(ctx, "AFTER_SEQUENCE_NUMBER", readings[chosen + 1 :])


@check(points=2)
def by_time(ctx):
    """`AT_TIMESTAMP` brings the readings that came at that time or later."""
    _compare(ctx, "AT_TIMESTAMP", ctx.given["readings"][ctx.given["later"] :])


@check(points=2)
def new_reading(ctx):
    """The new reading is in the stream, once, after the others."""
    found = [record["Data"].decode("utf-8", errors="replace").strip() for record in _records(ctx)]
    if ctx.given["new"] not in found:
        raise Missing(f"The record {ctx.given['new']}")
    if found != [*ctx.given["readings"], ctx.given["new"]]:
        raise Mismatch("The number of records", expected=len(ctx.given["readings"]) + 1, found=len(found))


@check(points=2, after=[new_reading])
def latest(ctx):
    """`LATEST` brings the new reading, and no other."""
    _compare(ctx, "LATEST", [ctx.given["new"]])

"""Checks: shards by workload. It varies with the seed; each stream has another bound."""

import json
import math
import random

from sandbox.grading import Mismatch, Missing, check


def _needed(load):
    written = load["records_per_second"] * load["record_kib"] / 1024
    return math.ceil(max(load["records_per_second"] / 1000, written, written * load["readers"] / 2))


def prepare(ctx):
    """Three streams: one bound by its records, one by their size, one by its readers."""
    kinesis = ctx.connection.client("kinesis")
    draw = random.Random(ctx.seed)
    workload = {
        # Small records: their number decides.
        "clicks": {
            "records_per_second": draw.randrange(4100, 7900, 50),
            "record_kib": draw.choice((0.1, 0.15, 0.2, 0.25)),
            "readers": draw.choice((1, 2)),
        },
        # Large records, few readers: what is written decides.
        "telemetry": {
            "records_per_second": draw.randrange(1010, 1390, 10),
            "record_kib": draw.choice((4, 4.5, 5, 5.5)),
            "readers": 1,
        },
        # Large records, many readers: what is read decides.
        "trades": {
            "records_per_second": draw.randrange(820, 990, 10),
            "record_kib": draw.choice((3, 3.5)),
            "readers": draw.choice((4, 5)),
        },
    }
    for name, load in workload.items():
        # Up by more than one step, but telemetry, which has too many, and goes down by more than one step.
        now = 3 * _needed(load) + draw.randrange(3) if name == "telemetry" else draw.choice((1, 2))
        kinesis.create_stream(StreamName=name, ShardCount=now)
    (ctx.files / "workload.json").write_text(json.dumps(workload, indent=2))
    return {"needed": {name: _needed(load) for name, load in workload.items()}}


def _compare(ctx, name):
    kinesis = ctx.connection.client("kinesis")
    try:
        shards = kinesis.list_shards(StreamName=name)["Shards"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing(f"Stream {name}, which was there before,") from None
    keys = [s["HashKeyRange"] for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
    needed = ctx.given["needed"][name]
    if len(keys) != needed:
        how = "too few" if len(keys) < needed else "too many"
        found = f"{len(keys)}, {how}"
        raise Mismatch(f"The open shards of {name}", expected=needed, found=found, show_expected=False)
    sizes = [int(each["EndingHashKey"]) - int(each["StartingHashKey"]) for each in keys]
    if max(sizes) > 1.01 * min(sizes):
        found = f"one has {max(sizes) / min(sizes):.1f} times as many as another"
        raise Mismatch(f"The hash keys of the shards of {name}", expected="equally many", found=found)


@check(points=3)
def by_records(ctx):
    """`clicks`, which has many small records, has the shards that it needs, all equal."""
    _compare(ctx, "clicks")


@check(points=3)
def by_size(ctx):
    """`telemetry`, which has large records and too many shards, has the shards that it needs, all equal."""
    _compare(ctx, "telemetry")


@check(points=4)
def by_readers(ctx):
    """`trades`, which has many readers, has the shards that it needs, all equal."""
    _compare(ctx, "trades")

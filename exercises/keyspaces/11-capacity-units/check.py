"""Checks of the arithmetic of capacity units. The workload varies with the seed."""

import json
import random
from fractions import Fraction
from math import ceil

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """workload.json: each table has one thing in which a mistake shows."""
    draw = random.Random(ctx.seed)
    names = draw.sample(["carts", "events", "orders", "prices", "profiles", "sessions", "stock"], 4)
    small = draw.randrange(150, 400)
    large = draw.randrange(4200, 8000)
    workload = [
        # Small rows that share no unit, an odd number of reads, and a partition that takes too many writes.
        _table(
            names[0], small, 2 * draw.randrange(100, 400) + 1, draw.randrange(2600, 4900), "LOCAL_ONE", 80
        ),
        # Rows over the border of a unit, and a partition that is read too much.
        _table(names[1], large, draw.randrange(4000, 6000), draw.randrange(5, 40), "LOCAL_QUORUM", 90),
        # Half the units, not half the bytes.
        _table(names[2], large, 2 * draw.randrange(200, 900) + 1, draw.randrange(50, 100), "LOCAL_ONE", 10),
        _table(names[3], 1024 * draw.randrange(1, 4), draw.randrange(100, 900), 300, "LOCAL_QUORUM", 20),
    ]
    draw.shuffle(workload)
    (ctx.files / "workload.json").write_text(json.dumps(workload, indent=2), encoding="utf-8")
    return {"needed": {table["table"]: _needed(table) for table in workload}}


def _table(name, row_bytes, reads, writes, consistency, busiest):
    return {
        "table": name,
        "row_bytes": row_bytes,
        "reads": reads,
        "writes": writes,
        "consistency": consistency,
        "busiest_percent": busiest,
    }


def _needed(table):
    read = Fraction(table["reads"] * -(-table["row_bytes"] // 4096))
    if table["consistency"] == "LOCAL_ONE":
        read /= 2
    write = table["writes"] * -(-table["row_bytes"] // 1024)
    share = Fraction(table["busiest_percent"], 100)
    return {
        "read_units": ceil(read),
        "write_units": write,
        "buckets": max(1, ceil(read * share / 3000), ceil(write * share / 1000)),
    }


def _compare(ctx, key):
    file = ctx.work / "capacity.json"
    if not file.is_file():
        raise Missing("The file capacity.json")
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise Mismatch("capacity.json", expected="an object in JSON", found="something else") from None
    if not isinstance(found, dict):
        raise Mismatch("capacity.json", expected="an object", found=type(found).__name__)
    for table, needed in ctx.given["needed"].items():
        said = found.get(table)
        if not isinstance(said, dict) or key not in said:
            raise Missing(f"{key} of {table} in capacity.json")
        if isinstance(said[key], bool) or said[key] != needed[key]:
            raise Mismatch(f"{key} of {table}", expected=needed[key], found=said[key], show_expected=False)


@check(points=3)
def read_units(ctx):
    """The read units of each table are right."""
    _compare(ctx, "read_units")


@check(points=2)
def write_units(ctx):
    """The write units of each table are right."""
    _compare(ctx, "write_units")


@check(points=3)
def buckets(ctx):
    """The number of buckets for the busiest partition of each table is right."""
    _compare(ctx, "buckets")

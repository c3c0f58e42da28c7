"""Checks of capacity arithmetic. The workloads vary with the seed."""

import json
import random
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

NAMES = ("carts", "catalogue", "invoices", "messages", "profiles", "sessions", "tickets")
READ = {"strong": 2, "eventual": 1, "transactional": 4}
"""Half units of a read of up to 4096 bytes."""
LARGEST = 400 * 1024


def prepare(ctx):
    """The workloads, one of each kind, in any order; and the empty table."""
    draw = random.Random(ctx.seed)
    names = draw.sample(NAMES, 7)

    def size(low, high):
        # Never a whole number of units, so that it matters where one rounds.
        return draw.randint(low, high) * 4096 + draw.choice((1, 2, 3)) * 1024 + draw.randint(100, 900)

    def work(item_bytes, read, write):
        # Odd, so that half units are left over.
        reads, writes = draw.randint(10, 200) * 2 + 1, draw.randint(5, 90) * 2 + 1
        return {
            "table": names.pop(),
            "item_bytes": item_bytes,
            "reads": reads,
            "read": read,
            "writes": writes,
            "write": write,
        }

    works = [
        work(size(0, 6), "strong", "standard"),
        work(draw.randint(0, 3) * 8192 + draw.randint(100, 4000), "eventual", "standard"),
        # Whole units: nothing to round up.
        work(draw.randint(1, 9) * 4096, "strong", "standard"),
        work(size(1, 6), "transactional", "transactional"),
        work(LARGEST, "eventual", "standard"),
        work(LARGEST + draw.choice((1, 200, 5000)), "strong", "standard"),
    ]
    draw.shuffle(works)
    (ctx.files / "workload.json").write_text(json.dumps(works, indent=1))
    ctx.connection.client("dynamodb").create_table(
        TableName="plan",
        AttributeDefinitions=[{"AttributeName": "table", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "table", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return {"works": works}


def _rcu(work):
    half_units = -(-work["item_bytes"] // 4096) * work["reads"] * READ[work["read"]]
    return -(-half_units // 2)


def _wcu(work):
    return -(-work["item_bytes"] // 1024) * work["writes"] * (2 if work["write"] == "transactional" else 1)


def _plan(ctx):
    table = ctx.connection.resource("dynamodb").Table("plan")
    try:
        return {item["table"]: item for item in table.scan(ConsistentRead=True)["Items"]}
    except table.meta.client.exceptions.ResourceNotFoundException:
        raise Missing("Table plan") from None


def _demand(ctx, attribute, units, works):
    plan = _plan(ctx)
    for work in works:
        name = work["table"]
        if attribute not in plan.get(name, {}):
            raise Missing(f"{attribute} of {name}")
        found = plan[name][attribute]
        if not isinstance(found, Decimal):
            raise Mismatch(f"{attribute} of {name}", expected="a number", found=found)
        if found != units(work):
            raise Mismatch(
                f"{attribute} of {name}", expected=units(work), found=str(found), show_expected=False
            )


def _transactional(work):
    return work["read"] == "transactional"


def _small(ctx):
    return [work for work in ctx.given["works"] if work["item_bytes"] <= LARGEST]


@check(points=3)
def reads(ctx):
    """The read units for strongly and eventually consistent reads are right."""
    _demand(ctx, "rcu", _rcu, [work for work in _small(ctx) if not _transactional(work)])


@check(points=3)
def writes(ctx):
    """The write units for single writes are right."""
    _demand(ctx, "wcu", _wcu, [work for work in _small(ctx) if not _transactional(work)])


@check(points=2)
def transactions(ctx):
    """The units for transactional reads and writes are right."""
    works = [work for work in _small(ctx) if _transactional(work)]
    _demand(ctx, "rcu", _rcu, works)
    _demand(ctx, "wcu", _wcu, works)


@check(points=2)
def too_large(ctx):
    """`fits` tells which items DynamoDB can hold, and nothing is planned for those that it cannot."""
    plan = _plan(ctx)
    for work in ctx.given["works"]:
        name, wanted = work["table"], work["item_bytes"] <= LARGEST
        if "fits" not in plan.get(name, {}):
            raise Missing(f"fits of {name}")
        if plan[name]["fits"] is not wanted:
            raise Mismatch(f"fits of {name}", expected=wanted, found=plan[name]["fits"], show_expected=False)
        if not wanted and {"rcu", "wcu"} & set(plan[name]):
            raise Mismatch(f"The units of {name}", expected="none", found="some")

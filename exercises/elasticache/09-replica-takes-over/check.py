"""Checks of a replica that takes over. Customers and orders vary with the seed.

What both servers hold and have counted after the first day is looked at between the two runs, before the
primary is killed; it stays dead."""

import json
import random
import re
import shutil
import time
from contextlib import contextmanager

from sandbox.grading import Mismatch, Missing, check

READS = ("zrange", "zrevrange", "zrangebyscore", "zrevrangebyscore", "zscore", "zmscore", "zscan", "zrevrank")


def prepare(ctx):
    """A ranking on both servers, and the orders of the first day."""
    draw = random.Random(ctx.seed)
    names = [f"customer:{number}" for number in draw.sample(range(291, 1993), 14)]
    spend = dict(zip(names, draw.sample(range(2000, 3000), len(names)), strict=True))
    ctx.connection.zadd("spend", spend)
    numbers = draw.sample(range(10000, 99999), 60)
    days = []
    for many, start in ((draw.randint(20, 28), 0), (draw.randint(20, 28), 30)):
        # Another three are the best after each day.
        orders = [
            {"order": number, "customer": draw.choice(names), "total": draw.randint(20, 200)}
            for number in numbers[start : start + many]
        ]
        for place, customer in enumerate(draw.sample(names, 3)):
            orders[place] |= {"customer": customer, "total": draw.randint(2000, 4000)}
        draw.shuffle(orders)
        days.append(orders)
    _lay(ctx, days[0])
    with _on_replica(ctx) as replica:
        ends = time.monotonic() + 60
        while replica.zcard("spend") < len(names):
            if time.monotonic() > ends:
                raise RuntimeError("the replica does not follow")
            time.sleep(0.01)
    return {"spend": spend, "days": days, "seen": {}}


def _lay(ctx, orders):
    """Write the orders of a day. The answer may have left anything at their place: a folder, a link."""
    path = ctx.files / "orders.json"
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    with path.open("x") as file:
        json.dump(orders, file, indent=1)


@contextmanager
def _on_replica(ctx):
    from redis import Redis

    there = ctx.replicas[0]
    connection = Redis(
        there.host,
        there.port,
        username=there.user,
        password=there.password,
        decode_responses=True,
        socket_timeout=60,
    )
    try:
        yield connection
    finally:
        connection.close()


def between(ctx):
    """Note what the first day left, and lose the primary."""
    seen = ctx.given["seen"]
    with _on_replica(ctx) as replica:
        # What is on its way may arrive; a replica that was cut off stays as it is.
        ends = time.monotonic() + 30
        while _behind(ctx.connection, replica) and time.monotonic() < ends:
            time.sleep(0.01)
        for name, store in (("primary", ctx.connection), ("replica", replica)):
            # The counters first: looking adds to them.
            stats = store.info("commandstats")
            reads = sum(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"] for command in READS)
            seen[name] = {"reads": reads, **_state(store)}
        seen["refused"] = replica.info("errorstats").get("errorstat_READONLY", {"count": 0})["count"]
    ctx.instance.kill()
    _lay(ctx, ctx.given["days"][1])


def _behind(primary, replica):
    found = replica.info("replication")
    written = primary.info("replication")["master_repl_offset"]
    return found["role"] == "slave" and found["slave_repl_offset"] < written


def _state(store):
    """The ranking and the orders that a server holds."""
    spend = store.zrange("spend", 0, -1, withscores=True) if store.type("spend") == "zset" else []
    names = sorted(name for name in store.scan_iter("order:*", count=1000) if store.type(name) == "hash")
    orders = {name: store.hmget(name, "customer", "total") for name in names}
    return {"spend": dict(spend), "orders": orders}


def _expected(ctx, days):
    spend, orders = dict(ctx.given["spend"]), {}
    for day in ctx.given["days"][:days]:
        for order in day:
            spend[order["customer"]] += order["total"]
            orders[f"order:{order['order']}"] = [order["customer"], str(order["total"])]
    return {"spend": spend, "orders": orders}


def _compare(where, expected, found):
    orders = expected["orders"]
    lost = orders.keys() - found["orders"].keys()
    if lost:
        raise Missing(f"{len(lost)} of {len(orders)} orders on {where}")
    for name, order in orders.items():
        if found["orders"][name] != order:
            raise Mismatch(f"{name} on {where}", expected=order, found=found["orders"][name])
    for customer, total in expected["spend"].items():
        if found["spend"].get(customer) != total:
            what = f"What {customer} spent, on {where}"
            raise Mismatch(what, expected=total, found=found["spend"].get(customer), show_expected=False)


@check(points=3)
def first_day(ctx):
    """The orders of the first day were booked on the primary, and came to the replica."""
    expected = _expected(ctx, 1)
    for name in ("primary", "replica"):
        _compare(f"the {name}", expected, ctx.given["seen"][name])


@check(points=2)
def read_on_the_replica(ctx):
    """On the first day the ranking was read on the replica, and not on the primary."""
    seen = ctx.given["seen"]
    if seen["primary"]["reads"]:
        raise Mismatch("Reads of a ranking on the primary", expected=0, found=seen["primary"]["reads"])
    if not seen["replica"]["reads"]:
        raise Mismatch("Reads of a ranking on the replica", expected="at least one", found=0)


@check(points=1)
def write_refused(ctx):
    """On the first day a write on the replica was refused, and the error printed."""
    if not ctx.given["seen"]["refused"]:
        raise Mismatch("Writes that the replica refused", expected="at least one", found=0)
    if not re.search(r"(?i)read.?only", ctx.outputs[0]):
        raise Missing("The error in what was printed the first time")


@check(points=2)
def promoted(ctx):
    """After the loss of the primary the replica is a primary."""
    with _on_replica(ctx) as replica:
        role = replica.info("replication")["role"]
    if role != "master":
        raise Mismatch("What the replica is at the end", expected="a primary", found="a replica")


@check(points=3, after=[promoted])
def second_day(ctx):
    """It holds the orders of both days, each booked once."""
    with _on_replica(ctx) as replica:
        found = _state(replica)
    _compare("the new primary", _expected(ctx, 2), found)


@check(points=2)
def best_shown(ctx):
    """Each time the three best customers were printed with their sums, the best one first."""
    for number, output in enumerate(ctx.outputs, start=1):
        spend = _expected(ctx, number)["spend"]
        best = sorted(spend, key=lambda name: (spend[name], name), reverse=True)[:3]
        wanted = [(name, str(spend[name])) for name in best]
        found = re.findall(r"(customer:\d+)\D+?(\d+)", output)
        if wanted != found[:3]:
            what = f"The best customers printed the time {number}"
            raise Mismatch(what, expected=wanted, found=found[:3], show_expected=False)

"""Checks of a stream's shipments and groups. Orders, and who was given which, vary with the seed."""

import random
from collections import Counter

from sandbox.grading import Mismatch, Missing, check

STREAM, GROUP = "orders", "shipping"
DEAD, ALIVE, ME = "worker-1", "worker-2", "worker-3"
TEN_MINUTES = 600_000


def prepare(ctx):
    """A stream of which the dead consumer was given the first part, the living one the second."""
    draw, store = random.Random(ctx.seed), ctx.connection
    many = {DEAD: draw.randint(14, 24), ALIVE: draw.randint(3, 6), "": draw.randint(12, 25)}
    numbers = draw.sample(range(10000, 99999), sum(many.values()))
    pipe = store.pipeline(transaction=False)
    quantity = {str(number): str(draw.randint(1, 9)) for number in numbers}
    for order, pieces in quantity.items():
        pipe.xadd(STREAM, {"order": order, "product": draw.randint(700, 999), "quantity": pieces})
    pipe.xgroup_create(STREAM, GROUP, id="0")
    pipe.xreadgroup(GROUP, DEAD, {STREAM: ">"}, count=many[DEAD])
    pipe.xreadgroup(GROUP, ALIVE, {STREAM: ">"}, count=many[ALIVE])
    *_, dead, alive = pipe.execute()
    ((_, dead),), ((_, alive),) = dead, alive
    done = draw.sample(dead, draw.randint(3, 6))
    left = [entry for entry in dead if entry not in done]
    store.xack(STREAM, GROUP, *(entry for entry, _ in done))
    # The server lets an administrator say how long an entry has been in somebody's hands.
    store.xclaim(STREAM, GROUP, DEAD, 0, [entry for entry, _ in left], idle=TEN_MINUTES)
    finished = {fields["order"] for _, fields in [*done, *alive]}
    return {
        "left": {fields["order"] for _, fields in left},
        "alive": {entry for entry, _ in alive},
        "mine": {order: pieces for order, pieces in quantity.items() if order not in finished},
        "length": len(numbers),
    }


def _shipments(ctx):
    kind = ctx.connection.type("shipments")
    if kind != "stream":
        raise Missing("The stream shipments")
    found = [fields for _, fields in ctx.connection.xrange("shipments", count=1000)]
    for fields in found:
        for field in ("order", "quantity", "by"):
            if field not in fields:
                raise Missing(f"The field {field} of a shipment")
    return found


def _pending(ctx):
    """Consumer by entry of what is not acknowledged."""
    _group(ctx, GROUP)
    found = ctx.connection.xpending_range(STREAM, GROUP, "-", "+", 1000)
    return {entry["message_id"]: entry["consumer"] for entry in found}


def _group(ctx, name):
    import redis

    try:
        groups = ctx.connection.xinfo_groups(STREAM)
    except redis.ResponseError:
        raise Missing("The stream orders, which was there before,") from None
    for group in groups:
        if group["name"] == name:
            return group
    raise Missing(f"The group {name} of the stream orders")


@check(points=3)
def all_shipped(ctx):
    """Every order that hung or was new has a shipment, with its quantity."""
    mine, left = ctx.given["mine"], ctx.given["left"]
    shipped = {fields["order"]: fields for fields in _shipments(ctx)}
    lost = mine.keys() - shipped.keys()
    if lost:
        raise Missing(f"The shipment of {len(lost)} orders ({len(lost & left)} of them had hung)")
    for order, pieces in mine.items():
        if shipped[order]["quantity"] != pieces:
            what = f"The quantity shipped of order {order}"
            raise Mismatch(what, expected=pieces, found=shipped[order]["quantity"], show_expected=False)


@check(points=1)
def once(ctx):
    """No order is shipped twice, or shipped although another consumer has it or had done it."""
    mine = ctx.given["mine"]
    times = Counter(fields["order"] for fields in _shipments(ctx))
    twice = sum(many > 1 for many in times.values())
    if twice:
        raise Mismatch("Orders shipped more than once", expected=0, found=twice)
    others = times.keys() - mine.keys()
    if others:
        raise Mismatch("Orders shipped that were not yours", expected=0, found=len(others))


@check(points=3)
def taken_over(ctx):
    """What the dead consumer left was acknowledged."""
    hanging = sum(consumer == DEAD for consumer in _pending(ctx).values())
    if hanging:
        raise Mismatch(f"Entries that {DEAD} still has", expected=0, found=hanging)
    taken = sum(consumer == ME for consumer in _pending(ctx).values())
    if taken:
        raise Mismatch(f"Entries that {ME} has and has not acknowledged", expected=0, found=taken)


@check(points=2)
def living_left_alone(ctx):
    """The living consumer still has what it was busy with, and nothing of it was acknowledged."""
    pending = _pending(ctx)
    gone = sum(pending.get(entry) != ALIVE for entry in ctx.given["alive"])
    if gone:
        raise Mismatch(f"Entries taken from {ALIVE}", expected=0, found=gone)


@check(points=2)
def new_acknowledged(ctx):
    """All new entries were read through the group, by worker-3, and acknowledged."""
    group = _group(ctx, GROUP)
    if group["lag"] != 0:
        raise Mismatch("Entries that nobody of the group was given", expected=0, found=group["lag"])
    consumers = {found["name"]: found for found in ctx.connection.xinfo_consumers(STREAM, GROUP)}
    if ME not in consumers:
        raise Missing(f"The consumer {ME} in the group {GROUP}")
    if consumers[ME]["pending"]:
        raise Mismatch(f"Entries that {ME} has not acknowledged", expected=0, found=consumers[ME]["pending"])


@check(points=1)
def audit_from_the_beginning(ctx):
    """The group `audit` has the whole stream before it."""
    group = _group(ctx, "audit")
    if group["lag"] != ctx.given["length"] or group["entries-read"]:
        raise Mismatch("Entries before the group audit", expected=ctx.given["length"], found=group["lag"])

"""Checks of the first exercise with a durable store. Counter, cart and payments vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

ORDER = {"customerid": "293", "totaldue": "37497.4457", "status": "placed"}
SESSION_SECONDS = 1800


def prepare(ctx):
    """A counter, a cart that is about to expire, and a stream of payments."""
    draw = random.Random(ctx.seed)
    count = draw.randrange(100, 10_000)
    cart = {f"product:{number}": draw.randrange(1, 9) for number in draw.sample(range(700, 1000), 3)}
    payments = [f"pay{number}" for number in draw.sample(range(10_000, 100_000), 6)]
    store = ctx.connection
    store.set("orders:count", count)
    store.hset("cart:293", mapping=cart)
    store.expire("cart:293", 3600)
    for payment in payments:
        store.xadd("payments", {"payment": payment, "amount": draw.randrange(10, 500)})
    return {"count": count, "cart": {key: str(value) for key, value in cart.items()}, "payments": payments}


def _demand(ctx, key, kind):
    found = ctx.connection.type(key)
    if found == "none":
        raise Missing(f"Key {key}")
    if found != kind:
        raise Mismatch(f"The type of {key}", expected=kind, found=found)


@check(points=3)
def order_stored(ctx):
    """`order:71782` is a hash with customer, total and status, and it stays."""
    _demand(ctx, "order:71782", "hash")
    found = ctx.connection.hgetall("order:71782")
    for field, value in ORDER.items():
        if field not in found:
            raise Missing(f"Field {field} of order:71782")
        # 37497.44570 is the same amount.
        same = field == "totaldue" and _is_number(found[field]) and float(found[field]) == float(value)
        if found[field] != value and not same:
            raise Mismatch(f"Field {field} of order:71782", expected=value, found=found[field])
    if ctx.connection.ttl("order:71782") != -1:
        raise Mismatch("The time to live of order:71782", expected="none", found="it expires")


@check(points=2)
def counter(ctx):
    """`orders:count` is one more than it was."""
    _demand(ctx, "orders:count", "string")
    found = ctx.connection.get("orders:count")
    if found != str(ctx.given["count"] + 1):
        raise Mismatch(
            "The value of orders:count", expected=ctx.given["count"] + 1, found=found, show_expected=False
        )


@check(points=2)
def event_appended(ctx):
    """The stream `orders:events` holds one event: order 71782 was placed."""
    _demand(ctx, "orders:events", "stream")
    entries = [fields for _, fields in ctx.connection.xrange("orders:events")]
    if entries != [{"order": "71782", "event": "placed"}]:
        raise Mismatch(
            "The entries of orders:events",
            expected=[{"order": "71782", "event": "placed"}],
            found=entries[:3],
        )


@check(points=2)
def session_expires(ctx):
    """`session:293` is a string that ends by itself after 1800 seconds."""
    _demand(ctx, "session:293", "string")
    left = ctx.connection.ttl("session:293")
    if left == -1:
        raise Missing("The time to live of session:293")
    if not SESSION_SECONDS - 120 <= left <= SESSION_SECONDS:
        raise Mismatch("The time to live of session:293 in seconds", expected=SESSION_SECONDS, found=left)


@check(points=2)
def cart_stays(ctx):
    """The cart of customer 293 is whole, and does not expire any more."""
    _demand(ctx, "cart:293", "hash")
    found = ctx.connection.hgetall("cart:293")
    if found != ctx.given["cart"]:
        raise Mismatch("The cart", expected=ctx.given["cart"], found=found)
    left = ctx.connection.ttl("cart:293")
    if left != -1:
        raise Mismatch("The time to live of cart:293", expected="none", found=f"{left} seconds")


@check(points=2)
def newest_payment(ctx):
    """The newest entry of `payments` was shown, and no other."""
    texts = [str(result.value) for result in ctx.results] or [ctx.output, *ctx.output.splitlines()]
    shown = [found for found in (re.findall(r"\bpay\d+\b", text) for text in texts) if found]
    if not shown:
        raise Missing("An entry of payments in what was printed")
    if [ctx.given["payments"][-1]] not in shown:
        raise Mismatch("The payments shown", expected="the newest one", found=shown[-1])


def _is_number(text):
    return bool(re.fullmatch(r"\d+(\.\d+)?", text))

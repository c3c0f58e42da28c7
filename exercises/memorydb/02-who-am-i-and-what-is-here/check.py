"""Checks of what a program found in a store that it did not know. Keys and commands vary with the seed."""

import random
from collections import Counter

from sandbox.grading import Mismatch, Missing, check

WORDS = ("basket", "branch", "contract", "delivery", "invoice", "ledger", "meter", "parcel", "visit")

REFUSED = (
    *("CONFIG GET maxmemory", "SLOWLOG GET 5", "CLIENT LIST", "ACL LIST", "ACL USERS", "LATENCY LATEST"),
    *("MODULE LIST", "LASTSAVE", "CONFIG RESETSTAT", "SLOWLOG LEN", "REPLICAOF NO ONE", "BGSAVE"),
)
"""Commands of administration. Should one of them be permitted some day, it does no harm."""

GRANTED = ("INFO server", "DBSIZE", "TIME", "CLIENT ID", "CLIENT GETNAME", "PUBSUB CHANNELS", "RANDOMKEY")

FAILING = ("INCR desk:1", "LPUSH desk:1 again", "SADD desk:1 again", "HGET desk:1", "EXPIRE desk:1 soon")
"""These fail, as desk:1 is a hash, but not for want of rights."""


def prepare(ctx):
    """Some 150 keys of at least four types, some of which expire; and the commands to be tried."""
    draw = random.Random(ctx.seed)
    make = {
        "string": lambda pipe, key: pipe.set(key, draw.randrange(10**6)),
        "hash": lambda pipe, key: pipe.hset(key, mapping={"amount": draw.randrange(10**4), "state": "open"}),
        "list": lambda pipe, key: pipe.rpush(key, *draw.sample(range(1000), 3)),
        "set": lambda pipe, key: pipe.sadd(key, *draw.sample(range(1000), 3)),
        "zset": lambda pipe, key: pipe.zadd(key, {str(n): n for n in draw.sample(range(1000), 3)}),
        "stream": lambda pipe, key: pipe.xadd(key, {"event": draw.choice(WORDS)}),
    }
    kinds = draw.sample(sorted(make), draw.randint(4, 5))
    types, expiring = Counter(), set()
    pipe = ctx.connection.pipeline(transaction=False)
    pipe.hset("desk:1", "state", "open")
    types["hash"] += 1
    names = [f"{draw.choice(WORDS)}:{number}" for number in draw.sample(range(100, 10**5), 160)]
    for place, key in enumerate(names):
        kind = kinds[place] if place < len(kinds) else draw.choice(kinds)
        make[kind](pipe, key)
        types[kind] += 1
        if place % 11 == 3 and draw.random() < 0.9:
            pipe.expire(key, draw.randrange(7200, 10**6))
            expiring.add(key)
    pipe.execute()
    refused = draw.sample(REFUSED, draw.randint(3, 6))
    lines = [*refused, *draw.sample(GRANTED, 3), *draw.sample(FAILING, draw.randint(2, 4))]
    draw.shuffle(lines)
    (ctx.files / "commands.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"types": dict(types), "expiring": expiring, "refused": set(refused)}


def _demand(ctx, key, kind):
    found = ctx.connection.type(key)
    if found == "none":
        raise Missing(f"Key {key}")
    if found != kind:
        raise Mismatch(f"The type of {key}", expected=kind, found=found)


def _members(ctx, key, what, expected):
    _demand(ctx, key, "set")
    found = ctx.connection.smembers(key)
    if not expected <= found:
        raise Mismatch(f"The number of {what} in {key}", expected=len(expected), found=len(expected & found))
    if more := sorted(found - expected):
        raise Mismatch(f"A member of {key}", expected=f"one of the {what}", found=more[0])


@check(points=1)
def user_noted(ctx):
    """`note:me` names the user of the connection and the role of the server."""
    _demand(ctx, "note:me", "hash")
    found = ctx.connection.hgetall("note:me")
    for field, value in (("user", ctx.learner.user), ("role", "master")):
        what = f"Field {field} of note:me"
        if field not in found:
            raise Missing(what)
        if found[field] != value:
            raise Mismatch(what, expected=value, found=found[field], show_expected=False)


@check(points=3)
def types_counted(ctx):
    """`note:types` counts the keys of each type."""
    _demand(ctx, "note:types", "hash")
    found = {kind: count for kind, count in ctx.connection.hgetall("note:types").items() if count != "0"}
    for kind, count in ctx.given["types"].items():
        if kind not in found:
            raise Missing(f"Field {kind} of note:types")
        if found[kind] != str(count):
            raise Mismatch(f"Keys of type {kind}", expected=count, found=found[kind], show_expected=False)
    if more := sorted(found.keys() - ctx.given["types"].keys()):
        raise Mismatch("A field of note:types", expected="a type that is there", found=more[0])


@check(points=2)
def expiring_noted(ctx):
    """`note:expiring` names the keys that vanish by themselves, and no other."""
    _members(ctx, "note:expiring", "keys with a time to live", ctx.given["expiring"])


@check(points=3)
def refused_noted(ctx):
    """`note:refused` has the commands that this user may not use, and no other."""
    _members(ctx, "note:refused", "commands that are refused", ctx.given["refused"])

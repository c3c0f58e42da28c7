"""Checks of durability by kill -9, and of full memory by filling it. Keys and counter vary with the seed."""

import random
import time
from pathlib import Path

from sandbox.grading import Mismatch, Missing, check

LATER = 60
"""Payments that come in after the answer."""

PAYMENT = {"from": "account:1", "to": "account:2", "amount": "12500"}


def prepare(ctx):
    """Accounts, sessions with a time to live, and a counter."""
    draw = random.Random(ctx.seed)
    accounts = {f"account:{number}": str(draw.randrange(10**7)) for number in range(1, draw.randint(80, 120))}
    sessions = {f"session:{number}": "open" for number in draw.sample(range(1000), 20)}
    payments = draw.randrange(1000, 90_000)
    pipe = ctx.connection.pipeline(transaction=False)
    pipe.mset({**accounts, "payments": payments})
    for session in sessions:
        pipe.set(session, "open", ex=7200)
    pipe.execute()
    return {
        "accounts": accounts,
        "sessions": sessions,
        "payments": payments,
        "amounts": draw.sample(range(10**5), LATER),
    }


def _settings(ctx, *names):
    found = {}
    for name in names:
        found.update(ctx.connection.config_get(name))
    return found


def _held(ctx):
    """Accounts and sessions with their values now; None for one that is gone."""
    keys = [*ctx.given["accounts"], *ctx.given["sessions"]]
    return dict(zip(keys, ctx.connection.mget(keys), strict=True))


def _compare(what, expected, found):
    if gone := [key for key, value in expected.items() if found[key] != value]:
        raise Mismatch(what, expected=len(expected), found=len(expected) - len(gone))


@check(points=2)
def payment_stored(ctx):
    """The first payment is stored and counted."""
    kind = ctx.connection.type("payment:90001")
    if kind == "none":
        raise Missing("Key payment:90001")
    found = ctx.connection.hgetall("payment:90001") if kind == "hash" else kind
    if found != PAYMENT:
        raise Mismatch("payment:90001", expected=PAYMENT, found=found)
    expected = str(ctx.given["payments"] + 1)
    counted = ctx.connection.get("payments") if ctx.connection.type("payments") == "string" else None
    if counted != expected:
        raise Mismatch("payments", expected=expected, found=counted, show_expected=False)


@check(points=2)
def forced_to_disk(ctx):
    """Each write is forced to the disk before it is acknowledged."""
    expected = {"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"}
    found = _settings(ctx, *expected)
    for name, value in expected.items():
        if found[name] != value:
            what = f"The setting {name}"
            raise Mismatch(what, expected=value, found=found[name], show_expected=False)


@check(points=2)
def nothing_evicted(ctx):
    """With its memory full, the server refuses to write, and every key is still there."""
    import redis

    store = ctx.connection
    limit = _settings(ctx, "maxmemory")["maxmemory"]
    store.config_set("maxmemory", store.info("memory")["used_memory"] + (2 << 20))
    try:
        for number in range(64):
            store.set(f"filler:{number}", "x" * (256 << 10))
    except redis.exceptions.OutOfMemoryError:
        refused = True
    else:
        refused = False
    finally:
        store.config_set("maxmemory", 0)
        store.delete(*(f"filler:{number}" for number in range(64)))
        store.config_set("maxmemory", limit)
    expected = {**ctx.given["accounts"], **ctx.given["sessions"]}
    _compare("Accounts and sessions that are there when memory is full", expected, _held(ctx))
    if not refused:
        raise Mismatch("A write when memory is full", expected="refused", found="taken, for which keys went")


@check(points=4)
def survives(ctx):
    """After `kill -9` everything is there that was acknowledged, to the last payment."""
    store = ctx.connection
    before, values = set(store.scan_iter(count=1000)), _held(ctx)
    # The file is a whole one as soon as the server has written down what it held before.
    ends = time.monotonic() + 60
    while store.info("persistence")["aof_rewrite_in_progress"] and time.monotonic() < ends:
        time.sleep(0.02)
    settings = _settings(ctx, "appendonly", "appendfsync", "maxmemory-policy", "save")
    for number, amount in enumerate(ctx.given["amounts"]):
        store.hset(f"payment:{number}", mapping={"amount": amount})
    acknowledged = before | {f"payment:{number}" for number in range(LATER)}
    folder = Path(store.config_get("dir")["dir"])
    ctx.instance.kill()
    lines = (f'{name} "{value}"' if not value else f"{name} {value}" for name, value in settings.items())
    (folder / "kept-1.conf").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ctx.instance.start()
    store.connection_pool.disconnect()
    there = set(store.scan_iter(count=1000))
    if left := acknowledged - there:
        what = "Keys that are there after the kill"
        raise Mismatch(what, expected=len(acknowledged), found=len(acknowledged) - len(left))
    _compare("Accounts and sessions that are as they were after the kill", values, _held(ctx))
    amounts = [int(store.hget(f"payment:{number}", "amount")) for number in range(LATER)]
    if amounts != ctx.given["amounts"]:
        raise Mismatch("The later payments", expected="as they were acknowledged", found="others")

"""Checks of what the server's counters, slow log and keys say. All of it varies with the seed."""

import random
import time
from collections import Counter

from sandbox.grading import Mismatch, Missing, check

SLOW = ("SORT", "LRANGE", "SMEMBERS", "HGETALL")


def prepare(ctx):
    """A limit that was too low for a while, keys of several kinds, reads that hit and miss, slow commands."""
    draw, store = random.Random(ctx.seed), ctx.connection
    _evict(draw, store)
    pipe = store.pipeline(transaction=False)
    forgotten = 0
    for number in range(draw.randint(1200, 1500)):
        without = draw.random() < 0.2
        forgotten += without
        name = f"session:{draw.randrange(16**6):06x}:{number}"
        pipe.set(name, "kim", ex=None if without else draw.randint(600, 9000))
    tag = draw.randrange(100, 1000)
    # Many small elements, a long string, and fewer elements that are long: the last one is the largest.
    pipe.hset(f"page:{tag}:views", mapping={str(number): number for number in range(draw.randint(500, 600))})
    pipe.set(f"page:{tag}:text", "x" * draw.randint(20_000, 25_000))
    big = f"{draw.choice(('feed', 'basket', 'index'))}:{draw.randrange(1000, 9999)}"
    pipe.hset(big, mapping={f"f{number}": "y" * draw.randint(900, 1100) for number in range(90)})
    pipe.execute()
    _read(draw, store, f"page:{tag}:text")
    micros = _be_slow(draw, store)
    # Last of all: each lookup counts.
    stats = store.info("stats")
    hits, misses = stats["keyspace_hits"], stats["keyspace_misses"]
    return {
        "rate": 100 * hits / (hits + misses),
        "evicted": stats["evicted_keys"],
        "slow": max(micros, key=micros.get),
        "biggest": big,
        "forgotten": forgotten,
    }


def _evict(draw, store):
    """Between 20 and 60 keys thrown out for want of memory, and a few that expired."""
    limit = store.config_get("maxmemory")["maxmemory"]
    store.config_set("maxmemory-policy", "allkeys-random")
    store.config_set("maxmemory", store.info("memory")["used_memory"] + 100_000)
    names = [f"old:{number}" for number in range(draw.randint(70, 90))]
    for name in names:
        store.set(name, "z" * 2000)
    store.config_set("maxmemory", limit)
    store.config_set("maxmemory-policy", "noeviction")
    store.delete(*names)
    short = [f"short:{number}" for number in range(draw.randint(3, 9))]
    for name in short:
        store.psetex(name, 1, "gone")
    # Whoever looks for an expired key has it removed, and counted.
    ends = time.monotonic() + 60
    while store.exists(*short) and time.monotonic() < ends:
        time.sleep(0.002)


def _read(draw, store, there):
    pipe = store.pipeline(transaction=False)
    for _ in range(draw.randint(600, 1500)):
        pipe.strlen(there)
    for number in range(draw.randint(60, 300)):
        pipe.get(f"nobody:{number}")
    pipe.execute()


def _be_slow(draw, store):
    """Microseconds by command of a slow log in which one command stands most often, and not last."""
    numbers = draw.sample(range(10**6), 400)
    often, other, third = draw.sample(SLOW, 3)
    keys = {"SORT": "ids:sort", "LRANGE": "ids:list", "SMEMBERS": "ids:set", "HGETALL": "ids:hash"}
    store.rpush(keys["SORT"], *numbers)
    store.rpush(keys["LRANGE"], *numbers)
    store.sadd(keys["SMEMBERS"], *numbers)
    store.hset(keys["HGETALL"], mapping=dict.fromkeys(map(str, numbers), 1))
    calls = ((often, draw.randint(14, 20)), (other, 4), (third, 2))
    for _ in range(50):
        store.slowlog_reset()
        store.config_set("slowlog-log-slower-than", 0)
        for command, times in calls:
            for _ in range(times):
                store.execute_command(command, keys[command], *(("0", "-1") if command == "LRANGE" else ()))
        store.echo("done")
        store.config_set("slowlog-log-slower-than", -1)
        micros = Counter()
        for entry in store.slowlog_get(1000):
            micros[entry["command"].split()[0].decode().upper()] += entry["duration"]
        # A server that was put aside for a moment has written that down as the time of what it was at.
        if max(micros, key=micros.get) in SLOW:
            return micros
    raise RuntimeError("this machine is too busy to tell what takes the time")


def _finding(ctx, field):
    if ctx.connection.type("findings") != "hash":
        raise Missing("The hash findings")
    found = ctx.connection.hget("findings", field)
    if found is None:
        raise Missing(f"The field '{field}' of findings")
    return found.strip()


def _demand(ctx, field, expected, same):
    found = _finding(ctx, field)
    if not same(found):
        raise Mismatch(f"The field '{field}'", expected=expected, found=found[:60], show_expected=False)


@check(points=2)
def hit_rate(ctx):
    """The hit rate until you came is noted, in percent."""
    expected = ctx.given["rate"]

    def same(found):
        try:
            return abs(float(found.rstrip("% ")) - expected) <= 0.06
        except ValueError:
            return False

    _demand(ctx, "hit rate", expected, same)


@check(points=1)
def evicted(ctx):
    """The number of evicted keys is noted."""
    expected = ctx.given["evicted"]
    _demand(ctx, "evicted", expected, lambda found: found == str(expected))


@check(points=3)
def slow_command(ctx):
    """The command that took the most time of all in the slow log is noted."""
    expected = ctx.given["slow"]
    _demand(ctx, "slow command", expected, lambda found: found.upper() == expected)


@check(points=3)
def biggest(ctx):
    """The key that takes the most memory is noted."""
    expected = ctx.given["biggest"]
    _demand(ctx, "biggest", expected, lambda found: found == expected)


@check(points=2)
def forgotten(ctx):
    """The number of sessions without an expiry is noted."""
    expected = ctx.given["forgotten"]
    _demand(ctx, "forgotten", expected, lambda found: found == str(expected))

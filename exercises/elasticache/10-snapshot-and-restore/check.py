"""Checks of a restore of some keys from a snapshot. Keys and values vary with the seed."""

import random
import shutil
import time
from pathlib import Path

from sandbox.grading import Mismatch, Missing, check

NAMES = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana")
SNAPSHOT = "snapshot.rdb"
SECONDS = 10


def prepare(ctx):
    """Profiles of three kinds, some of which expire; baskets."""
    draw, pipe = random.Random(ctx.seed), ctx.connection.pipeline(transaction=False)
    users = draw.sample(range(1000, 9999), 40)
    for user in users:
        keys = [f"profile:{user}"]
        pipe.hset(keys[0], mapping={"name": draw.choice(NAMES), "points": draw.randint(0, 900)})
        if draw.random() < 0.5:
            keys.append(f"profile:{user}:topics")
            pipe.sadd(keys[-1], *draw.sample(range(700, 999), draw.randint(1, 5)))
        if draw.random() < 0.5:
            keys.append(f"profile:{user}:seen")
            pipe.rpush(keys[-1], *draw.sample(range(700, 999), draw.randint(1, 5)))
        for key in keys:
            if draw.random() < 0.3:
                pipe.expire(key, draw.randint(2000, 90000))
    baskets = [f"basket:{number}" for number in draw.sample(range(1000, 9999), 30)]
    for basket in baskets:
        pipe.hset(basket, draw.randint(700, 999), draw.randint(1, 9))
    pipe.execute()
    return {"users": users, "baskets": baskets, "seen": {}}


def between(ctx):
    """Bring the snapshot, let the day go on, and delete many of the profiles."""
    store, seen = ctx.connection, ctx.given["seen"]
    draw = random.Random(ctx.seed + 1)
    ends = time.monotonic() + 60
    while store.info("persistence")["rdb_bgsave_in_progress"] and time.monotonic() < ends:
        time.sleep(0.02)
    calls = store.info("commandstats")
    seen["foreground"] = calls.get("cmdstat_save", {"calls": 0})["calls"]
    file = Path(store.config_get("dir")["dir"]) / store.config_get("dbfilename")["dbfilename"]
    seen["snapshot"] = file.is_file()
    if seen["snapshot"]:
        _lay(ctx, file.read_bytes())
    users, baskets = ctx.given["users"], ctx.given["baskets"]
    before = _state(store)
    for user in draw.sample(users, 12):
        store.hset(f"profile:{user}", "points", draw.randint(1000, 2000))
    store.hset(f"profile:{draw.randint(10000, 20000)}", mapping={"name": "Ivo", "points": 1})
    store.delete(*draw.sample(baskets, 10))
    store.hset(f"basket:{draw.randint(10000, 20000)}", 714, 1)
    changed = _state(store)
    untouched = [name for name, value in before.items() if changed.get(name) == value]
    profiles = [name for name in untouched if name.startswith("profile:")]
    lost = draw.sample(profiles, len(profiles) // 2)
    store.delete(*lost)
    seen["lost"] = {name: before[name] for name in lost}
    seen["later"] = _state(store)


def _lay(ctx, content):
    """Lay the snapshot before the answer, which may have left anything at its place: a folder, a link."""
    path = ctx.files / SNAPSHOT
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(content)


def _state(store):
    """Kind, value, and the moment in seconds at which it ends (-1: never), by key."""
    names = sorted(store.scan_iter(count=1000))
    pipe = store.pipeline(transaction=False)
    for name in names:
        pipe.type(name)
        pipe.expiretime(name)
    told = pipe.execute()
    kinds = dict(zip(names, zip(told[::2], told[1::2], strict=True), strict=True))
    ways = {"hash": pipe.hgetall, "set": pipe.smembers, "string": pipe.get, "none": pipe.exists}
    for name, (kind, _) in kinds.items():
        if kind == "list":
            pipe.lrange(name, 0, 100)
        else:
            ways.get(kind, pipe.type)(name)
    return {name: (*kinds[name], value) for name, value in zip(names, pipe.execute(), strict=True)}


def _now(ctx):
    if "later" not in ctx.given["seen"]:
        raise Missing("The second start")
    return ctx.given["seen"]["lost"], _state(ctx.connection)


@check(points=2)
def snapshot_taken(ctx):
    """The first time the server wrote a snapshot, in the background."""
    seen = ctx.given["seen"]
    if not seen["snapshot"]:
        raise Missing("A snapshot after the first start")
    if seen["foreground"]:
        raise Mismatch("How the snapshot was taken", expected="in the background", found="with SAVE")


@check(points=4)
def lost_restored(ctx):
    """Every profile that was deleted is there again, of its kind and with its values."""
    lost, found = _now(ctx)
    gone = lost.keys() - found.keys()
    if gone:
        kinds = sorted({lost[name][0] for name in gone})
        raise Missing(f"{len(gone)} of {len(lost)} lost keys ({', '.join(kinds)})")
    for name, (kind, _, value) in lost.items():
        if found[name][0] != kind:
            raise Mismatch(f"The type of {name}", expected=kind, found=found[name][0])
        if found[name][2] != value:
            raise Mismatch(f"The value of {name}", expected="as before", found="another one")


@check(points=2, after=[lost_restored])
def expiry_kept(ctx):
    """The restored keys end when they were to end, and the others never."""
    lost, found = _now(ctx)
    for name, (_, moment, _) in lost.items():
        now = found[name][1]
        if (moment == -1) != (now == -1):
            wanted, has = ("none" if each == -1 else "one" for each in (moment, now))
            raise Mismatch(f"The expiry of {name}", expected=wanted, found=has)
        # Whoever restores by what is left loses the moments in between.
        if abs(moment - now) > SECONDS:
            raise Mismatch(f"The expiry of {name}", expected="as before", found=f"{now - moment:+} s")


@check(points=3, after=[lost_restored])
def later_kept(ctx):
    """What was changed, new or deleted since the snapshot is as it was."""
    _, found = _now(ctx)
    seen = ctx.given["seen"]
    for name, value in seen["later"].items():
        if name not in found:
            raise Missing(f"The key {name}, which was there before the repair,")
        if found[name] != value:
            raise Mismatch(f"The key {name}", expected="as it was before the repair", found="another value")
    more = found.keys() - seen["later"].keys() - seen["lost"].keys()
    if more:
        raise Mismatch(
            "Keys that were not to come back", expected=0, found=f"{len(more)}, such as {min(more)}"
        )

"""Checks of three policies: what was reported, against what the server counted and holds at the end.

Ages of the pages and popular items vary with the seed. With 64 samples the server finds the oldest almost
without fail; how many go depends on what connections take, and is not asked for."""

import json
import random

from sandbox.grading import Mismatch, Missing, check

BYTES = 8000
SLACK = 5
"""So many younger pages than the oldest may be among those that went, and so many items may go unreported."""

NEW_COUNT = 5
"""LFU's count of a key that nobody has read (LFU_INIT_VAL in server.h of Valkey)."""


def prepare(ctx):
    """Pages of different ages, as many as fit but for a few; a workload."""
    draw, store = random.Random(ctx.seed), ctx.connection
    store.set("page:0", "x" * BYTES)
    value = store.execute_command("DUMP", "page:0", NEVER_DECODE=True)
    store.delete("page:0")
    names = [f"page:{number}" for number in draw.sample(range(100, 1000), 60)]
    ages = dict(zip(names, draw.sample(range(60, 20000, 60), len(names)), strict=True))
    for name, age in ages.items():
        store.execute_command("RESTORE", name, 0, value, "IDLETIME", age)
    room = draw.randint(8, 12) * BYTES
    limit = store.info("memory")["used_memory"] + room + 50_000
    store.config_set("maxmemory", limit)
    popular = draw.randint(8, 12)
    # The popular ones come first: by the time of their last use they would be the first to go.
    items = [{"key": f"item:{number}", "reads": 0} for number in draw.sample(range(100, 1000), 55)]
    for place, item in enumerate(draw.sample(items[:30], popular), start=1):
        item["reads"] = draw.randint(8, 16) + place
    workload = {
        "new": [f"new:{number}" for number in range(1, draw.randint(28, 34))],
        "items": items,
        "crawled": [f"crawled:{number}" for number in range(1, draw.randint(31, 36))],
    }
    (ctx.files / "workload.json").write_text(json.dumps(workload, indent=1))
    return {
        "ages": ages,
        "limit": limit,
        "new": workload["new"],
        "crawled": workload["crawled"],
        "items": [item["key"] for item in items],
        "popular": {item["key"] for item in items if item["reads"]},
    }


def _admin(ctx):
    """The administrator's connection, which whoever may set settings can shut out."""
    import redis

    try:
        ctx.connection.ping()
    except (redis.AuthenticationError, redis.ResponseError) as problem:
        raise Mismatch("The server's settings", expected="as they were", found=str(problem)[:80]) from None
    return ctx.connection


def _report(ctx, policy, kind):
    path = ctx.work / "report.json"
    if not path.is_file():
        raise Missing("The file report.json")
    try:
        report = json.loads(path.read_text(errors="replace")[: 1 << 20])
    except ValueError:
        raise Mismatch("report.json", expected="JSON", found="something else") from None
    found = report.get(policy) if isinstance(report, dict) else None
    if not isinstance(found, kind):
        raise Missing(f"What you saw under {policy}, in report.json")
    return found


def _gone(ctx, policy, known):
    found = [str(name) for name in _report(ctx, policy, list)]
    if not found:
        raise Missing(f"Any key that went under {policy}")
    strangers = [name for name in found if name not in known]
    if strangers or len(set(found)) != len(found):
        raise Mismatch(f"Keys reported under {policy}", expected="keys that were there", found=strangers[:3])
    return set(found)


@check(points=3)
def refused(ctx):
    """Under noeviction the server refused a write, and you noted the error and how many it accepted."""
    found = _report(ctx, "noeviction", dict)
    accepted, error = found.get("accepted"), str(found.get("error", ""))
    errors = _admin(ctx).info("errorstats").get("errorstat_OOM", {"count": 0})["count"]
    if not errors:
        raise Mismatch("Writes that the server refused for want of memory", expected="some", found=errors)
    if "maxmemory" not in error and "OOM" not in error:
        raise Mismatch("The error noted", expected="the server's", found=error[:80])
    if type(accepted) is not int or not 1 <= accepted < len(ctx.given["new"]):
        raise Mismatch("The number of pages accepted", expected="some, not all", found=accepted)


@check(points=1, after=[refused])
def limit_kept(ctx):
    """`maxmemory` is as it was."""
    found = int(_admin(ctx).config_get("maxmemory")["maxmemory"])
    if found != ctx.given["limit"]:
        raise Mismatch("maxmemory", expected=ctx.given["limit"], found=found)


@check(points=4)
def oldest_gone(ctx):
    """Under allkeys-lru the pages that had not been used for longest went, and you noted which."""
    ages = ctx.given["ages"]
    gone = _gone(ctx, "allkeys-lru", ages)
    evicted = _admin(ctx).info("stats")["evicted_keys"]
    if evicted < len(gone):
        raise Mismatch("Keys that the server evicted in all", expected=f"at least {len(gone)}", found=evicted)
    oldest = sorted(ages, key=ages.get, reverse=True)
    younger = gone - set(oldest[: len(gone) + SLACK])
    if younger:
        raise Mismatch(
            "Pages reported that are younger than others that stayed", expected=0, found=len(younger)
        )


@check(points=4)
def popular_kept(ctx):
    """Under allkeys-lfu the popular items outlived the crawler, and you noted which items went."""
    store, items, popular = _admin(ctx), ctx.given["items"], ctx.given["popular"]
    policy = store.config_get("maxmemory-policy")["maxmemory-policy"]
    if policy != "allkeys-lfu":
        raise Mismatch("maxmemory-policy at the end", expected="allkeys-lfu", found=policy)
    there = {name for name in items if store.exists(name)}
    if popular - there:
        raise Missing(f"{len(popular - there)} of {len(popular)} popular items")
    if not store.exists(*ctx.given["crawled"]):
        raise Missing("Any of the pages crawled")
    gone = _gone(ctx, "allkeys-lfu", items)
    if gone & there:
        raise Mismatch("Items reported as gone that are there", expected=0, found=len(gone & there))
    # The connections of these checks take memory, too, for which the server throws out one or the other.
    more = set(items) - there - gone
    if len(more) > SLACK:
        raise Mismatch("Items that are gone and not reported", expected=0, found=len(more))
    counts = [store.object("freq", name) for name in sorted(popular)]
    if min(counts) <= NEW_COUNT:
        raise Mismatch(
            "Popular items that the server saw no reads of", expected=0, found=counts.count(NEW_COUNT)
        )

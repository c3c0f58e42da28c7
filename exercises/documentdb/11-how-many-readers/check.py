"""Checks of a plan of readers. The workload varies with the seed."""

import json
import random

from sandbox.grading import Mismatch, Missing, check

NAMES = ("basket", "catalogue", "checkout", "profile", "reports", "reviews", "search", "stock")
# Twice the instance does a little less than twice as much.
CLASSES = (("db.r6g.large", 2400, 26), ("db.r6g.xlarge", 4700, 53), ("db.r6g.2xlarge", 9100, 105))
MOST = 15


def _fitting(workload, spare=1):
    """(price, class, readers) of each cluster that fits, the cheapest first."""
    own = sum(r["reads_per_second"] for r in workload["requests"] if r["sees_own_writes"])
    reads = sum(r["reads_per_second"] for r in workload["requests"]) - own
    writer = own + sum(r["writes_per_second"] for r in workload["requests"])
    found = []
    for each in workload["classes"]:
        may = each["operations_per_second"] * 70 // 100
        readers = -(-reads // may) + spare
        if writer <= may and readers <= MOST:
            found.append(((1 + readers) * each["cents_per_hour"], each["name"], readers))
    return sorted(found)


def _request(draw, name, own):
    """A kind of request; those that see their own writes write much and read little."""
    return {
        "name": name,
        "reads_per_second": draw.randrange(100, 700 if own else 4000, 10),
        "writes_per_second": draw.randrange(50, 900, 10) if own else draw.randrange(0, 200, 10),
        "sees_own_writes": own,
    }


def prepare(ctx):
    """A workload for which one cluster is the cheapest, and which one class does not carry."""
    draw = random.Random(ctx.seed)
    while True:
        names = draw.sample(NAMES, draw.randint(5, 7))
        own = draw.sample(names, 2)
        requests = [_request(draw, name, name in own) for name in names]
        classes = [
            {
                "name": name,
                "operations_per_second": can + draw.randrange(-20, 20) * 10,
                "cents_per_hour": cents,
            }
            for name, can, cents in CLASSES
        ]
        draw.shuffle(classes)
        workload = {"requests": requests, "classes": classes}
        fitting, careless = _fitting(workload), _fitting(workload, spare=0)
        alone = len(fitting) < 2 or fitting[0][0] < fitting[1][0]
        if fitting and careless and alone and fitting[0] != careless[0]:
            break
    (ctx.files / "workload.json").write_text(json.dumps(workload, indent=2), encoding="utf-8")
    return {"own": own, "others": [name for name in names if name not in own], "cluster": fitting[0]}


def _plan(ctx, name, field):
    found = ctx.connection.ops.plan.find_one({"_id": name})
    if found is None:
        raise Missing(f"The document with the _id {name} in ops.plan")
    if field not in found:
        raise Missing(f"{field} in the document {name}")
    return found[field]


def _preferences(ctx, names, wanted):
    for name in names:
        found = _plan(ctx, name, "read_preference")
        if str(found).lower() != wanted.lower():
            what = f"The read preference of {name}"
            raise Mismatch(what, expected=wanted, found=str(found)[:40], show_expected=False)


@check(points=2)
def own_writes(ctx):
    """Requests that must see their own writes read from the writer alone."""
    _preferences(ctx, ctx.given["own"], "primary")


@check(points=2)
def others(ctx):
    """All others read from readers, and from the writer if there is no reader."""
    _preferences(ctx, ctx.given["others"], "secondaryPreferred")


@check(points=4)
def cluster(ctx):
    """Class and number of readers carry the load, also after a failure, at the lowest price."""
    _, name, readers = ctx.given["cluster"]
    found = _plan(ctx, "cluster", "class"), _plan(ctx, "cluster", "readers")
    if found != (name, readers):
        said = f"{found[1]} readers of {found[0]}"[:60]
        raise Mismatch("The cluster", expected=(name, readers), found=said, show_expected=False)


@check(points=1, after=[cluster])
def price(ctx):
    """The price is that of all instances."""
    wanted = ctx.given["cluster"][0]
    found = _plan(ctx, "cluster", "cents_per_hour")
    if found != wanted:
        raise Mismatch("cents_per_hour", expected=wanted, found=found, show_expected=False)

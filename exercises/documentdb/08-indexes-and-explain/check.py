"""Checks of indexes by what the server explains of queries. Data and values vary with the seed."""

import random
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

DOCUMENTS = 3000


def prepare(ctx):
    """Orders without an index, and the values that the application asks for."""
    draw = random.Random(ctx.seed)
    begin = datetime(2014, 1, 1, tzinfo=UTC)
    number = DOCUMENTS + draw.randrange(500)
    orders = [
        {
            "customer": draw.randrange(60),
            "status": draw.choice(("open", "shipped", "shipped", "returned")),
            "date": begin + timedelta(minutes=draw.randrange(500_000)),
            "total": draw.randrange(10_000),
            "product": draw.randrange(700, 760),
            "pieces": draw.randint(1, 9),
        }
        for _ in range(number)
    ]
    task = {
        "_id": "task",
        "customer": draw.randrange(60),
        "status": "open",
        "more_than": draw.randrange(6000, 9000),
        "product": draw.randrange(700, 760),
    }
    ctx.connection.shop.orders.insert_many(orders)
    ctx.connection.shop.tasks.insert_one(task)
    returned = sum(order["customer"] == task["customer"] for order in orders)
    return {"task": task, "number": number, "returned": returned}


def _explain(ctx, **query):
    """Stages of the winning plan, and the execution statistics, of a query on orders."""
    said = ctx.connection.shop.command("explain", {"find": "orders", **query}, verbosity="executionStats")
    return set(_stages(said["queryPlanner"]["winningPlan"])), said["executionStats"]


def _stages(plan):
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for key, part in plan.items():
            # The same plan in other words, which are not for people.
            if key != "slotBasedPlan":
                yield from _stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from _stages(part)


def _good(name, stages, statistics):
    if "COLLSCAN" in stages:
        raise Mismatch(f"The plan of {name}", expected="by an index", found="COLLSCAN")
    if "SORT" in stages:
        raise Mismatch(f"The plan of {name}", expected="sorted by the index", found="SORT, in memory")
    examined, returned = statistics["totalDocsExamined"], statistics["nReturned"]
    if examined > returned:
        raise Mismatch(f"Documents that {name} looks at", expected=returned, found=examined)


@check(points=2)
def before(ctx):
    """What A cost without an index is noted."""
    found = ctx.connection.shop.findings.find_one({"_id": "before"})
    if found is None:
        raise Missing("The document with the _id before in findings")
    for field, wanted in (("examined", ctx.given["number"]), ("returned", ctx.given["returned"])):
        if found.get(field) != wanted:
            raise Mismatch(field, expected=wanted, found=found.get(field), show_expected=False)


@check(points=3)
def of_a_customer(ctx):
    """A looks only at what it gives back, and nothing is sorted in memory."""
    task = ctx.given["task"]
    _good("A", *_explain(ctx, filter={"customer": task["customer"]}, sort={"date": -1}))


@check(points=3)
def large_open(ctx):
    """B looks only at what it gives back, and nothing is sorted in memory."""
    task = ctx.given["task"]
    condition = {"status": task["status"], "total": {"$gt": task["more_than"]}}
    _good("B", *_explain(ctx, filter=condition, sort={"date": 1}))


@check(points=2)
def from_the_index(ctx):
    """C is answered by an index alone."""
    fields = {"_id": 0, "product": 1, "pieces": 1}
    stages, statistics = _explain(ctx, filter={"product": ctx.given["task"]["product"]}, projection=fields)
    if "COLLSCAN" in stages or statistics["totalDocsExamined"]:
        found = statistics["totalDocsExamined"]
        raise Mismatch("Documents that C looks at", expected=0, found=found)


@check(points=1, after=[of_a_customer])
def few(ctx):
    """There are no more than three indexes beside that on `_id`."""
    found = [index["name"] for index in ctx.connection.shop.orders.list_indexes()]
    if len(found) > 4:
        raise Mismatch("Indexes beside that on _id", expected="three at most", found=len(found) - 1)

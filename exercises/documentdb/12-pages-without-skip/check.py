"""Checks of pages over a collection that changes. Orders and changes vary with the seed."""

import json
import random
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

BEGIN = datetime(2014, 5, 1, tzinfo=UTC)


def _place(order):
    return order["date"], order["_id"]


def _order(key, day):
    return {"_id": key, "date": BEGIN + timedelta(days=day), "total": key % 97}


def prepare(ctx):
    """Orders of few days, so that each page ends within a day."""
    draw = random.Random(ctx.seed)
    size, pages = draw.randint(18, 25), draw.randint(3, 4)
    while True:
        keys = draw.sample(range(1000, 10_000), 2 * size * pages + 90)
        orders = [_order(key, draw.randrange(22)) for key in keys]
        ordered = sorted(orders, key=_place)
        ends = range(size, 2 * size * pages + 1, size)
        if all(ordered[end - 1]["date"] == ordered[end]["date"] for end in ends):
            break
    ctx.connection.shop.orders.insert_many(orders)
    task = {"page_size": size, "pages": pages}
    (ctx.files / "task.json").write_text(json.dumps(task), encoding="utf-8")
    night = size * pages
    return {"size": size, "pages": pages, "ordered": ordered, "night": night, "draw": draw, "first": {}}


def between(ctx):
    """What the shop does by day: exported orders go, the last one too, and others come, before and after."""
    given, draw, orders = ctx.given, ctx.given["draw"], ctx.connection.shop.orders
    given["first"] = _pages(ctx)
    done, rest = given["ordered"][: given["night"]], given["ordered"][given["night"] :]
    gone = [*draw.sample(done[:-1], given["size"] - 5), done[-1]]
    orders.delete_many({"_id": {"$in": [order["_id"] for order in gone]}})
    last = done[-1]["date"]
    day = (last - BEGIN).days
    # Numbers below all others: of the same day they come before the last one.
    late = [_order(number, draw.randint(0, day)) for number in range(100, 106)]
    # Numbers above all others: of the same day they come after it.
    new = [_order(number, day + number % 3) for number in range(20_000, 20_009)]
    orders.delete_many({"_id": {"$in": [order["_id"] for order in (*late, *new)]}})
    orders.insert_many([*late, *new])
    given["second"] = sorted([*rest, *new], key=_place)[: given["night"]]


def _pages(ctx):
    """{number: ids of the orders} as the answer wrote them, with only what has the shape of a page."""
    found = {}
    for document in ctx.connection.shop.pages.find():
        number, orders = document["_id"], document.get("orders")
        if isinstance(number, int | float) and isinstance(orders, list):
            found[int(number)] = [str(key) for key in orders]
    return found


def _parts(orders, size, begin):
    keys = [str(order["_id"]) for order in orders]
    return {begin + n: keys[n * size : (n + 1) * size] for n in range(len(keys) // size)}


def _night(ctx, number):
    """The pages of a night, and what they ought to be."""
    given = ctx.given
    begin = 1 + (number - 1) * given["pages"]
    orders = given["ordered"][: given["night"]] if number == 1 else given["second"]
    found = given["first"] if number == 1 else _pages(ctx)
    wanted = _parts(orders, given["size"], begin)
    return {page: found.get(page) for page in wanted}, wanted


@check(points=2)
def first_run(ctx):
    """After the first night the first pages are there, in their order."""
    found, wanted = _night(ctx, 1)
    for number, keys in wanted.items():
        if found[number] is None:
            raise Missing(f"Page {number} after the first night")
        if len(found[number]) != len(keys):
            raise Mismatch(f"The orders in page {number}", expected=len(keys), found=len(found[number]))
        if found[number] != keys:
            same = len(set(found[number]) & set(keys))
            what = f"The orders of page {number}"
            raise Mismatch(what, expected="those that come next", found=f"{same} of them, or another order")
    if more := sorted(set(ctx.given["first"]) - set(wanted)):
        raise Mismatch("Pages of the first night", expected=len(wanted), found=f"page {more[0]} as well")


@check(points=3)
def none_lost(ctx):
    """The second night brings the orders that come next, without leaving one out."""
    found, wanted = _night(ctx, 2)
    there = {key for keys in found.values() for key in keys or ()}
    lost = [key for keys in wanted.values() for key in keys if key not in there]
    if lost:
        raise Mismatch("Orders of the second night that were left out", expected=0, found=len(lost))


@check(points=2)
def none_twice(ctx):
    """No order is in two pages, and the second night has pages of its own."""
    found = _pages(ctx)
    keys = [key for page in found.values() for key in page]
    if len(found) < 2 * ctx.given["pages"]:
        raise Mismatch("The number of pages", expected=2 * ctx.given["pages"], found=len(found))
    if len(set(keys)) < len(keys):
        raise Mismatch("Orders that came twice", expected=0, found=len(keys) - len(set(keys)))


@check(points=1)
def in_order(ctx):
    """The pages of the second night are numbered on, in order, and bring nothing from before."""
    found, wanted = _night(ctx, 2)
    for number, keys in wanted.items():
        if found[number] is None:
            raise Missing(f"Page {number}")
        if found[number] != keys:
            what = f"The orders of page {number}"
            raise Mismatch(what, expected="those that come next, in order", found="others")

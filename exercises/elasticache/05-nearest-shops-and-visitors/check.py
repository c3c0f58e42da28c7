"""Checks of places and distinct counts. Shops and visitors vary with the seed."""

import math
import random
import re

from sandbox.grading import Mismatch, Missing, check

CENTRE = (13.4050, 52.5200)
NEW, PLACE = "ostbahnhof", (13.4348, 52.5103)
RADIUS = 6
DAYS = ("mon", "tue", "wed", "thu")
FRIDAY = ("anna", "ben", "carla")


def prepare(ctx):
    """Shops nearer than the new one, within the radius, between 6 km and 6 miles, and far away."""
    draw, store = random.Random(ctx.seed), ctx.connection
    far = [draw.uniform(0.4, 1.9) for _ in range(draw.choice((1, 3)))]
    far += [draw.uniform(2.8, 5.8) for _ in range(draw.randint(2, 5))]
    far += [draw.uniform(6.3, 9.4) for _ in range(draw.randint(2, 3))]
    far += [draw.uniform(12, 30) for _ in range(3)]
    names = [f"shop{number}" for number in draw.sample(range(10, 100), len(far))]
    places = []
    for name, distance in zip(names, far, strict=True):
        angle = draw.uniform(0, 2 * math.pi)
        north, east = distance * math.cos(angle) / 111.2, distance * math.sin(angle) / 111.2
        latitude = CENTRE[1] + north
        places += [CENTRE[0] + east / math.cos(math.radians(CENTRE[1])), latitude, name]
    store.geoadd("shops", places)
    people = [f"visitor{number}" for number in draw.sample(range(10000, 99999), 400)]
    for day in DAYS:
        came = draw.sample(people, draw.randint(90, 160))
        # anna comes on other days, too.
        store.pfadd(f"visitors:{day}", *came, "anna")
    week = _union(ctx, *(f"visitors:{day}" for day in DAYS), people=FRIDAY)
    return {"shops": names, "week": week}


def _type(ctx, key, kind):
    found = ctx.connection.type(key)
    if found == "none":
        raise Missing(f"The key {key}")
    if found != kind:
        raise Mismatch(f"The type of {key}", expected=kind, found=found)


def _expected(ctx, **more):
    """What the server itself finds among the shops and the new one, as they should be."""
    store, copy = ctx.connection, "checked:shops"
    store.copy("shops", copy, replace=True)
    store.geoadd(copy, [*PLACE, NEW])
    try:
        return store.geosearch(copy, longitude=CENTRE[0], latitude=CENTRE[1], unit="km", sort="ASC", **more)
    finally:
        store.delete(copy)


@check(points=2)
def new_shop(ctx):
    """`ostbahnhof` is in `shops` at its place, beside all others."""
    _type(ctx, "shops", "zset")
    for name in (*ctx.given["shops"], NEW):
        if ctx.connection.zscore("shops", name) is None:
            raise Missing(f"{name} in shops")
    (found,) = ctx.connection.geopos("shops", NEW)
    if max(abs(one - other) for one, other in zip(found, PLACE, strict=True)) > 0.0002:
        shown = f"{found[1]:.4f} north, {found[0]:.4f} east"
        wanted = f"{PLACE[1]:.4f} north, {PLACE[0]:.4f} east"
        raise Mismatch(f"The place of {NEW}", expected=wanted, found=shown)


@check(points=3)
def nearby(ctx):
    """`nearby` has the shops within 6 km of the point, and no others."""
    _type(ctx, "shops", "zset")
    _type(ctx, "nearby", "zset")
    found, expected = set(ctx.connection.zrange("nearby", 0, -1)), set(_expected(ctx, radius=RADIUS))
    if expected - found:
        raise Missing(f"{len(expected - found)} shops in nearby")
    if found - expected:
        raise Mismatch("Shops in nearby that do not belong there", expected=0, found=len(found - expected))


@check(points=3)
def nearest_shown(ctx):
    """The three nearest shops were shown, the nearest first, with their distances in kilometres."""
    _type(ctx, "shops", "zset")
    wanted = _expected(ctx, radius=100, count=3, withdist=True)
    texts = [str(result.value) for result in ctx.results] or [ctx.output]
    lists = [_pairs(text) for text in texts]
    if any(_same(wanted, found) for found in lists):
        return
    if not any(lists):
        raise Missing("A list of shops with their distances in what was shown")
    found = [name for name, _ in max(lists, key=len)][:5]
    if found == [name for name, _ in wanted]:
        raise Mismatch("The distances shown", expected="kilometres", found="others")
    raise Mismatch("The shops shown", expected=wanted, found=found, show_expected=False)


def _same(wanted, found):
    """Whether names and, as far as one decimal tells, distances are the same."""
    return [name for name, _ in wanted] == [name for name, _ in found] and all(
        abs(one - other) < 0.051 for (_, one), (_, other) in zip(wanted, found, strict=True)
    )


def _pairs(text):
    """Shops and the number that follows each of them."""
    found = re.findall(rf"(shop\d+|{NEW})[^\w.]+(\d+\.\d+|\d+)", text)
    return [(name, float(number)) for name, number in found]


@check(points=2)
def friday(ctx):
    """`visitors:fri` is a HyperLogLog that counts the three visitors of Friday."""
    _type(ctx, "visitors:fri", "string")
    found = _count(ctx, "visitors:fri")
    if found != len(FRIDAY):
        raise Mismatch("The visitors of Friday", expected=len(FRIDAY), found=found)
    # The same visitors change nothing; others would be counted.
    if _union(ctx, "visitors:fri", people=FRIDAY) != found:
        raise Mismatch("The visitors of Friday", expected="anna, ben, carla", found="others")


@check(points=3)
def week(ctx):
    """`visitors:week` counts the visitors of all five days once, and their number was shown."""
    _type(ctx, "visitors:week", "string")
    found, right = _count(ctx, "visitors:week"), ctx.given["week"]
    if found != right:
        raise Mismatch("What visitors:week counts", expected=right, found=found, show_expected=False)
    if ctx.results:
        shown = [str(result.value) for result in ctx.results]
    else:
        shown = re.findall(r"(?<![\w.:])\d+(?![\w.:])", ctx.output)
    if str(right) not in shown:
        raise Missing("The number of different visitors of the week in what was shown")


def _count(ctx, key):
    import redis

    try:
        return ctx.connection.pfcount(key)
    except redis.ResponseError:
        raise Mismatch(f"The value of {key}", expected="a HyperLogLog", found="another string") from None


def _union(ctx, *keys, people=()):
    """What a HyperLogLog of all these keys and people counts."""
    store, copy = ctx.connection, "checked:visitors"
    try:
        store.pfmerge(copy, *keys)
        if people:
            store.pfadd(copy, *people)
        return store.pfcount(copy)
    finally:
        store.delete(copy)

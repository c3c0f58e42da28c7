"""Checks of the structures: what is in the keys, and what was shown. All data vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

CANCELLED = "order:7001"
BETWEEN = (300, 400)


def prepare(ctx):
    draw, store = random.Random(ctx.seed), ctx.connection
    orders = [f"order:{number}" for number in draw.sample(range(1000, 7000), 8)]
    # Neither among the first two nor the last, so that neither end finds it.
    orders.insert(draw.randint(3, 6), CANCELLED)
    store.rpush("orders:waiting", *orders)
    sets = {name: set(draw.sample(range(291, 400), 30)) for name in ("buyers", "subscribers", "complained")}
    both = sorted(sets["buyers"] & sets["subscribers"]) or [293]
    extra = draw.sample(range(400, 500), 6)
    sets["buyers"] |= {*both, *extra}
    sets["subscribers"] |= {*both, *extra}
    sets["complained"] |= set(extra[:2])
    for name, members in sets.items():
        store.sadd(name, *members)
    stock = {str(product): draw.randint(10, 90) for product in draw.sample(range(700, 999), 5)}
    stock |= {"714": draw.randint(10, 90), "765": draw.randint(1, 9)}
    store.hset("stock", mapping=stock)
    # So many that no other reply of the usual answer is a number like kim's rank.
    scores = [*draw.sample(range(310, 390), 3), *draw.sample(range(410, 900), 55), draw.randint(100, 290)]
    # Two who stand at the ends of what is asked for, which counts as in it.
    scores += BETWEEN
    names = [f"player{number}" for number in draw.sample(range(100, 1000), len(scores))]
    players = dict(zip(names, scores, strict=True))
    above = draw.choice([place for place in range(35, 50) if str(place) != str(int(stock["714"]) - 3)])
    kim = sorted(scores, reverse=True)[above] + 1
    while kim in scores:
        kim += 1
    store.zadd("ranking", {**players, "kim": kim - 25})
    session = f"{draw.randrange(16**12):012x}"
    store.set("session:42", session)
    return {
        "orders": orders,
        "mailing": {
            str(number) for number in sets["buyers"] & sets["subscribers"] if number not in sets["complained"]
        },
        "stock": {name: str(many) for name, many in stock.items()},
        "players": {**players, "kim": kim},
        "session": session,
    }


def _of_kind(ctx, key, kind):
    found = ctx.connection.type(key)
    if found == "none":
        raise Missing(f"The key {key}")
    if found != kind:
        raise Mismatch(f"The type of {key}", expected=kind, found=found)


@check(points=3)
def queue(ctx):
    """The two oldest orders are in the kitchen in their order; the cancelled one waits no longer."""
    first, second, *rest = ctx.given["orders"]
    _of_kind(ctx, "orders:kitchen", "list")
    for key, expected in (
        ("orders:kitchen", [first, second]),
        ("orders:waiting", [order for order in rest if order != CANCELLED]),
    ):
        found = ctx.connection.lrange(key, 0, 50) if ctx.connection.type(key) == "list" else []
        if found != expected:
            raise Mismatch(f"The list {key}", expected=expected, found=found, show_expected=False)


@check(points=2)
def mailing(ctx):
    """`mailing` is the set of the customers who bought, want letters and did not complain."""
    _of_kind(ctx, "mailing", "set")
    found, expected = ctx.connection.smembers("mailing"), ctx.given["mailing"]
    if found - expected:
        raise Mismatch(
            "Customers in mailing who do not belong there", expected=0, found=len(found - expected)
        )
    if expected - found:
        raise Missing(f"{len(expected - found)} of the customers in mailing")


@check(points=2)
def stock(ctx):
    """Three pieces of 714 less, 765 is gone, all else in the stock is as it was."""
    _of_kind(ctx, "stock", "hash")
    found, before = ctx.connection.hgetall("stock"), ctx.given["stock"]
    if "765" in found:
        raise Mismatch("The field 765 of stock", expected="none", found=found["765"])
    expected = {**before, "714": str(int(before["714"]) - 3)}
    del expected["765"]
    for product, many in expected.items():
        if found.get(product) != many:
            what = f"The stock of {product}"
            raise Mismatch(what, expected=many, found=found.get(product), show_expected=False)
    if len(found) > len(expected):
        raise Mismatch("The number of products", expected=len(expected), found=len(found))


@check(points=3)
def ranking(ctx):
    """kim has her points; her rank and the players with 300 to 400 points were shown."""
    players = ctx.given["players"]
    _of_kind(ctx, "ranking", "zset")
    found = dict(ctx.connection.zrange("ranking", 0, -1, withscores=True))
    if found != players:
        wrong = sorted(name for name in found.keys() | players.keys() if found.get(name) != players.get(name))
        raise Mismatch("Players whose points are not right", expected=[], found=wrong[:5])
    rank = sorted(players, key=players.get, reverse=True).index("kim")
    low, high = BETWEEN
    among = sorted((points, name) for name, points in players.items() if low <= points <= high)
    wanted = [word for points, name in among for word in (name, str(points))]
    if ctx.results:
        ranks = [str(result.value) for result in ctx.results if isinstance(result.value, int | list)]
        texts = [str(result.value) for result in ctx.results]
    else:
        ranks = re.findall(r"(?<![\w.:])\d+(?![\w.:])", ctx.output)
        texts = [ctx.output]
    if str(rank) not in ranks:
        raise Missing("The rank of kim in what was shown")
    if not any(_alone(wanted, _words(text)) for text in texts):
        raise Missing("The list of the players with 300 to 400 points, lowest first, in what was shown")


def _words(text):
    """Names of players and whole numbers in a text; of a list in which points stand as decimals, too."""
    return re.findall(r"player\d+|kim|(?<![\w.])\d+(?=\.0\b|(?![\w.]))", text)


def _alone(wanted, words):
    """Whether a list stands among words, with no other player right before or after it."""
    size = len(wanted)
    for at in range(len(words) - size + 1):
        around = [*words[max(at - 2, 0) : at], *words[at + size : at + size + 1]]
        if words[at : at + size] == wanted and not any(word.startswith("player") for word in around):
            return True
    return False


@check(points=2)
def session(ctx):
    """`session:42` has its value, and ends in 30 minutes."""
    _of_kind(ctx, "session:42", "string")
    if ctx.connection.get("session:42") != ctx.given["session"]:
        raise Mismatch("The value of session:42", expected="the one it had", found="another one")
    left = ctx.connection.ttl("session:42")
    if left < 0:
        raise Missing("The expiry of session:42")
    if not 1700 <= left <= 1800:
        raise Mismatch("The seconds that session:42 has left", expected="1800 at first", found=left)

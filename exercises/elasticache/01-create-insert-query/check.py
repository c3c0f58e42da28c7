"""Checks of the first cache exercise. The players and their points vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

WON = 50


def prepare(ctx):
    """A leaderboard in which john, after his 50 points, is neither first nor among the three best."""
    draw = random.Random(ctx.seed)
    names = [f"player{number}" for number in draw.sample(range(100, 1000), 9)]
    points = draw.sample(range(300, 900), 9)
    players = dict(zip(names, points, strict=True))
    john = draw.randrange(100, 200)
    ctx.connection.zadd("leaderboard", {**players, "john": john})
    return {"players": players, "john": john}


def _text(ctx, key):
    kind = ctx.connection.type(key)
    if kind == "none":
        raise Missing(f"Key {key}")
    if kind != "string":
        raise Mismatch(f"The type of {key}", expected="string", found=kind)
    return ctx.connection.get(key)


@check(points=2)
def keys_set(ctx):
    """Key `user:1` holds JohnDoe, and `key1` holds value1."""
    for key, value in (("user:1", "JohnDoe"), ("key1", "value1")):
        found = _text(ctx, key)
        if found != value:
            raise Mismatch(f"The value of {key}", expected=value, found=found)


@check(points=3)
def profile(ctx):
    """`profile:user1` is a hash with the name and the age of the user."""
    kind = ctx.connection.type("profile:user1")
    if kind == "none":
        raise Missing("Key profile:user1")
    if kind != "hash":
        raise Mismatch("The type of profile:user1", expected="hash", found=kind)
    found = ctx.connection.hgetall("profile:user1")
    for field, value in (("name", "John Doe"), ("age", "30")):
        if field not in found:
            raise Missing(f"Field {field} of profile:user1")
        if found[field] != value:
            raise Mismatch(f"Field {field} of profile:user1", expected=value, found=found[field])


@check(points=3)
def points_added(ctx):
    """In `leaderboard` john has 50 points more than before, and nobody else's points have changed."""
    if ctx.connection.type("leaderboard") != "zset":
        raise Missing("The sorted set leaderboard")
    found = dict(ctx.connection.zrange("leaderboard", 0, -1, withscores=True))
    expected = {**ctx.given["players"], "john": ctx.given["john"] + WON}
    for player, points in expected.items():
        if found.get(player) != points:
            # Of john's points only what is there is told: what he had, the learner can ask the server.
            raise Mismatch(
                f"The points of {player}", expected=points, found=found.get(player), show_expected=False
            )
    if len(found) != len(expected):
        raise Mismatch("The number of players in leaderboard", expected=len(expected), found=len(found))


@check(points=2)
def top_three(ctx):
    """The three players with the most points were shown, the best one first, with their points."""
    players = ctx.given["players"]
    best = sorted(players, key=players.get, reverse=True)[:3]
    wanted = [word for player in best for word in (player, str(players[player]))]
    texts = [str(result.value) for result in ctx.results] or [ctx.output, *ctx.output.splitlines()]
    shown = [re.findall(r"player\d+|(?<![\w.])\d+(?=\.0\b|(?![\w.]))", text) for text in texts]
    lists = [found for found in shown if any(word.startswith("player") for word in found)]
    if not lists:
        raise Missing("A list of players in what was printed")
    if wanted not in lists:
        raise Mismatch("The players shown", expected=wanted, found=lists[-1][:12], show_expected=False)

"""Checks of queries over sorted sets, and of indexes that must follow. The accounts vary with the seed.

That a change happened at once shows in no key afterwards, so a MONITOR listens while the answer runs."""

import random
import re

from sandbox.engines.redis_monitor import Monitor, TooManyCommands
from sandbox.grading import Mismatch, Missing, check

NAMES = (
    *("jaap", "jack", "jakob", "jana", "jannis", "jasper"),
    # Near by: they contain the letters, or come soon after them.
    *(
        "anja",
        "katja",
        "mirja",
        "jens",
        "jesper",
        "joris",
        "jutta",
        "ivo",
        "ida",
        "kai",
        "karl",
        "maja",
        "olaf",
    ),
)
LOW, HIGH = 100_000, 500_000


def prepare(ctx):
    """Some 60 accounts, some just at the bounds, and two indexes that are right."""
    draw = random.Random(ctx.seed)
    numbers = draw.sample([n for n in range(1000, 10_000) if n not in (4711, 4712)], draw.randint(55, 65))
    edges = (LOW - 1, LOW, LOW, HIGH - 1, HIGH, HIGH)
    accounts = {4711: ("marta", draw.randrange(HIGH, 700_000)), 4712: ("jan", draw.randrange(LOW, HIGH))}
    for place, number in enumerate(numbers):
        balance = edges[place] if place < len(edges) else draw.randrange(100, 1_000_000)
        accounts[number] = (NAMES[place] if place < len(NAMES) else draw.choice(NAMES), balance)
    pipe = ctx.connection.pipeline()
    for number, (name, balance) in accounts.items():
        pipe.hset(f"account:{number}", mapping={"name": name, "balance": balance})
    pipe.zadd("accounts:by-balance", {str(number): balance for number, (_, balance) in accounts.items()})
    pipe.zadd("accounts:by-name", {f"{name}:{number}": 0 for number, (name, _) in accounts.items()})
    pipe.execute()
    after = {**accounts, 4711: ("olsen", 777_700)}
    del after[4712]
    return {
        "range": {str(n): float(balance) for n, (_, balance) in accounts.items() if LOW <= balance < HIGH},
        "ja": {f"{name}:{n}": 0.0 for n, (name, _) in accounts.items() if name.startswith("ja")},
        "accounts": after,
        "monitor": Monitor(ctx.endpoint),
    }


def _scores(ctx, key):
    found = ctx.connection.type(key)
    if found == "none":
        raise Missing(f"Key {key}")
    if found != "zset":
        raise Mismatch(f"The type of {key}", expected="zset", found=found)
    return dict(ctx.connection.zrange(key, 0, -1, withscores=True))


def _compare(ctx, key, expected, what):
    found = _scores(ctx, key)
    if left := expected.keys() - found.keys():
        what = f"The number of {what} in {key}"
        raise Mismatch(what, expected=len(expected), found=len(expected) - len(left))
    if more := sorted(found.keys() - expected.keys()):
        raise Mismatch(f"An entry of {key}", expected=f"one of the {what}", found=more[0])
    for member, score in expected.items():
        if found[member] != score:
            what = f"The score of {member} in {key}"
            raise Mismatch(what, expected=score, found=found[member], show_expected=False)


@check(points=2)
def in_the_range(ctx):
    """`answer:range` has the accounts from 1000.00 up to, but without, 5000.00."""
    _compare(ctx, "answer:range", ctx.given["range"], "accounts in that range")


@check(points=2)
def by_beginning(ctx):
    """`answer:ja` has the entries of all names that begin with `ja`."""
    _compare(ctx, "answer:ja", ctx.given["ja"], "names with that beginning")


@check(points=2)
def accounts_right(ctx):
    """Account 4711 has its new name and balance, 4712 is gone, and all others are as they were."""
    expected = {f"account:{number}": values for number, values in ctx.given["accounts"].items()}
    there = set(ctx.connection.keys("account:*"))
    if more := sorted(there - expected.keys()):
        raise Mismatch("An account", expected="none of that number", found=more[0])
    for key, (name, balance) in expected.items():
        found = ctx.connection.hgetall(key) if ctx.connection.type(key) == "hash" else None
        if not found:
            raise Missing(f"The hash {key}")
        if found != {"name": name, "balance": str(balance)}:
            raise Mismatch(key, expected={"name": name, "balance": str(balance)}, found=found)


@check(points=3)
def indexes_follow(ctx):
    """Both indexes have an entry for each account as it is now, and no other."""
    accounts = ctx.given["accounts"]
    balances = {str(number): float(balance) for number, (_, balance) in accounts.items()}
    _compare(ctx, "accounts:by-balance", balances, "accounts that there are")
    names = {f"{name}:{number}": 0.0 for number, (name, _) in accounts.items()}
    _compare(ctx, "accounts:by-name", names, "accounts with their names")


@check(points=3)
def changed_at_once(ctx):
    """Account 4711 and its entries in the indexes changed in one transaction."""
    writes = set(ctx.connection.execute_command("COMMAND LIST FILTERBY ACLCAT write"))
    try:
        seen = ctx.given["monitor"].commands(ctx.connection)
    except TooManyCommands:
        raise Mismatch("The number of commands sent", expected="a few", found="very many") from None
    blocks, open_blocks = set(), {}
    for number, (client, words) in enumerate(seen):
        word = words[0].lower()
        if word == "multi":
            open_blocks[client] = number
        elif word in ("exec", "discard"):
            open_blocks.pop(client, None)
        elif word in writes and any(re.search(r"(^|:)4711$", each) for each in words[1:]):
            blocks.add((client, open_blocks.get(client), None if client in open_blocks else number))
    if not blocks:
        raise Missing("A change of account 4711")
    if len(blocks) > 1 or None in {block for _, block, _ in blocks}:
        raise Mismatch("The changes for account 4711", expected="one transaction", found="several steps")

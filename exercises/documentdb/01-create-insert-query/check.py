"""Checks of the first document exercise. Who lives in Lisbon varies with the seed."""

import random
import re
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

CITIES = ("Porto", "Madrid", "Oslo", "Quito")


def prepare(ctx):
    """Ten users, three or four of whom live in Lisbon."""
    draw = random.Random(ctx.seed)
    names = [f"user{number}" for number in draw.sample(range(1000, 10_000), 10)]
    chosen = set(draw.sample(names, draw.choice((3, 4))))
    users = [
        {"username": name, "city": "Lisbon" if name in chosen else draw.choice(CITIES)} for name in names
    ]
    ctx.connection.mydatabase.users.insert_many(users)
    return {"names": names, "lisbon": sorted(chosen), "began": datetime.now(UTC)}


def _johndoe(ctx):
    found = list(ctx.connection.mydatabase.users.find({"username": "johndoe"}))
    if not found:
        raise Missing("A user with the username johndoe in mydatabase.users")
    return found


@check(points=3)
def user_inserted(ctx):
    """The collection `users` of `mydatabase` holds one user johndoe, with his email."""
    found = _johndoe(ctx)
    if len(found) != 1:
        raise Mismatch("The number of users named johndoe", expected=1, found=len(found))
    if "email" not in found[0]:
        raise Missing("The field email of johndoe")
    if found[0]["email"] != "johndoe@example.com":
        raise Mismatch("The email of johndoe", expected="johndoe@example.com", found=found[0]["email"])


@check(points=2)
def created_at(ctx):
    """His `created_at` is a date, and it is that of now."""
    user = _johndoe(ctx)[0]
    if "created_at" not in user:
        raise Missing("The field created_at of johndoe")
    moment = user["created_at"]
    if not isinstance(moment, datetime):
        raise Mismatch("The type of created_at", expected="date", found=type(moment).__name__)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if abs(moment - ctx.given["began"]) > timedelta(hours=1):
        raise Mismatch("created_at", expected="the time of now", found=moment.isoformat())


@check(points=1)
def others_untouched(ctx):
    """The users that were there are still there."""
    names = {
        user["username"] for user in ctx.connection.mydatabase.users.find({"username": {"$ne": "johndoe"}})
    }
    if names != set(ctx.given["names"]):
        raise Mismatch("The number of other users", expected=len(ctx.given["names"]), found=len(names))


@check(points=3)
def found_by_city(ctx):
    """The users in Lisbon were shown, and nobody else."""
    texts = [str(result.value) for result in ctx.results if result.value] or [ctx.output]
    texts += [result.text for result in ctx.results if result.text]
    shown = [sorted(set(re.findall(r"\buser\d{4}\b", text))) for text in texts]
    if not any(shown):
        raise Missing("A list of users in what was printed")
    if ctx.given["lisbon"] not in shown:
        last = next(names for names in reversed(shown) if names)
        raise Mismatch("The users shown", expected=ctx.given["lisbon"], found=last, show_expected=False)

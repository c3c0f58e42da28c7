"""Checks of what was brought back after FLUSHALL. The bookings vary with the seed.

All of it happens for real before the answer: the file that the answer is given is the server's own."""

import random
import shutil
from pathlib import Path

from sandbox.grading import Mismatch, Missing, check

NOTES = ("window seat", "vegetarian", "by train, please", "two children", "wheelchair", "late arrival")
TRAP = "told the trainee never to type FLUSHALL here"
INDEX = "bookings:by-day"


def prepare(ctx):
    """Bookings that change and are cancelled, the FLUSHALL, and what came since; a copy of the file."""
    draw, store = random.Random(ctx.seed), ctx.connection
    numbers = draw.sample(range(10_000, 100_000), draw.randint(110, 140))
    old, new, again = numbers[:-20], numbers[-20:-5], draw.sample(numbers[:-20], 5)
    agency = _Agency(store, draw)
    trap = draw.randrange(40, 70)
    for place, number in enumerate(old):
        agency.book(number, TRAP if place == trap else draw.choice(NOTES))
        if place % 4 == 1:
            agency.change(draw.choice(sorted(agency.seats)))
        if place % 7 == 2:
            # Also some that are booked once more later on.
            agency.cancel(
                draw.choice(sorted(agency.seats.keys() - {old[trap]} if place > trap else agency.seats))
            )
    before = agency.state()
    cancelled = set(old) - before.keys()
    store.flushall()
    agency = _Agency(store, draw)
    for number in draw.sample([*new, *again], 20):
        agency.book(number, draw.choice(NOTES))
    since = agency.state()
    shutil.copytree(Path(store.config_get("dir")["dir"]) / "appendonlydir", ctx.files / "appendonlydir")
    return {"before": before, "since": since, "cancelled": cancelled - since.keys()}


class _Agency:
    """Bookings in the store, and what they are."""

    def __init__(self, store, draw):
        self._store, self._draw = store, draw
        self.seats, self._others = {}, {}

    def book(self, number, note):
        self.seats[number] = self._draw.randrange(1, 9)
        customer, day = self._draw.randrange(290, 2000), self._draw.randrange(16_000, 17_000)
        self._others[number] = (customer, note, day)
        pipe = self._store.pipeline()
        pipe.hset(
            f"booking:{number}", mapping={"customer": customer, "seats": self.seats[number], "note": note}
        )
        pipe.zadd(INDEX, {str(number): day})
        pipe.execute()

    def change(self, number):
        self.seats[number] += 1
        self._store.hincrby(f"booking:{number}", "seats", 1)

    def cancel(self, number):
        del self.seats[number]
        pipe = self._store.pipeline()
        pipe.delete(f"booking:{number}")
        pipe.zrem(INDEX, number)
        pipe.execute()

    def state(self):
        """Fields and day by number."""
        found = {}
        for number, seats in self.seats.items():
            customer, note, day = self._others[number]
            found[number] = ({"customer": str(customer), "seats": str(seats), "note": note}, float(day))
        return found


def _booking(ctx, number):
    key = f"booking:{number}"
    return ctx.connection.hgetall(key) if ctx.connection.type(key) == "hash" else None


def _compare(ctx, expected, which):
    found = {number: _booking(ctx, number) for number in expected}
    there = sum(fields is not None for fields in found.values())
    if there < len(expected):
        raise Mismatch(f"The number of bookings {which}", expected=len(expected), found=there)
    for number, (fields, _) in expected.items():
        if found[number] != fields:
            what = f"The fields of booking:{number}"
            raise Mismatch(what, expected=fields, found=found[number], show_expected=False)


@check(points=4)
def all_back(ctx):
    """Every booking that was there before the FLUSHALL is there, with the fields that it had then."""
    since = ctx.given["since"]
    expected = {number: booking for number, booking in ctx.given["before"].items() if number not in since}
    _compare(ctx, expected, "that were there before")


@check(points=2)
def since_then(ctx):
    """What was booked since then is as it was."""
    _compare(ctx, ctx.given["since"], "made since then")


@check(points=2)
def cancelled_stay_away(ctx):
    """What had been cancelled before stays away."""
    back = sum(_booking(ctx, number) is not None for number in ctx.given["cancelled"])
    if back:
        raise Mismatch("Cancelled bookings that came back", expected=0, found=back)


@check(points=2)
def index_whole(ctx):
    """`bookings:by-day` has an entry for each booking, with its day, and no other."""
    if ctx.connection.type(INDEX) != "zset":
        raise Missing(f"The sorted set {INDEX}")
    found = dict(ctx.connection.zrange(INDEX, 0, -1, withscores=True))
    bookings = {**ctx.given["before"], **ctx.given["since"]}
    expected = {str(number): day for number, (_, day) in bookings.items()}
    if found.keys() != expected.keys():
        right = len(found.keys() & expected.keys())
        said = f"{right} of them" + (f", and {len(found) - right} others" if len(found) > right else "")
        raise Mismatch(f"The entries of {INDEX}", expected=f"{len(expected)} bookings", found=said)
    for number, day in expected.items():
        if found[number] != day:
            what = f"The day of {number} in {INDEX}"
            raise Mismatch(what, expected=day, found=found[number], show_expected=False)

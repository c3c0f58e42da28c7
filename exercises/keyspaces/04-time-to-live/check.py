"""Checks of times to live and of write times. The write times vary with the seed."""

import random
import re
from datetime import UTC, datetime

from sandbox.grading import Mismatch, Missing, check

SLACK = 150
"""Seconds that may lie between a write and the check."""


def prepare(ctx):
    """Keyspace web with the table contacts, written at times in the past."""
    draw = random.Random(ctx.seed)
    run = ctx.connection.execute
    run("CREATE KEYSPACE web WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    run("CREATE TABLE web.contacts (person_id int PRIMARY KEY, email text)")
    run(f"GRANT SELECT ON KEYSPACE web TO {ctx.learner.user}")
    begin = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    written = {}
    for person in draw.sample(range(200, 400), 4):
        written[person] = begin + draw.randrange(150_000_000_000_000)
        run(
            "INSERT INTO web.contacts (person_id, email) VALUES (%s, %s) USING TIMESTAMP %s",
            (person, f"person{person}@example.com", written[person]),
        )
    return {"written": written}


@check(points=2)
def default_of_table(ctx):
    """Table `sessions` is in `web`, and its rows live 30 minutes unless a write says otherwise."""
    found = ctx.scalar(
        "SELECT default_time_to_live FROM system_schema.tables "
        "WHERE keyspace_name = 'web' AND table_name = 'sessions'"
    )
    if found is None:
        raise Missing("Table sessions in keyspace web")
    if found != 1800:
        raise Mismatch("Seconds that a row of sessions lives by default", expected=1800, found=found)


def _session(ctx, key):
    """The names and the times left of a session: username, its seconds; cart, its seconds."""
    columns = dict(
        ctx.rows(
            "SELECT column_name, type FROM system_schema.columns "
            "WHERE keyspace_name = 'web' AND table_name = 'sessions'"
        )
    )
    if not columns:
        raise Missing("Table sessions in keyspace web")
    for name in ("session_id", "username", "cart"):
        if columns.get(name) not in ("text", "varchar", "ascii"):
            raise Mismatch(f"The type of column {name} of sessions", expected="text", found=columns.get(name))
    rows = ctx.rows("SELECT session_id, username, ttl(username), cart, ttl(cart) FROM web.sessions", ())
    for found, *values in rows:
        if found == key:
            return values
    raise Missing(f"Session {key}")


def _lives(what, left, seconds):
    if seconds is None and left is not None:
        raise Mismatch(f"Seconds left to {what}", expected="no end", found=left)
    if seconds is not None and (left is None or not seconds - SLACK < left <= seconds):
        raise Mismatch(
            f"Seconds left to {what}",
            expected=f"just under {seconds}",
            found="no end" if left is None else left,
        )


@check(points=3)
def lifetimes(ctx):
    """The three sessions are there: guest's lives 30 minutes, kiosk's 5 minutes, service's has no end."""
    for name, seconds in (("guest", 1800), ("kiosk", 300), ("service", None)):
        username, left, _, _ = _session(ctx, f"s-{name}")
        if username != name:
            raise Mismatch(f"The username of s-{name}", expected=name, found=username)
        _lives(f"the username of s-{name}", left, seconds)


@check(points=3)
def cart_alone(ctx):
    """The cart of s-guest holds `book` for 10 minutes, while the session itself goes on after that."""
    _, session, cart, left = _session(ctx, "s-guest")
    if cart != "book":
        raise Mismatch("The cart of s-guest", expected="book", found=cart)
    _lives("the cart of s-guest", left, 600)
    if session is not None and session <= 600:
        raise Mismatch("Seconds left to the username of s-guest", expected="more than 600", found=session)


@check(points=2)
def write_times(ctx):
    """The time at which each e-mail address in `contacts` was written was shown beside its `person_id`."""
    lines = [re.findall(r"\d+", " ".join(map(str, row))) for result in ctx.results for row in result.rows]
    if not ctx.results:
        lines = [re.findall(r"\d+", line) for line in ctx.output.splitlines()]
    written = ctx.given["written"]
    times = {str(moment) for moment in written.values()}
    for person, moment in written.items():
        for line in lines:
            if str(person) in line and times & set(line) == {str(moment)}:
                break
        else:
            raise Missing(f"The time of writing beside person_id {person} in what was shown")

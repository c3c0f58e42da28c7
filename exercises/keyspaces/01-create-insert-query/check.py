"""Checks of the first Keyspaces exercise. The visits vary with the seed."""

import random
import re
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

KEYSPACE = "mykeyspace"
USERS = {("john_doe", "john_doe@example.com"), ("jane_doe", "jane_doe@example.com")}
WANTED = 3


def prepare(ctx):
    """A table of visits: jane_doe's, and newer ones of others, in the partition order of the server."""
    draw = random.Random(ctx.seed)
    session = ctx.connection
    session.execute(
        "CREATE KEYSPACE website WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    session.execute(
        "CREATE TABLE website.visits_by_user (username text, visited_at timestamp, page text, "
        "PRIMARY KEY (username, visited_at)) WITH CLUSTERING ORDER BY (visited_at DESC)"
    )
    session.execute(f"GRANT SELECT ON KEYSPACE website TO {ctx.learner.user}")
    pages = [f"/product/{number}" for number in draw.sample(range(100, 1000), 20)]
    names = ["jane_doe"] * 8 + ["john_doe"] * 6 + ["alice", "bob", "carol"] * 2
    now = datetime(2024, 3, 1, tzinfo=UTC)
    visits = []
    for name, page in zip(names, pages, strict=True):
        now += timedelta(minutes=draw.randrange(1, 300))
        visits.append((name, now, page))
    for visit in visits:
        session.execute(
            "INSERT INTO website.visits_by_user (username, visited_at, page) VALUES (%s, %s, %s)", visit
        )
    mine = [page for name, _, page in visits if name == "jane_doe"]
    return {"pages": pages, "last": mine[::-1][:WANTED]}


def _columns(ctx):
    """Kind and type of each column of users, by name."""
    rows = ctx.rows(
        "SELECT column_name, kind, type FROM system_schema.columns "
        "WHERE keyspace_name = %s AND table_name = %s",
        (KEYSPACE, "users"),
    )
    return {name: (kind, of) for name, kind, of in rows}


@check(points=2)
def keyspace(ctx):
    """Keyspace `mykeyspace` is there, with SimpleStrategy and one copy of each row."""
    found = ctx.scalar(
        "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s", (KEYSPACE,)
    )
    if found is None:
        raise Missing(f"Keyspace {KEYSPACE}")
    strategy = found["class"].rpartition(".")[2]
    if strategy != "SimpleStrategy":
        raise Mismatch(f"The strategy of {KEYSPACE}", expected="SimpleStrategy", found=strategy)
    if found["replication_factor"] != "1":
        raise Mismatch(
            f"The replication factor of {KEYSPACE}", expected=1, found=int(found["replication_factor"])
        )


@check(points=3)
def users_table(ctx):
    """Table `users` in it has the key `user_id` (a UUID) and the columns `username` and `email` (text)."""
    columns = _columns(ctx)
    if not columns:
        raise Missing(f"Table users in keyspace {KEYSPACE}")
    for name, of in (("user_id", "uuid"), ("username", "text"), ("email", "text")):
        if name not in columns:
            raise Missing(f"Column {name} of users")
        if columns[name][1] != of:
            raise Mismatch(f"The type of column {name}", expected=of, found=columns[name][1])
    key = [name for name, (kind, _) in columns.items() if kind in ("partition_key", "clustering")]
    if key != ["user_id"]:
        raise Mismatch("The primary key of users", expected=["user_id"], found=sorted(key))


@check(points=3, after=[users_table])
def two_users(ctx):
    """The users john_doe and jane_doe are in it, each with an identifier and an e-mail address."""
    found = ctx.rows(f"SELECT username, email FROM {KEYSPACE}.users")
    if len(found) != len(USERS):
        raise Mismatch("The number of rows in users", expected=len(USERS), found=len(found))
    for name, email in USERS:
        if name not in {row[0] for row in found}:
            raise Missing(f"User {name}")
        if (name, email) not in found:
            addresses = [row[1] for row in found if row[0] == name]
            raise Mismatch(f"The e-mail address of {name}", expected=email, found=addresses[0])


@check(points=2)
def last_visits(ctx):
    """The pages of the last three visits of jane_doe were shown, newest first, and no others."""
    known = set(ctx.given["pages"])
    tables = [[v for row in result.rows for v in row if v in known] for result in ctx.results]
    if not ctx.results:
        tables = [[page for page in re.findall(r"/product/\d+", ctx.output) if page in known]]
    shown = [table for table in tables if table]
    if not shown:
        raise Missing("A list of pages in what was printed")
    if shown[-1] != ctx.given["last"]:
        raise Mismatch(
            "The pages shown", expected=ctx.given["last"], found=shown[-1][:12], show_expected=False
        )

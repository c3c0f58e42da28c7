"""Checks of the counters: what the application did to which table is drawn."""

import random
import re

from sandbox.grading import CannotTell, Mismatch, Missing, check

TABLES = ("events", "jobs", "users")


def prepare(ctx):
    """The application at work: one table is read most, another written most, the third full of tombstones."""
    from cassandra.concurrent import execute_concurrent

    draw = random.Random(ctx.seed)
    read, written, deleted = draw.sample(TABLES, 3)
    session = ctx.connection
    session.execute(
        "CREATE KEYSPACE app WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    work = []
    for table in TABLES:
        session.execute(f"CREATE TABLE app.{table} (bucket int, id int, note text, PRIMARY KEY (bucket, id))")
        # The most written table has the fewest rows: one of them is written again and again.
        rows = 4 if table == written else draw.randrange(24, 30)
        ids = [number % rows for number in range(60)] if table == written else list(range(rows))
        insert = f"INSERT INTO app.{table} (bucket, id, note) VALUES (1, %s, 'x')"
        work += [(insert, (number,)) for number in ids]
    execute_concurrent(session, work)
    if_deleted = [(f"DELETE FROM app.{deleted} WHERE bucket = 1 AND id = %s", (n,)) for n in range(20)]
    execute_concurrent(session, if_deleted)
    reads = []
    for table in TABLES:
        times = draw.randrange(30, 40) if table == read else draw.randrange(6, 12)
        reads += [(f"SELECT * FROM app.{table} WHERE bucket = %s", (1,))] * times
    execute_concurrent(session, reads)
    session.execute(f"GRANT SELECT ON KEYSPACE app TO {ctx.learner.user}")
    return {"read": read, "written": written, "tombstones": deleted}


def _found(ctx, what):
    """The last line of the form "read: users", against what the application did, and the server counted."""
    lines = re.findall(rf"^\W*{what}\W+(?:app\.)?(\w+)\W*$", ctx.output, re.MULTILINE | re.IGNORECASE)
    if not lines:
        raise Missing(f"A line '{what}: <table>' in what was printed")
    if lines[-1] != ctx.given[what]:
        raise Mismatch(
            f"The table after '{what}:'", expected=ctx.given[what], found=lines[-1], show_expected=False
        )


@check(points=3)
def most_read(ctx):
    """The table that was read most often was found."""
    _found(ctx, "read")


@check(points=3)
def most_written(ctx):
    """The table that was written most often was found."""
    _found(ctx, "written")


@check(points=3)
def most_tombstones(ctx):
    """The table with the read that met the most tombstones was found."""
    rows = ctx.rows("SELECT keyspace_name, table_name, max FROM system_views.tombstones_per_read")
    counted = {table: most for keyspace, table, most in rows if keyspace == "app"}
    if not counted or max(counted, key=counted.get) != ctx.given["tombstones"]:
        raise CannotTell("The server did not count the tombstones of what was prepared.")
    _found(ctx, "tombstones")

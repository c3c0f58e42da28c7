"""Checks of splitting a partition. The readings vary with the seed."""

import random
import re
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

LATEST = 10
LAST = datetime(2024, 3, 20, tzinfo=UTC)


def prepare(ctx):
    """Readings of two sensors over three weeks; gate has a few on the last day, and a gap before it."""
    from cassandra.concurrent import execute_concurrent_with_args

    draw = random.Random(ctx.seed)
    session = ctx.connection
    session.execute(
        "CREATE KEYSPACE sensors WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    session.execute(
        "CREATE TABLE sensors.readings (sensor text, at timestamp, value int, PRIMARY KEY (sensor, at))"
    )
    for right in ("SELECT", "MODIFY", "CREATE"):
        session.execute(f"GRANT {right} ON KEYSPACE sensors TO {ctx.learner.user}")
    values = iter(draw.sample(range(10_000, 100_000), 300))
    gap = draw.randrange(1, 3)
    readings = []
    for back in range(20):
        many = {"door": draw.randrange(3, 6), "gate": draw.randrange(5, 8)}
        if back == 0:
            many["gate"] = draw.randrange(3, 5)
        elif back <= gap:
            many["gate"] = 0
        for sensor, count in many.items():
            seconds = draw.sample(range(60_000), count)
            if back == 0:
                # The newest comes late in the day: elsewhere on Earth it is another one already.
                seconds[0] = draw.randrange(60_000, 86_400)
            for second in seconds:
                readings.append(
                    (sensor, LAST - timedelta(days=back) + timedelta(seconds=second), next(values))
                )
    insert = session.prepare("INSERT INTO sensors.readings (sensor, at, value) VALUES (?, ?, ?)")
    execute_concurrent_with_args(session, insert, readings)
    gate = sorted((at, value) for sensor, at, value in readings if sensor == "gate")
    return {
        "readings": sorted((sensor, at.date(), at, value) for sensor, at, value in readings),
        "latest": [value for _, value in gate[: -LATEST - 1 : -1]],
    }


def _columns(ctx):
    rows = ctx.rows(
        "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns "
        "WHERE keyspace_name = 'sensors' AND table_name = 'readings_by_day'"
    )
    if not rows:
        raise Missing("Table sensors.readings_by_day")
    return {name: values for name, *values in rows}


@check(points=3)
def buckets(ctx):
    """In `readings_by_day` each day of a sensor is a partition, in which the newest reading comes first."""
    columns = _columns(ctx)
    key = sorted(name for name, (_, kind, _, _) in columns.items() if kind == "partition_key")
    if key != ["day", "sensor"]:
        raise Mismatch("The partition key", expected=["day", "sensor"], found=key)
    order = {pos: (name, way) for name, (_, kind, pos, way) in columns.items() if kind == "clustering"}
    if not order or order[0] != ("at", "desc"):
        raise Mismatch(
            "What the rows of a partition are sorted by", expected="at, falling", found=order.get(0)
        )


@check(points=3)
def copied(ctx):
    """All readings are in `readings_by_day`, each with its day in UTC, and still in `readings`."""
    columns = _columns(ctx)
    for name, of in (("sensor", "text"), ("day", "date"), ("at", "timestamp"), ("value", "int")):
        if name not in columns:
            raise Missing(f"Column {name} of readings_by_day")
        if columns[name][0] != of:
            raise Mismatch(f"The type of column {name}", expected=of, found=columns[name][0])
    wanted = ctx.given["readings"]
    rows = ctx.rows("SELECT sensor, day, at, value FROM sensors.readings_by_day")
    found = {(s, d and d.date(), at and at.replace(tzinfo=UTC), v) for s, d, at, v in rows}
    if len(rows) != len(wanted):
        raise Mismatch("The number of rows of readings_by_day", expected=len(wanted), found=len(rows))
    for sensor, day, at, value in wanted:
        if (sensor, day, at, value) not in found:
            other = next((str(d) for s, d, a, v in found if (s, a, v) == (sensor, at, value)), None)
            what = f"The day of the reading of {sensor} at {at:%Y-%m-%d %H:%M:%S} UTC"
            raise Mismatch(what, expected=str(day), found=other)
    left = ctx.scalar("SELECT count(*) FROM sensors.readings") if _old(ctx) else 0
    if left != len(wanted):
        raise Mismatch("The number of rows of readings", expected=len(wanted), found=left)


def _old(ctx):
    return ctx.rows(
        "SELECT id FROM system_schema.tables WHERE keyspace_name = 'sensors' AND table_name = 'readings'"
    )


@check(points=3)
def latest(ctx):
    """The latest ten readings of `gate` were printed, the newest first."""
    known = {value for _, _, _, value in ctx.given["readings"]}
    text = "\n".join(" ".join(map(str, row)) for result in ctx.results for row in result.rows) or ctx.output
    found = [int(word) for word in re.findall(r"(?<!\d)\d{5}(?!\d)", text) if int(word) in known]
    wanted = ctx.given["latest"]
    if not found:
        raise Missing("A value in what was printed")
    if found[-LATEST:] != wanted:
        if sorted(found[-LATEST:]) == sorted(wanted):
            raise Mismatch("The order of the values", expected="the newest first", found=found[-LATEST:])
        raise Mismatch(
            f"The last {LATEST} values printed", expected=wanted, found=found[-LATEST:], show_expected=False
        )

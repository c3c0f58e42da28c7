"""Checks of tracing: the traces that the server kept, and what was shown. The readings vary with the seed."""

import random
import re
import time
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """Readings of some sensors, a few of them over 90."""
    from cassandra.concurrent import execute_concurrent_with_args

    draw = random.Random(ctx.seed)
    session = ctx.connection
    session.execute(
        "CREATE KEYSPACE sensors WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    session.execute(
        "CREATE TABLE sensors.readings (sensor text, at timestamp, value int, PRIMARY KEY (sensor, at))"
    )
    session.execute(f"GRANT SELECT ON KEYSPACE sensors TO {ctx.learner.user}")
    begin = datetime(2024, 3, 1, tzinfo=UTC)
    rows = []
    for sensor in range(1, 10):
        for number in range(draw.randrange(5, 15)):
            rows.append((f"s{sensor}", begin + timedelta(minutes=number), draw.randrange(100)))
    rows.append(("s3", begin + timedelta(days=1), 95))
    insert = session.prepare("INSERT INTO sensors.readings (sensor, at, value) VALUES (?, ?, ?)")
    execute_concurrent_with_args(session, insert, rows)
    now = ctx.scalar("SELECT toTimestamp(now()) FROM system.local")
    return {"count": len(rows), "since": now}


def _traces(ctx):
    """The traces of this attempt's queries on readings: id, query and the text of all steps of each."""
    for _ in range(600):
        rows = ctx.rows("SELECT session_id, started_at, duration, parameters FROM system_traces.sessions")
        new = [row for row in rows if row[1] and row[1] >= ctx.given["since"]]
        # A trace is written after the answer was given.
        if all(duration is not None for _, _, duration, _ in new):
            break
        time.sleep(0.05)
    traces = []
    for session, _, _, parameters in new:
        steps = ctx.rows("SELECT activity FROM system_traces.events WHERE session_id = %s", (session,))
        text = "\n".join(activity or "" for (activity,) in steps)
        query = " ".join((parameters or {}).values())
        if "readings" in query or "readings" in text:
            traces.append((str(session), query.lower(), text.lower()))
    return traces


def _by_key(traces):
    return [t for t in traces if "single-partition query on readings" in t[2] and "s7" in t[1]]


def _by_filter(traces):
    return [t for t in traces if "seq scan" in t[2] and "value" in t[1] and "count" not in t[1]]


@check(points=2)
def by_key(ctx):
    """The server kept a trace of a query for sensor s7 that looked up one partition."""
    if not _by_key(_traces(ctx)):
        raise Missing("A trace of a query for s7 that reads a single partition")


@check(points=2)
def by_filter(ctx):
    """The server kept a trace of a query that read through all partitions for values over 90."""
    if not _by_filter(_traces(ctx)):
        raise Missing("A trace of a query by value that reads through all partitions")


@check(points=2)
def steps_shown(ctx):
    """The steps of both queries were shown."""
    shown = _shown(ctx).lower()
    for step in ("single-partition query on readings", "seq scan across"):
        if step not in shown:
            raise Missing(f"The step with the words '{step}' in what was shown")


@check(points=2)
def off_again(ctx):
    """The readings were counted, and without tracing: nothing beyond the two queries was traced."""
    shown = _shown(ctx)
    if not re.search(rf"(?<![\w.:-]){ctx.given['count']}(?![\w.:-])", shown):
        raise Missing("The number of all readings in what was shown")
    traces = _traces(ctx)
    counts = [query for _, query, _ in traces if "count" in query]
    if counts:
        raise Mismatch("Traces of the counting", expected=0, found=len(counts))


@check(points=2)
def traces_listed(ctx):
    """The sessions of both traces were shown, with their queries."""
    lines = _shown(ctx).splitlines()
    traces = _traces(ctx)
    for what, some in (("by key", _by_key(traces) or traces[:1]), ("that filters", _by_filter(traces))):
        if not any(
            session in line and "readings" in line.lower() for session, _, _ in some for line in lines
        ):
            raise Missing(f"The session of the query {what} in what was shown")


def _shown(ctx):
    """All that was shown, a line for each row."""
    lines = []
    for result in ctx.results:
        lines += [" ".join(map(str, row)) for row in result.rows]
        lines += result.text.splitlines()
    return "\n".join(lines) if ctx.results else ctx.output

"""Checks of what was read where: each server counts scans of a table for itself. Sales vary with the seed."""

import random
import time

from sandbox.grading import Mismatch, Missing, check

REGIONS = ("Central", "Europe", "Northeast", "Northwest", "Pacific", "Southeast", "Southwest")
SCANS = "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables where relname = 'sales'"
# A wrong answer that does not wait must be wrong on a quick machine, too, and on one where it stands still.
BEHIND = "2s"


def prepare(ctx):
    """Sales of before and of today; a replica that has the former, and replays late from now on."""
    draw = random.Random(ctx.seed)
    columns = "saleid int primary key, region text not null, amount numeric(10, 2) not null"
    ctx.rows(f"create table sales ({columns}); create table inbox ({columns})")
    ctx.rows("create table report (region text primary key, amount numeric not null)")
    ctx.rows("create table standbys (name text primary key, sync_state text not null)")
    ctx.rows(f"grant all on sales, inbox, report, standbys to {ctx.learner.user}")
    ctx.rows(f"grant pg_read_all_stats to {ctx.learner.user}")
    regions, sales = draw.sample(REGIONS, 5), {"sales": {}, "inbox": {}}
    number = 0
    for table, many in (("sales", draw.randint(80, 120)), ("inbox", draw.randint(10, 20))):
        for _ in range(many):
            number += draw.randint(1, 3)
            sales[table][number] = (draw.choice(regions), draw.randint(100, 99999))
        values = ", ".join(f"({n}, '{region}', {cents / 100})" for n, (region, cents) in sales[table].items())
        ctx.rows(f"insert into {table} values {values}")
    # Making its index has read the table.
    ctx.rows("select pg_stat_force_next_flush()")
    ctx.rows("select pg_stat_reset_single_table_counters('sales'::regclass)")
    _catch_up(ctx)
    _on_replica(ctx, f"alter system set recovery_min_apply_delay = '{BEHIND}'")
    _on_replica(ctx, "select pg_reload_conf()")
    rows = sales["sales"] | sales["inbox"]
    sums = {region: sum(cents for r, cents in rows.values() if r == region) for region in regions}
    return {"rows": rows, "sums": {region: cents for region, cents in sums.items() if cents}}


def _on_replica(ctx, statement, params=None):
    from sandbox.engines.postgres_guard import guarded_connection

    connection = guarded_connection(ctx.replicas[0])
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _until(true, seconds):
    ends = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < ends:
        time.sleep(0.02)
    return found


def _catch_up(ctx):
    position = ctx.scalar("select pg_current_wal_lsn()")
    come = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
    if not _until(lambda: _on_replica(ctx, come, [position])[0][0], 60):
        raise RuntimeError("the replica does not follow")


def _table(ctx, name, columns):
    import psycopg2

    try:
        return ctx.rows(f"select {columns} from public.{name} order by 1")
    except psycopg2.Error as problem:
        raise Missing(f"Table {name}, as it was,") from problem


@check(points=1)
def standby_noted(ctx):
    """The replica is noted in `standbys`, with its name and whether the primary waits for it."""
    expected = ctx.rows("select application_name, sync_state from pg_stat_replication order by 1")
    found = _table(ctx, "standbys", "name, sync_state")
    if not found:
        raise Missing("A row of standbys")
    if found != expected:
        raise Mismatch("The rows of standbys", expected=expected, found=found[:3], show_expected=False)


@check(points=4)
def read_on_the_replica(ctx):
    """The replica has read `sales`, and the primary has not."""
    # Sessions report what they read when they end, which they may be about to.
    gone = "select count(*) = 0 from pg_stat_activity where usename = %s"
    _until(lambda: ctx.scalar(gone, [ctx.learner.user]), 60)
    _until(lambda: _on_replica(ctx, gone, [ctx.learner.user])[0][0], 60)
    # This is the first of the checks that might read sales.
    there, here = _on_replica(ctx, SCANS), ctx.rows(SCANS)
    if not here:
        raise Missing("Table sales")
    if not there or not there[0][0]:
        raise Mismatch("Reads of sales on the replica", expected="at least one", found="none")
    if here[0][0]:
        raise Mismatch("Reads of sales on the primary", expected=0, found=here[0][0])


@check(points=1)
def sales_booked(ctx):
    """Today's sales are in `sales`, each once, beside all others."""
    found = {n: (region, round(amount * 100)) for n, region, amount in _table(ctx, "sales", "*")}
    expected = ctx.given["rows"]
    if len(found) != len(expected):
        raise Mismatch("The number of sales", expected=len(expected), found=len(found))
    if found != expected:
        raise Mismatch("The rows of sales", expected="those of sales and inbox", found="others")


@check(points=4, after=[sales_booked])
def report_right(ctx):
    """`report` has the sum of each region, with today's sales in it."""
    expected = ctx.given["sums"]
    found = {region: round(amount * 100) for region, amount in _table(ctx, "report", "region, amount")}
    if found.keys() != expected.keys():
        raise Mismatch("The regions in report", expected=sorted(expected), found=sorted(found))
    for region, cents in expected.items():
        if found[region] != cents:
            what = f"The amount of {region} in report"
            raise Mismatch(what, expected=cents / 100, found=found[region] / 100, show_expected=False)

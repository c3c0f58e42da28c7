"""Checks of what was read where: each server counts reads of a table for itself. Sales vary with the seed."""

import random
import time

from sandbox.grading import CannotTell, Mismatch, Missing, check

REGIONS = ("Central", "Europe", "Northeast", "Northwest", "Pacific", "Southeast", "Southwest")
READS = (
    "select coalesce(sum(count_fetch), 0) from performance_schema.table_io_waits_summary_by_table"
    " where object_schema = 'sandbox' and object_name = 'sales'"
)
FORGET = "truncate table performance_schema.table_io_waits_summary_by_table"
# A wrong answer that does not wait must be wrong on a quick machine, too, and on one where it stands still.
# In MariaDB a trigger makes the replica late; MySQL runs none there, and can be late by whole seconds.
BEHIND = 2


def prepare(ctx):
    """Sales of before and of today; a replica that has the former, and is late with the latter."""
    draw = random.Random(ctx.seed)
    columns = "saleid int primary key, region varchar(20) not null, amount decimal(10, 2) not null"
    ctx.rows(f"create table sales ({columns})")
    ctx.rows(f"create table inbox ({columns})")
    ctx.rows("create table report (region varchar(20) primary key, amount decimal(12, 2) not null)")
    ctx.rows(
        "create table servers (role varchar(20) primary key, server_id int not null, refusal int not null)"
    )
    # Whoever may alter a table may make its counters begin again.
    ctx.rows(f"revoke all on sandbox.sales from {ctx.learner.user}@'%%'", [])
    ctx.rows(f"grant select, insert, update, delete on sandbox.sales to {ctx.learner.user}@'%%'", [])
    mariadb = _is_mariadb(ctx)
    monitor = "replica monitor, binlog monitor" if mariadb else "replication client"
    ctx.rows(f"grant {monitor} on *.* to {ctx.learner.user}@'%%'", [])
    regions, sales = draw.sample(REGIONS, 5), {"sales": {}, "inbox": {}}
    number = 0
    for table, many in (("sales", draw.randint(80, 120)), ("inbox", draw.randint(10, 20))):
        for _ in range(many):
            number += draw.randint(1, 3)
            sales[table][number] = (draw.choice(regions), draw.randint(100, 99999))
        values = ", ".join(f"({n}, '{region}', {cents / 100})" for n, (region, cents) in sales[table].items())
        ctx.rows(f"insert into {table} values {values}")
    _catch_up(ctx)
    here, there = draw.sample(range(100, 10000), 2)
    ctx.rows(f"set global server_id = {here}")
    late = [f"change replication source to source_delay = {BEHIND}"]
    if mariadb:
        late = [
            # The first of today's sales takes its time, and with it the transaction that it comes in.
            "set sql_log_bin = 0",
            "create trigger late before insert on sales for each row"
            f" set @waited = if(new.saleid = {min(sales['inbox'])}, sleep({BEHIND}), 0)",
            "set global slave_run_triggers_for_rbr = 'YES'",
        ]
    _on_replica(ctx, "stop replica", f"set global server_id = {there}", *late, "start replica", FORGET)
    ctx.rows(FORGET)
    rows = sales["sales"] | sales["inbox"]
    sums = {region: sum(cents for r, cents in rows.values() if r == region) for region in regions}
    return {
        "rows": rows,
        "sums": {region: cents for region, cents in sums.items() if cents},
        "servers": [("primary", here, 0), ("replica", there, 1290)],
    }


def _on_replica(ctx, *statements):
    """The rows that the last statement gives there."""
    import pymysql

    there = ctx.replicas[0]
    connection = pymysql.connect(
        host=there.host,
        port=there.port,
        user=there.user,
        password=there.password,
        database=there.database,
        autocommit=True,
        ssl_disabled=True,
    )
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
    finally:
        connection.close()


def _is_mariadb(ctx):
    return "mariadb" in ctx.scalar("select version()").lower()


def _catch_up(ctx):
    where, wait = "@@global.gtid_executed", "wait_for_executed_gtid_set"
    if _is_mariadb(ctx):
        where, wait = "@@gtid_binlog_pos", "master_gtid_wait"
    position = ctx.scalar(f"select {where}")
    ends = time.monotonic() + 60
    while _on_replica(ctx, f"select {wait}('{position}', 5)") != [(0,)]:
        if time.monotonic() > ends:
            raise CannotTell("The replica does not follow.")


def _table(ctx, name, columns):
    import pymysql

    try:
        return ctx.rows(f"select {columns} from {name} order by 1")
    except pymysql.err.Error as problem:
        raise Missing(f"Table {name}, as it was,") from problem


@check(points=2)
def servers_noted(ctx):
    """Both servers are noted in `servers`, and the error with which the replica refuses a change."""
    found = {role: tuple(rest) for role, *rest in _table(ctx, "servers", "role, server_id, refusal")}
    for role, *expected in ctx.given["servers"]:
        if role not in found:
            raise Missing(f"The role {role} in servers")
        if found[role] != tuple(expected):
            what = f"server_id and refusal of the {role}"
            raise Mismatch(what, expected=tuple(expected), found=found[role], show_expected=False)


@check(points=4)
def read_on_the_replica(ctx):
    """The replica has read `sales`, and the primary has not."""
    # This is the first of the checks that might read sales.
    here, there = ctx.scalar(READS), _on_replica(ctx, READS)[0][0]
    if not there:
        raise Mismatch("Rows of sales read on the replica", expected="some", found="none")
    if here:
        raise Mismatch("Rows of sales read on the primary", expected=0, found=int(here))


@check(points=1)
def sales_booked(ctx):
    """Today's sales are in `sales`, each once, beside all others."""
    found = {
        n: (region, round(amount * 100))
        for n, region, amount in _table(ctx, "sales", "saleid, region, amount")
    }
    expected = ctx.given["rows"]
    if len(found) != len(expected):
        raise Mismatch("The number of sales", expected=len(expected), found=len(found))
    if found != expected:
        raise Mismatch("The rows of sales", expected="those of sales and inbox", found="others")


@check(points=4, after=[sales_booked])
def report_right(ctx):
    """`report` has the sum of each region, with today's sales in it."""
    expected = ctx.given["sums"]
    rows = _table(ctx, "report", "region, amount")
    found = {region: round((amount or 0) * 100) for region, amount in rows}
    if found.keys() != expected.keys():
        raise Mismatch("The regions in report", expected=sorted(expected), found=sorted(found))
    for region, cents in expected.items():
        if found[region] != cents:
            what = f"The amount of {region} in report"
            raise Mismatch(what, expected=cents / 100, found=found[region] / 100, show_expected=False)

"""Checks of what was found in pg_stat_statements. Which statement runs how often varies with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

# Three of each kind: one of them runs often, the others seldom. {} is a value, which is not counted apart.
LOOKUPS = (
    "select fullname from customers where customerid = {}",
    "select jobtitle from employees where employeeid = {}",
    "select lastname from customers where customerid = {} and firstname <> ''",
)
LISTS = (
    "select fullname from employees where organizationlevel <> {} order by fullname",
    "select employeeid, territory from employees where managerid is not null or employeeid = {}",
    "select lastname, firstname from customers where lastname < 'Ad' or customerid = {}",
)
SCANS = (
    "select sum(linetotal) from orders where productid = {}",
    "select avg(orderqty) from orders where unitprice > {}",
    "select max(freight) from orders where productid <> {}",
)
ONCE = (
    "select count(*) from orders o join customers c using (customerid) where o.orderqty + c.customerid > {}"
)


def prepare(ctx):
    """A day of the shop and a night of the job, counted from nothing."""
    draw = random.Random(ctx.seed)
    ctx.rows("create extension pg_stat_statements")
    ctx.rows("create table loads (what text primary key, queryid bigint not null)")
    learner = ctx.learner.user
    ctx.rows(f"grant all on loads to {learner}; grant pg_read_all_stats to {learner}")
    for role in ("shop_web", "nightly_job"):
        ctx.rows(f"create role {role}; grant select on customers, employees, orders to {role}")
    lookups, lists, scans = (draw.sample(kind, 3) for kind in (LOOKUPS, LISTS, SCANS))
    day = [
        *zip(lookups, (60, 25, 14), strict=True),
        *zip(lists, (20, 2, 1), strict=True),
        *zip(scans, (6, 2, 1), strict=True),
        (ONCE, 1),
    ]
    night = [(lookups[1], 80), (lists[1], 80), (scans[1], 12)]
    # All that is read lies in memory before anything is counted.
    for statement in (*LOOKUPS, *LISTS, *SCANS):
        ctx.rows(statement.format(0))
    ctx.rows("select pg_stat_statements_reset()")
    for role, work in (("shop_web", day), ("nightly_job", night)):
        ctx.rows(f"set role {role}")
        for statement, calls in work:
            for _ in range(calls):
                ctx.rows(statement.format(draw.randint(275, 900)))
        ctx.rows("reset role")
    counted = ctx.rows(
        "select queryid, calls, rows, shared_blks_hit + shared_blks_read from pg_stat_statements"
        " where userid = 'shop_web'::regrole and query like 'select%'"
    )
    return {
        what: max(counted, key=lambda row: row[at])[0]
        for at, what in enumerate(("calls", "rows", "blocks"), start=1)
    }


def _noted(ctx, what):
    import psycopg2

    try:
        found = ctx.scalar("select queryid from public.loads where what = %s", [what])
    except psycopg2.Error as problem:
        raise Missing("Table loads, as it was,") from problem
    if found is None:
        raise Missing(f"The row '{what}' of loads")
    if found == ctx.given[what]:
        return
    known = ctx.rows(
        "select pg_get_userbyid(userid), left(query, 50) from public.pg_stat_statements(true)"
        " where queryid = %s order by userid = 'shop_web'::regrole desc",
        [found],
    )
    said = f"of {known[0][0]}: {known[0][1]} ..." if known else "no statement that was counted"
    raise Mismatch(f"The statement under '{what}'", expected=ctx.given[what], found=said, show_expected=False)


@check(points=2)
def most_calls(ctx):
    """The statement that `shop_web` executed most often is noted."""
    _noted(ctx, "calls")


@check(points=2)
def most_rows(ctx):
    """The statement that gave `shop_web` the most rows in all is noted."""
    _noted(ctx, "rows")


@check(points=3)
def most_blocks(ctx):
    """The statement of `shop_web` that touched the most blocks in all is noted."""
    _noted(ctx, "blocks")

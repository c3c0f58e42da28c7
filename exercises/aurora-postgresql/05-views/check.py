"""Checks of view and materialized view. Which orders are sold, and which come late, varies with the seed."""

from sandbox.grading import Mismatch, Missing, check

PREPARED = (
    # Four of five customers bought something.
    "create table sales as select salesorderid, customerid, orderdate, linetotal from orders"
    " where abs(hashint4extended(customerid, %(seed)s)) %% 10 < 8",
    # Late: orders of months that have others, and a month of their own.
    "create table late_sales (like sales)",
    "with late as (delete from sales where abs(hashint4extended(salesorderid, %(seed)s)) %% 12 = 0"
    " returning *) insert into late_sales select * from late",
    "insert into late_sales select 100000 + salesorderid, customerid, date '2014-07-01' + salesorderid %% 30,"
    " linetotal + %(seed)s %% 100 from late_sales where orderdate >= '2014-01-01'",
)
TOTALS = """
    select c.customerid, c.fullname, count(distinct s.salesorderid), coalesce(sum(s.linetotal), 0)
    from public.customers c left join public.sales s using (customerid) group by 1, 2"""
MONTHS = "select date_trunc('month', orderdate)::date, sum(linetotal) from public.sales group by 1"


def prepare(ctx):
    """The sales, and those that come late."""
    for statement in PREPARED:
        ctx.rows(statement, {"seed": ctx.seed})
    ctx.rows(f"grant select on late_sales to {ctx.learner.user}")
    ctx.rows(f"grant select, insert on sales to {ctx.learner.user}")
    return {"rows": ctx.scalar("select (select count(*) from sales) + (select count(*) from late_sales)")}


def _demand(ctx, name, columns):
    held = [
        column
        for (column,) in ctx.rows(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0"
            " and not attisdropped",
            [f"public.{name}"],
        )
    ]
    if not held:
        raise Missing(f"View {name}")
    for column in columns:
        if column not in held:
            raise Missing(f"Column {column} of {name}")


def _customers(ctx):
    _demand(ctx, "customer_totals", ("customerid", "fullname", "orders", "total"))
    with ctx.trial("Reading customer_totals") as learner:
        rows = learner("select customerid, fullname, orders, total::numeric from customer_totals")
    wanted = ctx.rows(TOTALS)
    if len(rows) != len(wanted):
        raise Mismatch("The number of rows in customer_totals", expected=len(wanted), found=len(rows))
    return {row[0]: row for row in rows}, {row[0]: row for row in wanted}


@check(points=2)
def totals(ctx):
    """`customer_totals` has each customer once, with name and total, which is 0 for who bought nothing."""
    held, wanted = _customers(ctx)
    for customer, (_, name, _, total) in wanted.items():
        if customer not in held:
            raise Missing(f"Customer {customer} in customer_totals")
        _, found_name, _, found = held[customer]
        if found_name != name:
            raise Mismatch(f"fullname of customer {customer}", expected=name, found=found_name)
        if found is None or float(found) != float(total):
            shown = None if found is None else float(found)
            raise Mismatch(f"total of customer {customer}", expected=float(total), found=shown)


@check(points=2)
def orders_counted(ctx):
    """It counts the orders of each customer, not their lines."""
    held, wanted = _customers(ctx)
    for customer, (_, _, orders, _) in wanted.items():
        found = held[customer][2] if customer in held else None
        if found != orders:
            raise Mismatch(f"orders of customer {customer}", expected=orders, found=found)


@check(points=2)
def always_current(ctx):
    """A sale is in `customer_totals` as soon as it is in `sales`."""
    _demand(ctx, "customer_totals", ("customerid", "total"))
    customer = ctx.scalar("select customerid from public.sales order by salesorderid limit 1")
    total = "select sum(total)::numeric from customer_totals where customerid = %s"
    with ctx.trial("Inserting a sale and reading customer_totals") as learner:
        ((before,),) = learner(total, [customer])
        learner("insert into sales values (-1, %s, '2015-02-14', 123.45)", [customer])
        ((after,),) = learner(total, [customer])
    grown = float(after or 0) - float(before or 0)
    if not abs(grown - 123.45) <= 0.001:  # NaN is neither
        raise Mismatch("What a sale of 123.45 adds to the customer's total", expected=123.45, found=grown)


@check(points=1)
def late_inserted(ctx):
    """All late sales are in `sales`, once."""
    rows = ctx.scalar("select count(*) from public.sales")
    if rows != ctx.given["rows"]:
        raise Mismatch("The number of rows in sales", expected=ctx.given["rows"], found=rows)
    lacking = ctx.scalar(
        "select count(*) from (select * from public.late_sales except all select * from public.sales) l"
    )
    if lacking:
        raise Mismatch("Late sales that are not in sales", expected=0, found=lacking)


@check(points=1)
def months_kept(ctx):
    """`month_totals` is a materialized view with the columns `month` and `total`."""
    kind = ctx.scalar("select relkind from pg_class where oid = to_regclass('public.month_totals')")
    if kind is None:
        raise Missing("Materialized view month_totals")
    if kind != "m":
        raise Mismatch(
            "month_totals",
            expected="a materialized view",
            found={"v": "a view", "r": "a table"}.get(kind, kind),
        )
    _demand(ctx, "month_totals", ("month", "total"))


MONTHS_HELD = "select month::date, total::numeric from month_totals order by 1"


@check(points=2, after=[months_kept, late_inserted])
def months_current(ctx):
    """`month_totals` has the total of each month, as the sales are now."""
    with ctx.trial("Reading month_totals") as learner:
        rows = learner(MONTHS_HELD)
    wanted = sorted(ctx.rows(MONTHS))
    if len(rows) != len(wanted):
        raise Mismatch("The number of months", expected=len(wanted), found=len(rows))
    for (month, total), (wanted_month, wanted_total) in zip(rows, wanted, strict=True):
        if month != wanted_month:
            raise Mismatch("A month", expected=str(wanted_month), found=str(month))
        if total != wanted_total:
            raise Mismatch(f"The total of {month}", expected=str(wanted_total), found=str(total))


@check(points=2, after=[months_kept])
def refreshable(ctx):
    """`month_totals` can be refreshed concurrently, and then has the newest sale."""
    with ctx.trial("REFRESH MATERIALIZED VIEW CONCURRENTLY") as learner:
        learner("insert into sales values (-1, -1, '2015-02-14', 123.45)")
        learner("refresh materialized view concurrently month_totals")
        newest = learner(MONTHS_HELD)[-1:]
    found = [(str(month), float(total)) for month, total in newest if month and total]
    if found != [("2015-02-01", 123.45)]:
        raise Mismatch("The newest month after a refresh", expected=("2015-02-01", 123.45), found=found)

"""Checks of the sales cut into years. Which orders are in them varies with the seed."""

from sandbox.grading import Mismatch, Missing, check

COLUMNS = "salesorderid, line, orderdate, customerid, linetotal"
YEARS = (2012, 2013, 2014, 2015)
PREPARED = (
    "create table sales_history as select salesorderid,"
    " row_number() over (partition by salesorderid order by salesorderdetailid)::int as line,"
    " orderdate, customerid, linetotal from orders"
    # Always with sales on a last day of December.
    " where abs(hashint4extended(salesorderid, %(seed)s)) %% 3 < 2 or orderdate = date '2013-12-31'",
    # What was sold in the first half of 2014, a year later, and some of it by a broken clock.
    "create table arrivals as select 100000 + salesorderid as salesorderid, line,"
    " case when abs(hashint4extended(salesorderid, %(seed)s)) %% 10 = 0 then date '1970-01-01'"
    " else (orderdate + interval '1 year')::date end as orderdate, customerid, linetotal"
    " from sales_history where orderdate >= '2014-01-01'",
)


def prepare(ctx):
    """The history, and what arrives after it."""
    for statement in PREPARED:
        ctx.rows(statement, {"seed": ctx.seed})
    ctx.rows(f"grant select on sales_history, arrivals to {ctx.learner.user}")


def _demand(ctx, table):
    held = ctx.rows(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0"
        " and not attisdropped",
        [f"public.{table}"],
    )
    if not held:
        raise Missing(f"Table {table}")
    for column in COLUMNS.split(", "):
        if (column,) not in held:
            raise Missing(f"Column {column} of {table}")


@check(points=3)
def partitioned(ctx):
    """`sales` is partitioned by range of `orderdate`, and its primary key names a row."""
    _demand(ctx, "sales")
    found = ctx.rows(
        "select partstrat, array(select attname::text from pg_attribute where attrelid = partrelid"
        " and attnum = any(partattrs)), partexprs is null from pg_partitioned_table"
        " where partrelid = 'public.sales'::regclass"
    )
    if not found:
        raise Mismatch("sales", expected="a partitioned table", found="one that is not")
    strategy, columns, plain = found[0]
    if strategy != "r":
        raise Mismatch(
            "sales is partitioned by", expected="range", found={"l": "list", "h": "hash"}[strategy]
        )
    if columns != ["orderdate"] or not plain:
        said = ", ".join(columns) if plain else "an expression"
        raise Mismatch("What the range is of", expected="orderdate", found=said)
    key = ctx.rows(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = any(i.indkey) where i.indisprimary and i.indrelid = 'public.sales'::regclass"
    )
    if not key:
        raise Missing("The primary key of sales")
    if sorted(key) != [("line",), ("orderdate",), ("salesorderid",)]:
        found = ", ".join(sorted(name for (name,) in key))
        raise Mismatch("The primary key of sales", expected="line, orderdate, salesorderid", found=found)


@check(points=3)
def years(ctx):
    """Each year from 2012 to 2015 has one partition, which takes its first and its last day."""
    _demand(ctx, "sales")
    seen = {}
    with ctx.trial("Inserting the first and the last day of each year into sales") as learner:
        customer = ctx.scalar("select min(customerid) from public.customers")
        for number, year in enumerate(YEARS):
            for line, day in enumerate((f"{year}-01-01", f"{year}-12-31")):
                row = [-1 - number, line, day, customer]
                learner(f"insert into sales ({COLUMNS}) values (%s, %s, %s, %s, 1)", row)
            where = "where orderdate >= %s and orderdate < %s"
            held = learner(
                f"select tableoid::regclass::text, min(orderdate)::date from sales {where} group by 1",
                [f"{year}-01-01", f"{year + 1}-01-01"],
            )
            if len(held) != 1:
                raise Mismatch(f"The partitions with days of {year}", expected=1, found=len(held))
            seen.setdefault(held[0][0], []).append(year)
    for partition, held in seen.items():
        if len(held) > 1:
            raise Mismatch(f"The years in {partition}", expected="one", found=f"{held[0]} to {held[-1]}")


@check(points=1)
def astray(ctx):
    """The sales of 1970 lie in `sales`, in a partition with no year of the others."""
    _demand(ctx, "sales")
    with ctx.trial("Reading sales") as learner:
        held = learner(
            "select tableoid, array_agg(distinct extract(year from orderdate)::int) from sales group by 1"
        )
    mixed = [found for _, found in held if 1970 in found]
    if not mixed:
        raise Missing("The sales of 1970 in sales")
    others = sorted(set(mixed[0]) & set(YEARS))
    if others:
        raise Mismatch("Years that lie with 1970", expected="none that has a partition", found=others)


@check(points=2)
def pruned(ctx):
    """A question for the sales of one year reads one partition, and no other."""
    _demand(ctx, "sales")
    with ctx.trial("Asking for the plan of a question for 2013") as learner:
        ((plan,),) = learner(
            "explain (format json) select sum(linetotal) from sales"
            " where orderdate >= '2013-01-01' and orderdate < '2014-01-01'"
        )
        read = sorted({node["Relation Name"] for node in _nodes(plan[0]["Plan"]) if "Relation Name" in node})
        ((others,),) = learner(
            "select count(*) from sales where tableoid::regclass::text = any(%s)"
            " and extract(year from orderdate) <> 2013",
            [read],
        )
    if len(read) != 1:
        raise Mismatch("The partitions read for 2013", expected=1, found=len(read))
    if others:
        raise Mismatch("Rows of other years that are read for 2013", expected=0, found=others)


def _nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _same_rows(ctx, table, wanted):
    """Compare the rows of a table with those of a query, by what names a row and its values."""
    with ctx.trial(f"Reading {table}") as learner:
        held = learner(
            "select salesorderid::int, line::int, orderdate::date, customerid::int, linetotal::numeric"
            f" from {table}"
        )
    # As texts: the key may be gone, and a learner's value may be NULL, which has no place in an order.
    held.sort(key=lambda row: [str(value) for value in row[:3]])
    right = ctx.rows(f"select {COLUMNS} from ({wanted}) as w")
    right.sort(key=lambda row: [str(value) for value in row[:3]])
    if len(held) != len(right):
        raise Mismatch(f"The number of rows in {table}", expected=len(right), found=len(held))
    for row, other in zip(held, right, strict=True):
        if row != other:
            raise Mismatch(f"A row of {table}", expected=str(other[:3]), found=str(row[:3]))


@check(points=2)
def complete(ctx):
    """`sales` has every row of history and arrivals but those of 2011, each once."""
    _demand(ctx, "sales")
    _same_rows(
        ctx,
        "sales",
        "select * from public.sales_history where orderdate >= '2012-01-01'"
        " union all select * from public.arrivals",
    )


@check(points=2)
def archived(ctx):
    """`sales_2011` has the rows of 2011, and is no part of `sales`."""
    _demand(ctx, "sales_2011")
    if ctx.scalar("select relispartition from pg_class where oid = 'public.sales_2011'::regclass"):
        raise Mismatch("sales_2011", expected="a table of its own", found="a partition")
    _same_rows(ctx, "sales_2011", "select * from public.sales_history where orderdate < '2012-01-01'")

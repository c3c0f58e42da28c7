"""Checks of two plans. Customers and days vary with the seed."""

import random
import re
from datetime import date, timedelta

from sandbox.grading import Mismatch, Missing, check

ROWS = 6000
BY_CUSTOMER = "select parcelid, sent, status from parcels where customerid = %s order by sent desc limit 10"
BY_DAY = "select status, count(*) from parcels where sent between %s and %s group by status"
FACTS = "select count(*), sum(crc32(concat_ws('|', parcelid, customerid, sent, status, note))) from parcels"


def prepare(ctx):
    """Parcels in no order: one customer has hundreds, the others few."""
    draw = random.Random(ctx.seed)
    few = draw.choice((251, 307, 401, 503))
    busy, share = draw.randint(1, few), draw.randint(20, 30)
    factor = draw.choice((7, 11, 13, 17))
    ctx.rows(
        "create table parcels (parcelid int primary key, customerid int not null, sent date not null,"
        " status varchar(20) not null, note varchar(200) not null)"
    )
    rows = []
    for n in range(1, ROWS + 1):
        customer = busy if n % share == 0 else 1 + n * 37 % few
        sent = date(2014, 1, 1) + timedelta(n * factor % 997)
        status = "lost" if n % 40 == 0 else "on its way" if n % 9 == 0 else "delivered"
        rows.append(f"({n}, {customer}, '{sent}', '{status}', repeat('.', 90))")
    ctx.rows(f"insert into parcels values {', '.join(rows)}")
    ctx.rows("analyze table parcels")
    rare = ctx.scalar(
        "select customerid from parcels group by 1 having count(*) between 5 and 30 order by rand(1)"
    )
    first = date(2014, 1, 1) + timedelta(draw.randint(100, 800))
    return {
        "asked": {
            "of a busy customer": (BY_CUSTOMER, [busy]),
            "of a customer with few": (BY_CUSTOMER, [rare]),
            "of some weeks": (BY_DAY, [first, first + timedelta(draw.randint(15, 45))]),
        },
        "facts": ctx.rows(FACTS),
    }


def _plan(ctx, who):
    """Columns of EXPLAIN (type, key, Extra) that the server chooses now, with fresh statistics."""
    import pymysql

    kind = ctx.scalar(
        "select table_type from information_schema.tables"
        " where table_schema = database() and table_name = 'parcels'"
    )
    if kind != "BASE TABLE":
        raise Missing("Table parcels")
    try:
        if "analyzed" not in ctx.given:
            ctx.rows("analyze table parcels")
            ctx.given["analyzed"] = True
            ctx.given["unchanged"] = ctx.rows(FACTS) == ctx.given["facts"]
        query, values = ctx.given["asked"][who]
        with ctx.connection.cursor() as cursor:
            # The newest MySQL draws a tree unless it is told otherwise.
            cursor.execute(f"explain format=traditional {query}", values)
            names = [column[0].lower() for column in cursor.description]
            lines = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except pymysql.err.Error as problem:
        raise Missing("Table parcels as it was") from problem
    if not ctx.given["unchanged"]:
        raise Mismatch("The rows of parcels", expected="as they were", found="changed")
    return lines[0]


def _first_column(ctx, index):
    return ctx.scalar(
        "select lower(column_name) from information_schema.statistics where table_schema = database()"
        " and table_name = 'parcels' and index_name = %s and seq_in_index = 1",
        [index],
    )


def _demand_index(ctx, who, column):
    """An index that begins with the column: one that has it in the second place is read from end to end."""
    plan = _plan(ctx, who)
    begins = plan["key"] and _first_column(ctx, plan["key"])
    if plan["type"] not in ("ref", "range") or begins != column:
        found = f"type {plan['type']}, key {plan['key']}"
        raise Mismatch(f"How parcels {who} are found", expected=f"by an index on {column}", found=found)
    return plan


@check(points=2)
def by_customer(ctx):
    """Query A finds the parcels of a customer who has few by an index."""
    _demand_index(ctx, "of a customer with few", "customerid")


@check(points=3, after=[by_customer])
def no_sort(ctx):
    """For a customer with hundreds of parcels the index gives the newest ten in order: nothing is sorted."""
    extra = _demand_index(ctx, "of a busy customer", "customerid")["extra"] or ""
    if "filesort" in extra:
        raise Mismatch("Extra of query A", expected="no filesort", found=extra)


@check(points=3)
def index_alone(ctx):
    """Query B reads only the weeks in question, and only an index."""
    plan = _demand_index(ctx, "of some weeks", "sent")
    if "Using index" not in re.split(r";\s*", plan["extra"] or ""):
        raise Mismatch("Extra of query B", expected="nothing read but the index", found=plan["extra"])


@check(points=2)
def nothing_useless(ctx):
    """There is no index that neither of the two queries uses."""
    used = {_plan(ctx, who)["key"] for who in ctx.given["asked"]}
    for (name,) in ctx.rows(
        "select distinct index_name from information_schema.statistics where table_schema = database()"
        " and table_name = 'parcels' and index_name <> 'PRIMARY' order by 1"
    ):
        if name not in used:
            raise Mismatch("The indexes of parcels", expected="only those that A or B uses", found=name)


@check(points=1)
def before_and_after(ctx):
    """A plan was shown that reads all of `parcels`, and later one that goes by an index."""
    indexes = [
        name
        for (name,) in ctx.rows(
            "select distinct index_name from information_schema.statistics where table_schema = database()"
            " and table_name = 'parcels' and index_name <> 'PRIMARY'"
        )
    ]
    # The words of the server: in rows of EXPLAIN, in what a program printed of them, or in JSON.
    shown = "\n".join(str(row) for result in ctx.results for row in result.rows) or ctx.output
    scan = re.search(r"\bALL\b", shown)
    if scan is None:
        raise Missing("A plan of type ALL, from before the index,")
    if not any(re.search(rf"\b{re.escape(name)}\b", shown[scan.end() :]) for name in indexes):
        raise Missing("A plan that goes by an index, after that,")

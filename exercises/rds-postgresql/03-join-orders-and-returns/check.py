"""Checks of keys, joins and sums. The feed of returns varies with the seed."""

import random
from collections import Counter

from sandbox.grading import Mismatch, Missing, check

LINE = "salesorderid, salesorderdetailid, quantity"
ENOUGH = 10


def prepare(ctx):
    """A feed of returns: lines of orders, some of them twice, and some that are not in orders.

    Some customers sent back ten pieces in all without ten in one return."""
    draw = random.Random(ctx.seed)
    ctx.rows("create table returns_feed (salesorderid int, salesorderdetailid int, quantity int)")
    ctx.rows(f"grant select on returns_feed to {ctx.learner.user}; grant references on orders to learner")
    by_customer = {}
    for order, line, customer in ctx.rows("select salesorderid, salesorderdetailid, customerid from orders"):
        by_customer.setdefault(customer, []).append((order, line))
    many = [customer for customer, lines in sorted(by_customer.items()) if len(lines) >= 4]
    real = {}
    for n, customer in enumerate(draw.sample(many, 14)):
        lines = draw.sample(sorted(by_customer[customer]), 4)
        if n < 2:
            real.update({line: draw.randint(4, 6) for line in lines[:3]})
        else:
            real.update({line: draw.randint(1, 6) for line in lines[: draw.randint(1, 4)]})
    highest = max(line for lines in by_customer.values() for _, line in lines)
    unknown = {(order, highest + n): draw.randint(1, 9) for n, (order, _) in enumerate(list(real)[:3], 1)}
    feed = [*real.items(), *unknown.items(), *draw.sample(sorted(real.items()), 5)]
    draw.shuffle(feed)
    values = ", ".join(f"({order}, {line}, {quantity})" for (order, line), quantity in feed)
    ctx.rows(f"insert into returns_feed values {values}")
    return {"real": real, "unknown": next(iter(unknown))}


def _demand(ctx, name, columns, kinds):
    found = ctx.rows(
        "select attname, format_type(atttypid, null) from pg_attribute join pg_class c on c.oid = attrelid"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped and relkind = any(%s)",
        [f"public.{name}", list(kinds)],
    )
    if not found:
        raise Missing(f"The {'view' if 'v' in kinds else 'table'} {name}")
    types = dict(found)
    for column in columns.split(", "):
        if column not in types:
            raise Missing(f"Column {column} of {name}")
        if "v" not in kinds and types[column] not in ("smallint", "integer", "bigint"):
            raise Mismatch(f"Column {column} of {name}", expected="whole numbers", found=types[column])


@check(points=1)
def loaded(ctx):
    """The table `returns` holds each row of the feed that names a real order line, once."""
    _demand(ctx, "returns", LINE, "rp")
    with ctx.trial("Reading returns") as rows:
        found = Counter(rows(f"select {LINE} from returns"))
    expected = {(*line, quantity) for line, quantity in ctx.given["real"].items()}
    if not expected <= set(found):
        what = "The number of real rows of the feed in returns"
        raise Mismatch(what, expected=len(expected), found=len(expected & set(found)), show_expected=False)
    if set(found) - expected:
        example = sorted(set(found) - expected, key=str)[0]
        raise Mismatch("A row of returns", expected="a real order line", found=example)
    if max(found.values()) > 1:
        raise Mismatch("Rows of one line", expected=1, found=max(found.values()))


@check(points=3)
def keys(ctx):
    """The table `returns` refuses a second row for a line, a line that `orders` has not, a quantity of 0."""
    import psycopg2

    _demand(ctx, "returns", LINE, "rp")
    (order, line), *_ = ctx.given["real"]
    with ctx.trial("Reading returns") as rows:
        free = _free_line(rows)
    trials = (
        ("the same line for the second time", (order, line, 1), (order, line, 2)),
        ("a line that is not in orders", (*ctx.given["unknown"], 1)),
        ("a quantity of 0", (*free, 0)),
    )
    for said, *values in trials:
        with ctx.trial("Deleting the rows of returns") as rows:
            try:
                rows("delete from returns")
                for row in values:
                    rows(f"insert into returns ({LINE}) values (%s, %s, %s)", row)
            except psycopg2.IntegrityError:
                continue
            except psycopg2.Error as problem:
                found = problem.diag.message_primary
                raise Mismatch(f"A row with {said}", expected="refused by a key", found=found) from problem
            raise Mismatch(f"A row with {said}", expected="refused", found="taken")
    with ctx.trial("Two real lines") as rows:
        try:
            rows(f"insert into returns ({LINE}) values (%s, %s, %s)", (*free, 1))
            rows(f"insert into returns ({LINE}) values (%s, %s, %s)", (*_free_line(rows), 1))
        except psycopg2.Error as problem:
            raise Mismatch("A real line", expected="taken", found=problem.diag.message_primary) from problem


def _free_line(rows):
    return rows(
        "select salesorderid, salesorderdetailid from orders o where not exists"
        " (select 1 from returns r where r.salesorderid = o.salesorderid"
        " and r.salesorderdetailid = o.salesorderdetailid) order by 1, 2 limit 1"
    )[0]


def _compared(ctx, view, column, reference):
    """A column of a view against our own query, as it is and after one more return."""
    import psycopg2

    _demand(ctx, "returns", LINE, "rp")
    with ctx.trial(f"Reading {view}") as rows:
        for what in (f"{column} of {view}", f"{column} of {view} after one more return"):
            key = "customerid" if view == "frequent_returns" else "employeeid"
            try:
                found = rows(f"select {key}, {column} from {view}")
            except psycopg2.Error as problem:
                message = problem.diag.message_primary
                raise Mismatch(what, expected="rows", found=message) from problem
            _same(what, dict(rows(reference)), found)
            try:
                rows(f"insert into returns ({LINE}) values (%s, %s, {ENOUGH + 1})", _free_line(rows))
            except psycopg2.Error as problem:
                message = problem.diag.message_primary
                raise Mismatch("A real line", expected="taken by returns", found=message) from problem


def _same(what, expected, found):
    if len(found) != len(expected):
        raise Mismatch(f"Rows for {what}", expected=len(expected), found=len(found), show_expected=False)
    for key, value in found:
        if key not in expected:
            raise Mismatch(f"A row for {what}", expected="none", found=key)
        wanted = expected[key]
        right = value == wanted if isinstance(wanted, str) else _close(value, wanted)
        if not right:
            raise Mismatch(f"{what}, row {key}", expected=wanted, found=str(value), show_expected=False)


def _close(value, wanted):
    # A sum may have been rounded to cents.
    try:
        return abs(float(value) - float(wanted)) < 0.006
    except (TypeError, ValueError):
        return False


@check(points=2)
def everybody(ctx):
    """The view `sales_by_employee` has a row for every employee, with the number of orders."""
    _demand(ctx, "sales_by_employee", "employeeid, fullname, orders, billed, pieces_back", "vm")
    _compared(ctx, "sales_by_employee", "fullname", "select employeeid, fullname from employees")
    orders = (
        "select employeeid, (select count(distinct salesorderid) from orders o"
        " where o.employeeid = e.employeeid) from employees e"
    )
    _compared(ctx, "sales_by_employee", "orders", orders)


@check(points=3, after=[everybody])
def billed(ctx):
    """It has the sum that each employee billed, every order counted once, and the pieces sent back."""
    total = (
        "select employeeid, (select coalesce(sum(due), 0) from (select max(totaldue) as due from orders o"
        " where o.employeeid = e.employeeid group by salesorderid) as once) from employees e"
    )
    _compared(ctx, "sales_by_employee", "billed", total)
    back = (
        "select employeeid, (select coalesce(sum(quantity), 0) from orders join returns"
        " using (salesorderid, salesorderdetailid) where orders.employeeid = e.employeeid) from employees e"
    )
    _compared(ctx, "sales_by_employee", "pieces_back", back)


@check(points=2)
def frequent(ctx):
    """The view `frequent_returns` has the customers who have sent back 10 pieces or more in all."""
    _demand(ctx, "frequent_returns", "customerid, fullname, pieces", "vm")
    for column, value in (("pieces", "sum(quantity)"), ("fullname", "fullname")):
        reference = (
            f"select customerid, {value} from returns"
            " join orders using (salesorderid, salesorderdetailid) join customers using (customerid)"
            f" group by customerid, fullname having sum(quantity) >= {ENOUGH}"
        )
        _compared(ctx, "frequent_returns", column, reference)

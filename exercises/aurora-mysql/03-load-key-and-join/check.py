"""Checks of a load, of keys, joins and sums. The file of returns varies with the seed."""

import random
from contextlib import contextmanager
from datetime import date, timedelta

from sandbox.grading import Mismatch, Missing, check

DATABASE = "shop"
LINE = "salesorderid, salesorderdetailid"
RETURNS = dict.fromkeys((*LINE.split(", "), "quantity", "reason"), "") | {"returned": "date"}
REASONS = ("too small", "damaged", "arrived late", "")
ENOUGH = 10
UNKNOWN = 7


def prepare(ctx):
    """A file of returns: lines of orders, some of them twice, and some that are not in orders.

    Some customers sent back ten pieces in all without ten in one return."""
    draw = random.Random(ctx.seed)
    by_customer = {}
    for order, line, customer in ctx.rows(f"select {LINE}, customerid from orders"):
        by_customer.setdefault(customer, []).append((order, line))
    many = [customer for customer, lines in sorted(by_customer.items()) if len(lines) >= 4]
    real = {}
    for n, customer in enumerate(draw.sample(many, 14)):
        lines = draw.sample(sorted(by_customer[customer]), 4)
        # The first two come to ten and more, in pieces.
        some = lines[:3] if n < 2 else lines[: draw.randint(1, 4)]
        for line in some:
            quantity = draw.randint(4, 6) if n < 2 else draw.randint(1, 3)
            day = date(2014, 5, 1) + timedelta(draw.randint(0, 60))
            real[line] = (quantity, day, draw.choice(REASONS))
    highest = max(line for lines in by_customer.values() for _, line in lines)
    unknown = {(order, highest + n): values for n, ((order, _), values) in enumerate([*real.items()][:3], 1)}
    feed = [*real.items(), *unknown.items(), *draw.sample(sorted(real.items()), 5)]
    draw.shuffle(feed)
    text = ["SalesOrderID,SalesOrderDetailID,Quantity,Returned,Reason"]
    text += [
        f"{order},{line},{quantity},{day.month}/{day.day}/{day.year},{reason}"
        for (order, line), (quantity, day, reason) in feed
    ]
    (ctx.files / "returns.csv").write_bytes("".join(f"{row}\r\n" for row in text).encode())
    return {
        "returns": sorted(
            (*line, quantity, day, reason or None) for line, (quantity, day, reason) in real.items()
        )
    }


@contextmanager
def _tried(ctx):
    """A transaction of the learner's, rolled back whatever happens in it: gives the function that asks."""
    import pymysql

    try:
        connection = pymysql.connect(
            host=ctx.learner.host,
            port=ctx.learner.port,
            user=ctx.learner.user,
            password=ctx.learner.password,
            database=DATABASE,
            ssl_disabled=True,
            read_timeout=30,
        )
    except pymysql.err.Error as problem:
        raise Missing(f"Database {DATABASE}") from problem

    def rows(statement, params=None):
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            return list(cursor.fetchall()) if cursor.description else []

    try:
        yield rows
    finally:
        connection.close()


def _columns(ctx, name):
    """Column -> data type of a table (or view) of the database, Missing when there is none."""
    kind = ctx.scalar(
        "select table_type from information_schema.tables where table_schema = %s and table_name = %s",
        [DATABASE, name],
    )
    if kind is None:
        raise Missing(f"{name} in database {DATABASE}")
    found = ctx.rows(
        "select lower(column_name), data_type from information_schema.columns"
        " where table_schema = %s and table_name = %s",
        [DATABASE, name],
    )
    return kind, dict(found)


def _demand_table(ctx, name, columns):
    kind, found = _columns(ctx, name)
    if kind != "BASE TABLE":
        raise Mismatch(f"{name} in database {DATABASE}", expected="a table", found=kind.lower())
    for column, wanted in columns.items():
        if column not in found:
            raise Missing(f"Column {column} of {name}")
        if wanted in ("date", "decimal") and found[column] != wanted:
            raise Mismatch(f"The type of {name}.{column}", expected=wanted, found=found[column])


@check(points=3)
def loaded(ctx):
    """`customers`, `employees` and `orders` hold the rows of the files, missing values as NULL."""
    for name in ("customers", "employees", "orders"):
        columns = dict(
            ctx.rows(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = 'sandbox' and table_name = %s order by ordinal_position",
                [name],
            )
        )
        _demand_table(ctx, name, columns)
        # The learner's database may have another character set and collation.
        listed = ", ".join(
            f"convert(`{column}` using utf8mb4) collate utf8mb4_bin" if "char" in kind else f"`{column}`"
            for column, kind in columns.items()
        )
        with _tried(ctx) as rows:
            many, wanted = (rows(f"select count(*) from {d}.{name}")[0][0] for d in (DATABASE, "sandbox"))
            if many != wanted:
                raise Mismatch(f"The number of {name}", expected=wanted, found=many)
            others = rows(
                f"select {listed} from {DATABASE}.{name} except select {listed} from sandbox.{name}"
            )
        if others:
            found = str(others[0])
            raise Mismatch(
                f"Rows of {name}", expected="those of the file", found=f"{len(others)} others: {found}"
            )


def _refused(ctx, trials):
    """Each statement, tried in a transaction of its own, must be refused by a key."""
    import pymysql

    for said, statement in trials:
        with _tried(ctx) as rows:
            try:
                rows(statement)
            except pymysql.err.IntegrityError:
                continue
            except pymysql.err.Error as problem:
                found = str(problem.args[-1])
                raise Mismatch(f"A row with {said}", expected="refused by a key", found=found) from problem
        raise Mismatch(f"A row with {said}", expected="refused", found="taken")


@check(points=3, after=[loaded])
def keys(ctx):
    """A second row for a key is refused, and so is one that refers to somebody who is not there."""
    copy = "insert into {0} ({1}) select {2} from {0} order by 1 limit 1"

    def changed(name, **values):
        names = list(_columns(ctx, name)[1])
        listed = ", ".join(f"`{column}`" for column in names)
        taken = ", ".join(str(values.get(column, f"`{column}`")) for column in names)
        return copy.format(name, listed, taken)

    _refused(
        ctx,
        (
            ("the number of another customer", changed("customers")),
            ("the number of another employee", changed("employees")),
            ("the key of another order line", changed("orders")),
            (
                "a customer who is not there",
                changed("orders", salesorderdetailid="salesorderdetailid + 900000", customerid=UNKNOWN),
            ),
            (
                "an employee who is not there",
                changed("orders", salesorderdetailid="salesorderdetailid + 900000", employeeid=UNKNOWN),
            ),
            (
                "a manager who is not there",
                changed("employees", employeeid="employeeid + 900000", managerid=UNKNOWN),
            ),
        ),
    )


@check(points=2)
def returns_loaded(ctx):
    """`returns` holds each row of the file that names a real order line, once, missing values as NULL."""
    _demand_table(ctx, "returns", RETURNS)
    with _tried(ctx) as rows:
        found = rows(f"select {LINE}, quantity, returned, reason from returns order by 1, 2")
    expected = ctx.given["returns"]
    if len(found) != len(expected):
        what = "The number of returns"
        raise Mismatch(what, expected=len(expected), found=len(found), show_expected=False)
    for row, wanted in zip(found, expected, strict=True):
        if row != wanted:
            raise Mismatch("A row of returns", expected="as in the file", found=row)


def _one_more(rows, quantity=ENOUGH + 1):
    """Insert a return of a line that has none."""
    order, line = rows(
        f"select {LINE} from orders o where not exists (select 1 from returns r where"
        " r.salesorderid = o.salesorderid and r.salesorderdetailid = o.salesorderdetailid)"
        " order by 1, 2 limit 1"
    )[0]
    rows(
        f"insert into returns ({LINE}, quantity, returned) values (%s, %s, %s, '2014-07-01')",
        (order, line, quantity),
    )


@check(points=2, after=[loaded])
def returns_keys(ctx):
    """`returns` refuses a line for the second time and one that `orders` has not, and takes another."""
    import pymysql

    _demand_table(ctx, "returns", RETURNS)
    if not ctx.scalar(f"select count(*) from {DATABASE}.returns"):
        raise Missing("Any row of returns")
    again = (
        f"insert into returns ({LINE}, quantity, returned) select {LINE}, 1, returned from returns limit 1"
    )
    unknown = f"insert into returns ({LINE}, quantity, returned) values (1, 1, 1, '2014-05-01')"
    _refused(ctx, (("a line for the second time", again), ("a line that is not in orders", unknown)))
    with _tried(ctx) as rows:
        try:
            _one_more(rows)
            _one_more(rows)
        except pymysql.err.Error as problem:
            raise Mismatch("A real line", expected="taken", found=str(problem.args[-1])) from problem


def _view(rows, name, key, column):
    import pymysql

    try:
        return rows(f"select {key}, {column} from {name}")
    except pymysql.err.Error as problem:
        raise Mismatch(f"{column} of {name}", expected="rows", found=str(problem.args[-1])) from problem


def _same(what, expected, found):
    if len(found) != len(expected):
        raise Mismatch(f"Rows for {what}", expected=len(expected), found=len(found), show_expected=False)
    for key, value in found:
        if key not in expected:
            raise Mismatch(f"A row for {what}", expected="none", found=key)
        wanted = expected[key]
        same = value == wanted if isinstance(wanted, str) else _close(value, wanted)
        if not same:
            raise Mismatch(f"{what}, row {key}", expected=wanted, found=str(value), show_expected=False)


def _close(value, wanted):
    # A sum may have been rounded to cents.
    try:
        return abs(float(value) - float(wanted)) < 0.006
    except (TypeError, ValueError):
        return False


@check(points=3, after=[loaded])
def billed(ctx):
    """`sales_by_employee` has every employee, the number of orders and their sum, each order once."""
    _columns(ctx, "sales_by_employee")
    references = {
        "fullname": "select employeeid, fullname from employees",
        "orders": "select employeeid, (select count(distinct salesorderid) from orders o"
        " where o.employeeid = e.employeeid) from employees e",
        "billed": "select e.employeeid, coalesce(sum(due), 0) from employees e left join"
        " (select employeeid, salesorderid, max(totaldue) as due from orders group by 1, 2) as once"
        " on once.employeeid = e.employeeid group by 1",
    }
    with _tried(ctx) as rows:
        for when in ("", " after an order went to another employee"):
            for column, reference in references.items():
                found = _view(rows, "sales_by_employee", "employeeid", column)
                _same(f"{column} of sales_by_employee{when}", dict(rows(reference)), found)
            rows("update orders set employeeid = 274 where salesorderid in (43669, 71782)")


@check(points=2, after=[loaded])
def frequent(ctx):
    """`frequent_returns` has the customers who have sent back 10 pieces or more in all."""
    import pymysql

    _columns(ctx, "frequent_returns")
    _demand_table(ctx, "returns", RETURNS)
    with _tried(ctx) as rows:
        for when in ("", " after one more return"):
            for column, value in (("pieces", "sum(quantity)"), ("fullname", "c.fullname")):
                reference = (
                    f"select c.customerid, {value} from returns join sandbox.orders using ({LINE})"
                    " join sandbox.customers c using (customerid)"
                    f" group by c.customerid, c.fullname having sum(quantity) >= {ENOUGH}"
                )
                found = _view(rows, "frequent_returns", "customerid", column)
                _same(f"{column} of frequent_returns{when}", dict(rows(reference)), found)
            try:
                _one_more(rows)
            except pymysql.err.Error as problem:
                raise Mismatch(
                    "A real line", expected="taken by returns", found=str(problem.args[-1])
                ) from problem

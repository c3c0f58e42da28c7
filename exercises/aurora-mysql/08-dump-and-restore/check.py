"""Checks of a dump and of what was restored from it. The rows vary with the seed."""

import random
from contextlib import contextmanager

from sandbox.grading import Mismatch, Missing, check

SHOP, COPY, VISITS = "webshop", "webshop_copy", "webshop_visits"
OWNER = "webshop_owner@'%'"
MAKE = (
    f"create database {SHOP}",
    f"create user {OWNER} account lock",
    f"grant all on {SHOP}.* to {OWNER}",
    f"create table {SHOP}.products"
    " (productid int primary key, name varchar(50) not null, price decimal(10, 2) not null)",
    f"create table {SHOP}.orders (orderid int auto_increment primary key, productid int not null,"
    " pieces int not null check (pieces > 0), foreign key (productid) references products (productid))",
    f"create table {SHOP}.visits (visitid int primary key, productid int, seen date)",
    f"create definer = {OWNER} view {SHOP}.turnover as select productid, name, sum(pieces * price) as amount"
    f" from {SHOP}.orders join {SHOP}.products using (productid) group by productid, name",
    f"create definer = {OWNER} procedure {SHOP}.turnover_of(wanted int)"
    " select amount from turnover where productid = wanted",
)
ROWS = {
    "products": "select productid, name, price from products order by 1",
    "orders": "select orderid, productid, pieces from orders order by 1",
    "visits": "select visitid, productid, seen from visits order by 1",
    "turnover": "select productid, name, amount from turnover order by 1",
}


def prepare(ctx):
    """The database webshop, whose view and procedure are another user's, and whose numbers have gone on."""
    draw = random.Random(ctx.seed)
    for statement in MAKE:
        ctx.rows(statement)
    learner = f"{ctx.learner.user}@'%'"
    ctx.rows(f"revoke all on {SHOP}.* from {learner}")
    ctx.rows(f"grant select, show view, lock tables, execute on {SHOP}.* to {learner}")
    if "mariadb" in ctx.scalar("select version()").lower():
        ctx.rows(f"grant show create routine on {SHOP}.* to {learner}")
    else:
        # What the administrator of RDS has: mysqldump also looks at tablespaces, which takes PROCESS.
        ctx.rows(f"grant process, show_routine on *.* to {learner}")
    products = draw.sample(range(700, 1000), 12)
    last = draw.randint(200, 900)
    articles = ", ".join(f"({p}, 'Article {p}', {draw.randint(500, 90000) / 100})" for p in products)
    ctx.rows(f"insert into {SHOP}.products values {articles}")
    orders = ", ".join(
        f"({draw.choice(products)}, {draw.randint(1, 9)})" for _ in range(draw.randint(40, 90))
    )
    ctx.rows(f"insert into {SHOP}.orders (productid, pieces) values {orders}")
    ctx.rows(f"alter table {SHOP}.orders auto_increment = {last + 1}")
    visits = ", ".join(
        f"({n}, {700 + n % 300}, '2014-05-{1 + n % 31:02}')" for n in range(1, draw.randint(1500, 2500) + 1)
    )
    ctx.rows(f"insert into {SHOP}.visits values {visits}")
    return {
        "rows": {name: ctx.rows(query, database=SHOP) for name, query in ROWS.items()},
        "last": last,
        "products": products,
    }


@contextmanager
def _connected(ctx, database):
    """The function that asks a database as the learner, whose views never run with other rights. Nothing of
    what it does stays, but that numbers are used up."""
    import pymysql

    if not ctx.rows("select 1 from information_schema.schemata where schema_name = %s", [database]):
        raise Missing(f"Database {database}")
    try:
        connection = pymysql.connect(
            host=ctx.learner.host,
            port=ctx.learner.port,
            user=ctx.learner.user,
            password=ctx.learner.password,
            database=database,
            ssl_disabled=True,
            read_timeout=30,
        )
    except pymysql.err.Error as problem:
        found = str(problem.args[-1])
        raise Mismatch(f"A connection to {database}", expected="open", found=found) from problem

    def rows(statement, params=None):
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            return list(cursor.fetchall())

    try:
        yield rows
    finally:
        connection.close()


def _same_rows(ctx, database, table):
    import pymysql

    with _connected(ctx, database) as rows:
        try:
            found = rows(ROWS[table])
        except pymysql.err.Error as problem:
            raise Missing(f"{table} of {database}, as in {SHOP},") from problem
    expected = ctx.given["rows"][table]
    if len(found) != len(expected):
        raise Mismatch(f"Rows of {table} in {database}", expected=len(expected), found=len(found))
    if found != expected:
        raise Mismatch(f"The rows of {table} in {database}", expected=f"those of {SHOP}", found="others")


def _relations(ctx, database):
    found = ctx.rows("select table_name from information_schema.tables where table_schema = %s", [database])
    return sorted(name for (name,) in found)


@check(points=1)
def dump(ctx):
    """There is a file `webshop.sql` with tables, view and procedure of the shop, and without the visits."""
    path = ctx.work / "webshop.sql"
    if not path.is_file():
        raise Missing("The file webshop.sql")
    with path.open("rb") as file:
        content = file.read(4 << 20).decode(errors="replace").lower()
    for name in ("products", "orders", "turnover", "turnover_of"):
        if f"`{name}`" not in content:
            raise Missing(f"{name} in webshop.sql")
    if "insert into `visits`" in content:
        raise Mismatch("The rows of visits in webshop.sql", expected="left out", found="there")


@check(points=3)
def rows_restored(ctx):
    """`webshop_copy` has the products and orders of `webshop`."""
    for table in ("products", "orders"):
        _same_rows(ctx, COPY, table)


@check(points=2, after=[rows_restored])
def keys_hold(ctx):
    """In `webshop_copy` keys hold as they do in `webshop`, and a new order gets the next number."""
    import pymysql

    product = ctx.given["products"][0]
    order = "insert into orders (productid, pieces) values (%s, %s)"
    for said, statement, values in (
        ("a product for the second time", "insert into products values (%s, 'Again', %s)", (product, 1)),
        ("an order of a product that is not there", order, (1, 1)),
        ("an order of no pieces", order, (product, 0)),
    ):
        with _connected(ctx, COPY) as rows:
            try:
                rows(statement, values)
            except (pymysql.err.IntegrityError, pymysql.err.OperationalError):
                continue
            raise Mismatch(f"In {COPY}, {said}", expected="refused", found="taken")
    with _connected(ctx, COPY) as rows:
        try:
            rows(order, (product, 1))
            ((number,),) = rows("select last_insert_id()")
        except pymysql.err.Error as problem:
            found = str(problem.args[-1])
            raise Mismatch(f"A new order in {COPY}", expected="taken", found=found) from problem
    # Trying leaves a gap that no rollback takes back.
    if not ctx.given["last"] < number <= ctx.given["last"] + 20:
        raise Mismatch("The number of a new order", expected=ctx.given["last"] + 1, found=number)


@check(points=3, after=[rows_restored])
def in_your_name(ctx):
    """View and procedure of `webshop_copy` are yours, and answer from the tables there."""
    import pymysql

    definers = dict(
        ctx.rows(
            "select 'turnover', definer from information_schema.views"
            " where table_schema = %s and table_name = 'turnover' union all"
            " select 'turnover_of', definer from information_schema.routines"
            " where routine_schema = %s and routine_name = 'turnover_of'",
            [COPY, COPY],
        )
    )
    for name in ("turnover", "turnover_of"):
        if name not in definers:
            raise Missing(f"{name} of {COPY}")
        if definers[name].partition("@")[0] != ctx.learner.user:
            raise Mismatch(f"The definer of {name}", expected=ctx.learner.user, found=definers[name])
    _same_rows(ctx, COPY, "turnover")
    product, _, amount = ctx.given["rows"]["turnover"][0]
    with _connected(ctx, COPY) as rows:
        try:
            rows("update orders set pieces = pieces * 2")
            found = rows("call turnover_of(%s)", (product,))
        except pymysql.err.Error as problem:
            said = str(problem.args[-1])
            raise Mismatch(f"turnover_of in {COPY}", expected="an answer", found=said) from problem
    if found != [(amount * 2,)]:
        what = f"turnover_of in {COPY}, when all its orders are doubled there"
        raise Mismatch(what, expected="the double", found=str(found[0][0]) if found else "nothing")


@check(points=1, after=[rows_restored])
def no_visits(ctx):
    """`webshop_copy` has no table `visits`."""
    if "visits" in _relations(ctx, COPY):
        raise Mismatch(f"Table visits in {COPY}", expected="left out", found="there")


@check(points=2)
def visits_restored(ctx):
    """`webshop_visits` has the table `visits` with its rows, and no other table."""
    _same_rows(ctx, VISITS, "visits")
    others = [name for name in _relations(ctx, VISITS) if name != "visits"]
    if others:
        raise Mismatch(f"What else is in {VISITS}", expected="nothing", found=others[0])

"""Checks of an archive and of what was restored from it. The rows vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

COPY, VISITS = "webshop_copy", "webshop_visits"
MAKE = """
    create schema shop;
    create schema logs;
    create table shop.products (productid int primary key, name text not null, price numeric(10, 2) not null);
    create table shop.orders (
      orderid serial primary key,
      productid int not null references shop.products,
      pieces int not null check (pieces > 0)
    );
    create index on shop.orders (productid);
    create view shop.turnover as
      select productid, name, sum(pieces * price) as amount
      from shop.orders join shop.products using (productid) group by productid, name;
    create table logs.visits (visitid int primary key, productid int, seen date);
    create table logs.errors (errorid int primary key, said text);
    grant usage on schema shop to webshop_reader;
    grant select on all tables in schema shop to webshop_reader;
    grant usage on schema shop, logs to {learner};
    grant select on all tables in schema shop to {learner};
    grant select on all sequences in schema shop to {learner};
    grant select on all tables in schema logs to {learner};
"""
ROWS = {
    "shop.products": "select productid, name, price from shop.products order by 1",
    "shop.orders": "select orderid, productid, pieces from shop.orders order by 1",
    "logs.visits": "select visitid, productid, seen from logs.visits order by 1",
}

TURNOVER = "select productid, name, amount from shop.turnover order by 1"


def prepare(ctx):
    """The database webshop, which belongs to a role of its own, with rows and a sequence that has gone on."""
    draw = random.Random(ctx.seed)
    ctx.rows("create role webshop_owner; create role webshop_reader")
    ctx.rows("create database webshop template template0 strategy file_copy")
    products = draw.sample(range(700, 1000), 12)
    orders, last = draw.randint(40, 90), draw.randint(200, 900)
    steps = [
        MAKE.format(learner=ctx.learner.user),
        *(
            f"insert into shop.products values ({p}, 'Article {p}', {draw.randint(500, 90000) / 100})"
            for p in products
        ),
        *(
            "insert into shop.orders (productid, pieces)"
            f" values ({draw.choice(products)}, {draw.randint(1, 9)})"
            for _ in range(orders)
        ),
        f"select setval('shop.orders_orderid_seq', {last})",
        "insert into logs.visits select n, 700 + n % 300, date '2014-05-01' + n % 31"
        f" from generate_series(1, {draw.randint(1500, 2500)}) n",
        "insert into logs.errors values (1, 'A page was not found')",
        *(
            f"alter {kind} owner to webshop_owner"
            for kind in (
                "schema shop",
                "schema logs",
                "table shop.products",
                "table shop.orders",
                "view shop.turnover",
                "table logs.visits",
                "table logs.errors",
            )
        ),
    ]
    ctx.rows("; ".join(steps), database="webshop")
    return {
        "rows": {name: ctx.rows(query, database="webshop") for name, query in ROWS.items()},
        "turnover": ctx.rows(TURNOVER, database="webshop"),
        "last": last,
        "products": products,
    }


def _demand_database(ctx, name):
    if not ctx.scalar("select 1 from pg_database where datname = %s", [name]):
        raise Missing(f"Database {name}")


def _relations(ctx, database):
    """Tables, views and sequences that a person made in a database: schema.name -> owner."""
    return dict(
        ctx.rows(
            "select nspname || '.' || relname, pg_get_userbyid(relowner) from pg_class c"
            " join pg_namespace n on n.oid = relnamespace where c.oid >= 16384 and relkind in ('r', 'v', 'S')"
            " order by 1",
            database=database,
        )
    )


def _same_rows(ctx, database, table):
    import psycopg2

    with ctx.trial(f"Reading {table} of {database}", database) as rows:
        try:
            found = rows(ROWS[table])
        except psycopg2.Error as problem:
            raise Missing(f"Table {table} of {database}, as it is in webshop,") from problem
    expected = ctx.given["rows"][table]
    if len(found) != len(expected):
        raise Mismatch(f"Rows of {table} in {database}", expected=len(expected), found=len(found))
    if found != expected:
        raise Mismatch(f"The rows of {table} in {database}", expected="those of webshop", found="others")


@check(points=1)
def archive(ctx):
    """There is an archive `webshop.dump` in pg_dump's custom format, with the tables of both schemas."""
    path = ctx.work / "webshop.dump"
    if not path.is_file():
        raise Missing("The file webshop.dump")
    with path.open("rb") as file:
        content = file.read(1 << 20)
    if not content.startswith(b"PGDMP"):
        raise Mismatch("webshop.dump", expected="an archive in custom format", found="another format")
    for table in (b"orders", b"visits"):
        if table not in content:
            raise Missing(f"Table {table.decode()} in the archive")


@check(points=3)
def rows_restored(ctx):
    """`webshop_copy` has the products and orders of `webshop`, and its view counts them."""
    import psycopg2

    _demand_database(ctx, COPY)
    for table in ("shop.products", "shop.orders"):
        _same_rows(ctx, COPY, table)
    with ctx.trial(f"Reading shop.turnover of {COPY}", COPY) as rows:
        try:
            found = rows(TURNOVER)
        except psycopg2.Error as problem:
            raise Missing(f"View shop.turnover of {COPY}") from problem
    if found != ctx.given["turnover"]:
        raise Mismatch(f"The rows of shop.turnover in {COPY}", expected="those of webshop", found="others")


@check(points=2, after=[rows_restored])
def keys_hold(ctx):
    """In `webshop_copy` keys hold as they do in `webshop`, and a new order gets the next number."""
    import psycopg2

    product = ctx.given["products"][0]
    order = "insert into shop.orders (productid, pieces) values (%s, %s)"
    for said, statement, values in (
        ("a product for the second time", "insert into shop.products values (%s, 'Again', %s)", (product, 1)),
        ("an order of a product that is not there", order, (1, 1)),
        ("an order of no pieces", order, (product, 0)),
    ):
        with ctx.trial(f"In {COPY}, {said}", COPY) as rows:
            try:
                rows(f"{statement} returning 1", values)
            except psycopg2.IntegrityError:
                continue
            except psycopg2.Error as problem:
                found = problem.diag.message_primary
                raise Mismatch(f"In {COPY}, {said}", expected="refused by a key", found=found) from problem
            raise Mismatch(f"In {COPY}, {said}", expected="refused", found="taken")
    with ctx.trial(f"A new order in {COPY}", COPY) as rows:
        try:
            number = rows(f"{order} returning orderid", (product, 1))[0][0]
        except psycopg2.Error as problem:
            found = problem.diag.message_primary
            raise Mismatch(f"A new order in {COPY}", expected="taken", found=found) from problem
    # Trying leaves a gap in the sequence that no rollback takes back.
    if not ctx.given["last"] < number <= ctx.given["last"] + 20:
        raise Mismatch("The number of a new order", expected=ctx.given["last"] + 1, found=number)


@check(points=2, after=[rows_restored])
def yours_alone(ctx):
    """`webshop_copy` has only the schema `shop`; all of it is yours, and others have no rights."""
    relations = _relations(ctx, COPY)
    for name, owner in relations.items():
        if not name.startswith("shop."):
            raise Mismatch(f"What else is in {COPY}", expected="nothing", found=name)
        if owner != ctx.learner.user:
            raise Mismatch(f"The owner of {name}", expected=ctx.learner.user, found=owner)
    others = ctx.rows(
        "select distinct nspname || '.' || relname, pg_get_userbyid(grantee) from pg_class c"
        " join pg_namespace n on n.oid = relnamespace, aclexplode(relacl)"
        " where nspname = 'shop' and grantee <> relowner",
        database=COPY,
    )
    if others:
        name, role = others[0]
        raise Mismatch(f"Rights on {name}", expected="yours alone", found=f"{role} has some")


@check(points=3)
def visits_restored(ctx):
    """`webshop_visits` has the table `logs.visits` with its rows, and no other table."""
    _demand_database(ctx, VISITS)
    _same_rows(ctx, VISITS, "logs.visits")
    others = [name for name in _relations(ctx, VISITS) if name != "logs.visits"]
    if others:
        raise Mismatch(f"What else is in {VISITS}", expected="nothing", found=others[0])

"""Checks of what was found by looking around. Limits, collations, tables and sizes vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

BRANCHES = ("north", "south")
NAMES = ("articles", "bins", "counts", "deliveries", "packages", "pallets", "routes", "shelves", "vans")
COLLATIONS = (
    "utf8mb4_bin",
    "utf8mb4_german2_ci",
    "utf8mb4_unicode_ci",
    "latin1_swedish_ci",
    "utf8mb4_swedish_ci",
)


def prepare(ctx):
    """Two databases of some tables and views. The largest table has few rows, which are long; another one
    has the most rows, a third is not InnoDB's. The account gets a limit of its own."""
    draw = random.Random(ctx.seed)
    ctx.rows(
        "create table findings (place varchar(20), subject varchar(20), value varchar(100) not null,"
        " primary key (place, subject))"
    )
    limit = draw.randint(11, 28)
    ctx.rows(f"alter user {ctx.learner.user}@'%%' with max_user_connections {limit}", [])
    given = {"limit": limit}
    for branch, collation in zip(BRANCHES, draw.sample(COLLATIONS, 2), strict=True):
        tables = draw.sample(NAMES, draw.randint(4, 6))
        long, high, other, *_ = tables
        ctx.rows(f"create database {branch} character set {collation.split('_')[0]} collate {collation}")
        for name in tables:
            engine = "MyISAM" if name == other else "InnoDB"
            ctx.rows(f"create table {branch}.{name} (id int primary key, note mediumtext) engine {engine}")
        views = [f"{name}_today" for name in draw.sample(tables, draw.randint(1, 2))]
        for name in views:
            ctx.rows(f"create view {branch}.{name} as select 1 as one")
        for name, many, note in ((high, 600, "'on time'"), (long, 20, "repeat('x', 20000)")):
            rows = ", ".join(f"({number}, {note})" for number in range(many))
            ctx.rows(f"insert into {branch}.{name} values {rows}")
        ctx.rows(f"analyze table {', '.join(f'{branch}.{name}' for name in tables)}")
        given[branch] = {"collation": collation, "tables": len(tables), "largest": long, "engine": other}
    return given


def _found(ctx, place, subject):
    """The value noted. The learner may have dropped the table, or made it anew in another way."""
    import pymysql

    # A view could run functions of the learner with the rights of whoever reads it.
    kind = ctx.scalar(
        "select table_type from information_schema.tables"
        " where table_name = 'findings' and table_schema = database()"
    )
    if kind != "BASE TABLE":
        raise Missing("Table findings, as it was")
    try:
        found = ctx.rows("select value from findings where place = %s and subject = %s", [place, subject])
    except pymysql.err.Error as problem:
        raise Missing("Table findings, as it was") from problem
    if not found or found[0][0] is None:
        raise Missing(f"The finding '{subject}' of {place}")
    return str(found[0][0]).strip()


def _in_branches(ctx, subject):
    for branch in BRANCHES:
        found, expected = _found(ctx, branch, subject), str(ctx.given[branch][subject])
        what = f"'{subject}' of {branch}"
        if found.replace("`", "").removeprefix(f"{branch}.").lower() != expected:
            raise Mismatch(what, expected=expected, found=found[:60], show_expected=False)


@check(points=1)
def server(ctx):
    """The number of the server's version is noted."""
    found, whole = _found(ctx, "server", "version"), ctx.scalar("select version()")
    if found not in (whole, whole.partition("-")[0]):
        raise Mismatch("'version' of server", expected="the number", found=found[:60])


@check(points=2)
def account(ctx):
    """It is noted how many connections the account may have open at a time."""
    found = _found(ctx, "server", "connections")
    if found != str(ctx.given["limit"]):
        raise Mismatch("'connections' of server", expected="", found=found[:60], show_expected=False)


@check(points=2)
def collations(ctx):
    """The collation that new tables get is noted for `north` and for `south`."""
    _in_branches(ctx, "collation")


@check(points=2)
def tables_counted(ctx):
    """The number of tables is noted for `north` and for `south`."""
    _in_branches(ctx, "tables")


@check(points=2)
def largest_tables(ctx):
    """The largest table is noted for `north` and for `south`."""
    _in_branches(ctx, "largest")


@check(points=1)
def engines(ctx):
    """The table that is not kept by InnoDB is noted for `north` and for `south`."""
    _in_branches(ctx, "engine")

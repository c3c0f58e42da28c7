"""Checks of snapshot and restore. The orders vary with the seed."""

import random
from datetime import UTC, datetime
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

NAME = "before-cleanup"
NEW = (900001, "Jane Doe", Decimal("10.50"))
WITH_DATA = 4096
"""Bytes. A snapshot without data is a schema and a list of files: 1,100 bytes for this table. Each data file,
however small, comes with 5,000 bytes of statistics."""
CUSTOMERS = ("Catherine Abel", "Kim Abercrombie", "Humberto Acevedo", "Pilar Ackerman", "Frances Adams")


def prepare(ctx):
    """Keyspace shop with the table orders, written at known times."""
    draw = random.Random(ctx.seed)
    run = ctx.connection.execute
    run("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    run("CREATE TABLE shop.orders (order_id int PRIMARY KEY, customer text, amount decimal)")
    for right in ("SELECT", "MODIFY"):
        run(f"GRANT {right} ON KEYSPACE shop TO {ctx.learner.user}")
    begin = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    orders = {}
    for number in draw.sample(range(100, 100_000), draw.randrange(20, 40)):
        amount = Decimal(draw.randrange(100, 100_000)) / 100
        orders[number] = (draw.choice(CUSTOMERS), amount, begin + draw.randrange(30_000_000_000_000))
        run(
            "INSERT INTO shop.orders (order_id, customer, amount) VALUES (%s, %s, %s) USING TIMESTAMP %s",
            (number, *orders[number]),
        )
    return {"orders": orders, "table": _table(ctx)}


def _table(ctx):
    found = ctx.scalar(
        "SELECT id FROM system_schema.tables WHERE keyspace_name = 'shop' AND table_name = 'orders'"
    )
    if found is None:
        raise Missing("Table shop.orders")
    return found


def _rows(ctx):
    _table(ctx)
    rows = ctx.rows(
        "SELECT order_id, customer, amount, writetime(customer), writetime(amount) FROM shop.orders"
    )
    return {row[0]: row[1:] for row in rows}


@check(points=3)
def snapshot_kept(ctx):
    """The snapshot `before-cleanup` of `shop.orders` is there, and holds the data files of the old orders."""
    rows = ctx.rows("SELECT name, keyspace_name, table_name, size_on_disk FROM system_views.snapshots")
    sizes = {name: size for name, keyspace, table, size in rows if (keyspace, table) == ("shop", "orders")}
    if NAME not in sizes:
        raise Mismatch("The snapshots of shop.orders", expected=NAME, found=sorted(sizes) or "none")
    if sizes[NAME] < WITH_DATA:
        raise Missing(f"A data file in snapshot {NAME}: of a table without rows there is none, and it")


@check(points=2)
def emptied(ctx):
    """The table was emptied by TRUNCATE, and is still the same table."""
    if _table(ctx) != ctx.given["table"]:
        raise Mismatch("The table shop.orders", expected="the one that was there", found="another one")
    truncated = ctx.scalar("SELECT truncated_at FROM system.local") or {}
    if ctx.given["table"] not in truncated:
        raise Missing("A TRUNCATE of shop.orders")


@check(points=3)
def rows_back(ctx):
    """The table holds all the old orders and the new one, and nothing else."""
    found, orders = _rows(ctx), ctx.given["orders"]
    if NEW[0] not in found:
        raise Missing(f"Order {NEW[0]}")
    if found[NEW[0]][:2] != NEW[1:]:
        raise Mismatch(
            f"Order {NEW[0]}", expected=list(map(str, NEW[1:])), found=list(map(str, found[NEW[0]][:2]))
        )
    back = {number: row[:2] for number, row in found.items() if number != NEW[0]}
    if len(back) != len(orders):
        raise Mismatch("The number of old orders in the table", expected=len(orders), found=len(back))
    for number, (customer, amount, _) in orders.items():
        if back.get(number) != (customer, amount):
            raise Mismatch(f"Order {number}", expected=f"{customer}, {amount}", found=back.get(number))


@check(points=2, after=[rows_back])
def as_written(ctx):
    """The old orders are the cells of before: each has the time at which it was first written."""
    found = _rows(ctx)
    again = [n for n, (_, _, at) in ctx.given["orders"].items() if found[n][2:] != (at, at)]
    if again:
        raise Mismatch("Old orders with another time of writing", expected=0, found=len(again))

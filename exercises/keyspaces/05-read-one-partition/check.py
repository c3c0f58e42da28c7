"""Checks of reading partitions. The orders vary with the seed."""

import random
import re
from datetime import date, timedelta
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

CUSTOMER = 293


def prepare(ctx):
    """Orders of five customers from 2013 to 2014; one of customer 293 on the last day of May."""
    from cassandra.concurrent import execute_concurrent_with_args

    draw = random.Random(ctx.seed)
    session = ctx.connection
    session.execute(
        "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    session.execute(
        "CREATE TABLE shop.orders_by_customer (customer_id int, order_date date, order_id int, "
        "total decimal, PRIMARY KEY (customer_id, order_date, order_id)) "
        "WITH CLUSTERING ORDER BY (order_date DESC, order_id DESC)"
    )
    session.execute(f"GRANT SELECT ON KEYSPACE shop TO {ctx.learner.user}")
    numbers = draw.sample(range(100_000, 1_000_000), 60)
    orders = []
    for customer in (291, CUSTOMER, 295, 297, 299):
        days = {date(2013, 1, 1) + timedelta(days=draw.randrange(450)) for _ in range(6)}
        if customer == CUSTOMER:
            days |= {date(2014, 5, 31), date(2014, 6, 1), date(2014, 6, 20)}
            days |= {date(2014, 4, 2) + timedelta(days=draw.randrange(50)) for _ in range(3)}
        for day in sorted(days):
            orders.append((customer, day, numbers.pop(), Decimal(draw.randrange(1000, 100_000)) / 100))
    insert = session.prepare(
        "INSERT INTO shop.orders_by_customer (customer_id, order_date, order_id, total) VALUES (?, ?, ?, ?)"
    )
    execute_concurrent_with_args(session, insert, orders)
    mine = [order for order in orders if order[0] == CUSTOMER]
    spring = [n for _, day, n, _ in mine if date(2014, 4, 1) <= day < date(2014, 6, 1)]
    totals = {}
    for customer, _, _, total in orders:
        totals[customer] = totals.get(customer, 0) + total
    return {
        "known": {number for _, _, number, _ in orders},
        "last": [number for _, _, number, _ in mine[:-4:-1]],
        "spring": spring,
        "newest": {customer: number for customer, _, number, _ in orders},
        "totals": totals,
    }


def _blocks(ctx):
    """What was shown, a block for each answer, each a list of lines, each a list of numbers."""
    if ctx.results:
        return [[_numbers(" ".join(map(str, row))) for row in result.rows] for result in ctx.results]
    return [[_numbers(line) for line in part.splitlines()] for part in re.split(r"\n\s*\n", ctx.output)]


def _numbers(line):
    return [Decimal(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", line)]


def _orders(ctx):
    """The orders shown in each block, in the order shown."""
    known = ctx.given["known"]
    found = [[int(n) for line in block for n in line if n in known] for block in _blocks(ctx)]
    return [orders for orders in found if orders]


def _shown(ctx, wanted, what):
    """A block that has just these orders; else what differs in the one that is most like it."""
    blocks = _orders(ctx)
    if wanted in blocks:
        return
    if not blocks:
        raise Missing("An order in what was shown")
    near = max(blocks, key=lambda orders: len(set(orders) & set(wanted)) - len(set(orders) ^ set(wanted)))
    if sorted(near) == sorted(wanted):
        raise Mismatch(f"{what}: the order", expected="the other way round", found=near)
    if not set(near) & set(wanted):
        raise Missing(f"{what} in what was shown")
    raise Mismatch(what, expected=wanted, found=near[:12], show_expected=False)


@check(points=2)
def last_three(ctx):
    """The last three orders of customer 293 were shown, the newest first."""
    _shown(ctx, ctx.given["last"], "The last orders of customer 293")


@check(points=3)
def spring(ctx):
    """The orders of customer 293 in April and May 2014 were shown, the oldest first."""
    _shown(ctx, ctx.given["spring"], "The orders of April and May")


@check(points=2)
def newest_of_each(ctx):
    """For every customer the newest order was shown, and no other."""
    wanted = ctx.given["newest"]
    for block in _blocks(ctx):
        found = {
            customer: number
            for customer, number in wanted.items()
            if any({customer, number} <= set(n) for n in block)
        }
        orders = {int(n) for line in block for n in line if n in ctx.given["known"]}
        if found == wanted and orders == set(wanted.values()):
            return
    raise Missing("A list with the newest order of each customer, and no others,")


@check(points=2)
def totals(ctx):
    """For every customer the sum of the totals was shown."""
    wanted = ctx.given["totals"]
    for customer, total in wanted.items():
        if not any({customer, total} <= set(line) for block in _blocks(ctx) for line in block):
            raise Missing(f"A line with customer {customer} and the sum of the totals")

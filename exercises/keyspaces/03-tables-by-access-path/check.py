"""Checks of tables by access path: the two questions are really asked, of every customer and every day."""

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

from sandbox.grading import Mismatch, Missing, check

COLUMNS = {"customer_id": "int", "order_date": "date", "order_id": "int", "total": "decimal"}
TABLES = ("orders_by_customer", "orders_by_day")


def prepare(_ctx):
    """The orders of 2014 as the fixtures have them, each once."""
    from sandbox import config

    orders = {}
    with Path(config.resources("fixtures"), "orders.csv").open(encoding="utf-8-sig", newline="") as file:
        for line in csv.reader(file):
            month, of_month, year = map(int, line[2].split("/"))
            day = date(year, month, of_month)
            if day.year == 2014:
                orders[int(line[0])] = (int(line[6]), day, int(line[0]), Decimal(line[10]))
    return {"orders": orders}


def _table(ctx, table):
    columns = dict(
        ctx.rows(
            "SELECT column_name, type FROM system_schema.columns "
            "WHERE keyspace_name = 'shop' AND table_name = %s",
            (table,),
        )
    )
    if not columns:
        raise Missing(f"Table {table} in keyspace shop")
    for name, of in COLUMNS.items():
        if columns.get(name) != of:
            raise Mismatch(f"The type of column {name} of {table}", expected=of, found=columns.get(name))
    indexes = ctx.rows(
        "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = 'shop' AND table_name = %s",
        (table,),
    )
    if indexes:
        raise Mismatch(f"Indexes of {table}", expected=[], found=[name for (name,) in indexes])


def _asked(ctx, table, where, questions):
    """The answers to one question asked many times, as lists of (customer, day, order, total)."""
    from cassandra import InvalidRequest
    from cassandra.concurrent import execute_concurrent_with_args

    _table(ctx, table)
    statement = f"SELECT customer_id, order_date, order_id, total FROM shop.{table} WHERE {where}"
    try:
        prepared = ctx.connection.prepare(statement)
    except InvalidRequest as refused:
        said = str(refused).partition('message="')[2].rstrip('"') or str(refused)
        raise Mismatch(f"WHERE {where} on {table}", expected="an answer", found=said) from None
    answers = execute_concurrent_with_args(ctx.connection, prepared, questions)
    return [[(c, d.date() if d else d, o, t) for c, d, o, t in answer.result_or_exc] for answer in answers]


def _group(ctx, at):
    groups = defaultdict(list)
    for order in ctx.given["orders"].values():
        groups[order[at]].append(order)
    return groups


@check(points=3)
def by_customer(ctx):
    """`orders_by_customer` gives all orders of any customer of 2014, the newest first."""
    customers = _group(ctx, 0)
    answers = _asked(ctx, "orders_by_customer", "customer_id = ?", [(c,) for c in customers])
    for (customer, orders), found in zip(customers.items(), answers, strict=True):
        if len(found) != len(orders):
            raise Mismatch(
                f"The number of orders of customer {customer}", expected=len(orders), found=len(found)
            )
        days = [day for _, day, _, _ in found]
        if days != sorted(days, reverse=True):
            raise Mismatch(
                f"The days of the orders of customer {customer}",
                expected="the newest first",
                found=[str(day) for day in days],
            )


@check(points=2)
def since_a_day(ctx):
    """`orders_by_customer` gives the orders of a customer since a certain day, and no older ones."""
    since = date(2014, 4, 1)
    customers = [c for c, orders in _group(ctx, 0).items() if len({day for _, day, _, _ in orders}) > 1]
    asked = [(customer, since) for customer in customers]
    answers = _asked(ctx, "orders_by_customer", "customer_id = ? AND order_date >= ?", asked)
    for customer, found in zip(customers, answers, strict=True):
        wanted = {day for c, day, _, _ in ctx.given["orders"].values() if c == customer and day >= since}
        days = {day for _, day, _, _ in found}
        if days != wanted:
            raise Mismatch(
                f"The days of the orders of customer {customer} since {since}",
                expected=sorted(map(str, wanted)),
                found=sorted(map(str, days)),
            )


@check(points=3)
def by_day(ctx):
    """`orders_by_day` gives all orders of any day of 2014, the one with the largest total first."""
    days = _group(ctx, 1)
    answers = _asked(ctx, "orders_by_day", "order_date = ?", [(day,) for day in days])
    for (day, orders), found in zip(days.items(), answers, strict=True):
        if len(found) != len(orders):
            raise Mismatch(f"The number of orders of {day}", expected=len(orders), found=len(found))
        totals = [total for _, _, _, total in found]
        if None in totals or totals != sorted(totals, reverse=True):
            raise Mismatch(
                f"The totals of the orders of {day}",
                expected="the largest first",
                found=[str(total) for total in totals[:5]],
            )


@check(points=2)
def complete(ctx):
    """Both tables hold the orders of 2014, each order once, with its customer, day and total."""
    wanted = sorted(ctx.given["orders"].values(), key=lambda order: order[2])
    for table in TABLES:
        _table(ctx, table)
        rows = ctx.rows(f"SELECT customer_id, order_date, order_id, total FROM shop.{table}")
        found = sorted(((c, d and d.date(), o, t) for c, d, o, t in rows), key=lambda row: str(row[2]))
        if len(found) != len(wanted):
            raise Mismatch(f"The number of rows of {table}", expected=len(wanted), found=len(found))
        for order, row in zip(wanted, found, strict=True):
            if order != row:
                raise Mismatch(
                    f"Order {order[2]} in {table}",
                    expected=", ".join(map(str, order)),
                    found=", ".join(map(str, row)),
                )

"""Checks of documents made of two files. The employee, and what marketing wrote, vary with the seed."""

import csv
import json
import random
from collections import Counter
from datetime import datetime
from decimal import Decimal

from sandbox.config import resources
from sandbox.grading import Mismatch, Missing, check

EMPLOYEES = (275, 276, 277, 279, 281, 282)


def _wanted(employee):
    """{customer: {order: (date, total, Counter of (product, pieces, price))}} as the files say."""
    wanted = {}
    with (resources("fixtures") / "orders.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if int(row[5]) != employee:
                continue
            month, day, year = map(int, row[2].split("/"))
            date = datetime(year, month, day)
            orders = wanted.setdefault(int(row[6]), {})
            _, _, lines = orders.setdefault(int(row[0]), (date, Decimal(row[10]), Counter()))
            lines[int(row[11]), int(row[12]), Decimal(row[13])] += 1
    return wanted


def prepare(ctx):
    """Five of the customers, and two others, are there already with a field of marketing's."""
    draw = random.Random(ctx.seed)
    employee = draw.choice(EMPLOYEES)
    wanted = _wanted(employee)
    (ctx.files / "task.json").write_text(json.dumps({"employeeid": employee}), encoding="utf-8")
    with (resources("fixtures") / "customers.csv").open(encoding="utf-8", newline="") as file:
        names = {int(row[0]): {"first": row[1], "last": row[2]} for row in csv.reader(file)}
    there = [*draw.sample(sorted(wanted), 5), 5001, 5003]
    letters = {customer: draw.choice(("weekly", "monthly", "never")) for customer in there}
    ctx.connection.shop.customers.insert_many([{"_id": c, "newsletter": letters[c]} for c in there])
    later = draw.sample(sorted(wanted), 3)
    return {"wanted": wanted, "names": names, "letters": letters, "later": later}


def between(ctx):
    """Marketing goes on while the first load is done."""
    letters = ctx.given["letters"]
    for customer in ctx.given["later"]:
        letters[customer] = "since last night"
        ctx.connection.shop.customers.update_one(
            {"_id": customer}, {"$set": {"newsletter": letters[customer]}}
        )


def _key(document):
    key = document["_id"]
    return key if isinstance(key, int | float) else str(key)


def _found(ctx):
    return {_key(document): document for document in ctx.connection.shop.customers.find()}


@check(points=2)
def customers_there(ctx):
    """There is one document for each customer of that employee, with his name, and none for others."""
    found = _found(ctx)
    wanted = ctx.given["wanted"]
    if missing := sorted(set(wanted) - set(found)):
        raise Missing(f"The document of customer {missing[0]}, and of {len(missing) - 1} more,")
    if more := [key for key in found if key not in wanted and key not in ctx.given["letters"]]:
        raise Mismatch("Documents of customers who did not order there", expected=0, found=len(more))
    for key in wanted:
        name = found[key].get("name")
        if name != ctx.given["names"][key]:
            raise Mismatch(f"The name of customer {key}", expected=ctx.given["names"][key], found=name)


def _orders(ctx):
    """Each customer's id with the list of orders, as it should be one."""
    found = _found(ctx)
    for key in sorted(ctx.given["wanted"]):
        orders = found[key].get("orders")
        if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
            raise Missing(f"A list of orders in the document of customer {key}")
        yield key, orders


def _pair(line):
    """Product and pieces of a line, whichever kind of number they are: that is for another check."""
    pair = line.get("product"), line.get("pieces")
    return pair if all(isinstance(each, int | float) for each in pair) else str(pair)


@check(points=3, after=[customers_there])
def orders_inside(ctx):
    """Each customer's document has the orders inside, each once and with its lines."""
    for key, orders in _orders(ctx):
        wanted = ctx.given["wanted"][key]
        numbers = Counter(order.get("number") for order in orders if isinstance(order.get("number"), int))
        if numbers != Counter(list(wanted)):
            found = f"{len(orders)}, of which {len(set(numbers) & set(wanted))} different ones are right"
            raise Mismatch(f"The orders of customer {key}", expected=len(wanted), found=found)
        for order in orders:
            number, lines = order["number"], order.get("lines")
            if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
                raise Missing(f"A list of lines in order {number} of customer {key}")
            expected = Counter((product, pieces) for product, pieces, _ in wanted[number][2].elements())
            if Counter(_pair(line) for line in lines) != expected:
                raise Mismatch(f"The lines of order {number}", expected="those of the file", found=len(lines))


def _demand(what, value, kind, wanted):
    from bson.decimal128 import Decimal128

    if not isinstance(value, kind) or isinstance(value, bool):
        raise Mismatch(f"The type of {what}", expected=kind.__name__, found=type(value).__name__)
    plain = value.to_decimal() if isinstance(value, Decimal128) else value
    if plain != wanted:
        raise Mismatch(what, expected=str(wanted), found=str(plain))


@check(points=3, after=[customers_there])
def types(ctx):
    """Dates are dates, amounts are exact decimals, numbers are integers, with the values of the files."""
    from bson.decimal128 import Decimal128

    for key, orders in _orders(ctx):
        wanted = ctx.given["wanted"][key]
        for order in orders:
            number = order.get("number")
            if not isinstance(number, int) or number not in wanted:
                raise Mismatch(
                    f"number of an order of customer {key}", expected="an integer of the file", found=number
                )
            date, total, due = wanted[number]
            _demand(f"date of order {number}", order.get("date"), datetime, date)
            _demand(f"total of order {number}", order.get("total"), Decimal128, total)
            prices = {(product, pieces): price for product, pieces, price in due}
            for line in order.get("lines") or [{}]:
                product, pieces = line.get("product"), line.get("pieces")
                _demand(f"product in order {number}", product, int, product)
                _demand(f"pieces in order {number}", pieces, int, pieces)
                price = prices.get((product, pieces))
                _demand(f"price of product {product} in order {number}", line.get("price"), Decimal128, price)


@check(points=2)
def others_kept(ctx):
    """What marketing wrote, before and between the runs, is there as it was."""
    found = _found(ctx)
    for key, letter in sorted(ctx.given["letters"].items()):
        now = found.get(key, {}).get("newsletter")
        if now != letter:
            raise Mismatch(f"newsletter of customer {key}", expected=letter, found=now)

"""Checks of queries. The orders vary with the seed."""

import random
import re
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.engines.aws import ENGINE
from sandbox.grading import Mismatch, Missing, check

CUSTOMER, EMPLOYEE, LARGE = 293, 277, 295
YEAR = datetime(2014, 1, 1)


def prepare(ctx):
    """Orders of five customers; those of one take two pages."""
    dynamodb = ctx.connection.client("dynamodb")
    dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[
            {"AttributeName": "customer_id", "AttributeType": "N"},
            {"AttributeName": "TS", "AttributeType": "S"},
            {"AttributeName": "employee_id", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "customer_id", "KeyType": "HASH"},
            {"AttributeName": "TS", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_employee",
                "KeySchema": [
                    {"AttributeName": "employee_id", "KeyType": "HASH"},
                    {"AttributeName": "TS", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    draw = random.Random(ctx.seed)
    names = (f"order-{number}" for number in draw.sample(range(10000, 100000), 200))
    orders = []

    def order(customer, hours, employee, total, note=None):
        at = (YEAR + timedelta(hours=hours)).isoformat()
        note = note or draw.randint(300, 3000)
        orders.append((customer, at, next(names), employee, total, note))

    def cents(low, high):
        return Decimal(draw.randint(low * 100, high * 100)) / 100

    # Of 2013, 2014 and 2015, large and small; the first and the last day of the year among them.
    for hours in (*draw.sample(range(-8000, 0), 4), *draw.sample(range(8760, 16000), 4)):
        # Heavy: whoever reads the other years too pays for them.
        order(CUSTOMER, hours, 275, cents(1100, 9000), note=9000)
    for number, hours in enumerate([9, *draw.sample(range(30, 8700), 12), 8755]):
        order(CUSTOMER, hours, 275, cents(1001, 9000) if number % 2 == 0 or number == 13 else cents(20, 999))
    june = int((datetime(2014, 6, 1) - YEAR).total_seconds()) // 3600
    for customer in (297, 299):
        for hours in draw.sample(range(june + 24, june + 690), 3):
            order(customer, hours, EMPLOYEE, cents(20, 9000))
        order(customer, june - draw.randint(5, 600), EMPLOYEE, cents(20, 9000))
        order(customer, june + 720 + draw.randint(5, 600), EMPLOYEE, cents(20, 9000))
        order(customer, june + draw.randint(30, 690), 276, cents(20, 9000))
    for hours in draw.sample(range(-8000, 16000), draw.randint(54, 60)):
        order(LARGE, hours, 276, cents(20, 9000), note=draw.randint(28000, 30000))
    for at in range(0, len(orders), 25):
        batch = [{"PutRequest": {"Item": _item(*each)}} for each in orders[at : at + 25]]
        dynamodb.batch_write_item(RequestItems={"orders": batch})
    wanted = sorted((o for o in orders if o[0] == CUSTOMER and o[1][:4] == "2014" and o[4] > 1000), key=_time)
    sold = sorted((o for o in orders if o[3] == EMPLOYEE and o[1][:7] == "2014-06"), key=_time)
    return {
        "customer": [o[2] for o in reversed(wanted)],
        "customer_all": [o[2] for o in orders if o[0] == CUSTOMER],
        "employee": [o[2] for o in sold],
        "asked": ENGINE.asked(ctx.endpoint),
        "sum": sum(o[4] for o in orders if o[0] == LARGE),
    }


def _time(order):
    return order[1]


def _item(customer, at, name, employee, total, note):
    return {
        "customer_id": {"N": str(customer)},
        "TS": {"S": at},
        "name": {"S": name},
        "employee_id": {"N": str(employee)},
        "total": {"N": str(total)},
        "note": {"S": "x" * note},
    }


def _printed(ctx, of_customer):
    """The names of orders that were printed, those of the customer or all others, as they stand."""
    names = re.findall(r"order-\d+", ctx.output)
    return [name for name in names if (name in ctx.given["customer_all"]) == of_customer]


def _demand(what, found, wanted, order):
    if not found:
        raise Missing(f"A name of {what}, in what was printed,")
    if sorted(found) == sorted(wanted) and found != wanted:
        raise Mismatch(f"The order of {what}", expected=order, found=found[:8])
    if found != wanted:
        raise Mismatch(f"The names of {what}", expected=wanted, found=found[:12], show_expected=False)


@check(points=3)
def orders_of_customer(ctx):
    """The orders of customer 293 in 2014 above 1000 were printed, the newest first, and no more."""
    _demand("orders of customer 293", _printed(ctx, True), ctx.given["customer"], "the newest first")


@check(points=2)
def cheaply(ctx):
    """It was printed what that cost: as much as a query of the orders of 2014 costs. Nothing was scanned."""
    asked, before = ENGINE.asked(ctx.endpoint), ctx.given["asked"]
    if asked.get("Scan", 0) > before.get("Scan", 0):
        raise Mismatch("The requests", expected="queries", found="a scan among them")
    told = re.findall(r"read units:\s*([\d.]+)", ctx.output)
    if not told:
        raise Missing("A line like `read units: 12.5`, in what was printed,")
    if asked.get("ExecuteStatement", 0) > before.get("ExecuteStatement", 0):
        # MiniStack has no right figure for a statement.
        return
    units = float(told[-1].rstrip(".") or 0)
    spent = ctx.connection.client("dynamodb").query(
        TableName="orders",
        KeyConditionExpression="customer_id = :c AND begins_with(TS, :y)",
        ExpressionAttributeValues={":c": {"N": str(CUSTOMER)}, ":y": {"S": "2014"}},
        ReturnConsumedCapacity="TOTAL",
    )["ConsumedCapacity"]["CapacityUnits"]
    # Strongly consistent it costs twice as much; in several pages a little more.
    if not any(cost - 1 <= units <= 1.2 * cost + 0.5 for cost in (spent, 2 * spent)):
        raise Mismatch("The read units", expected=spent, found=units, show_expected=False)


@check(points=3)
def orders_of_employee(ctx):
    """The orders that employee 277 sold in June 2014 were printed, the oldest first, and no others."""
    _demand("orders of employee 277", _printed(ctx, False), ctx.given["employee"], "the oldest first")


@check(points=3)
def whole_total(ctx):
    """The sum of all orders of customer 295 was printed."""
    told = re.findall(r"sum:\s*\D{0,2}(-?[\d.]+)", ctx.output)
    if not told:
        raise Missing("A line like `sum: 1234.56`, in what was printed,")
    wanted = ctx.given["sum"]
    if abs(Decimal(told[-1].rstrip(".") or "0") - wanted) > Decimal("0.01"):
        raise Mismatch("The sum", expected=str(wanted), found=told[-1], show_expected=False)

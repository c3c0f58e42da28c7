"""Checks of three reports made by aggregation. Customers and orders vary with the seed."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

FIRST = ("Ada", "Bo", "Carla", "Dev", "Esme", "Farid", "Greta")
LAST = ("Abel", "Brun", "Costa", "Diaz", "Eklund", "Faye")
PIECES = 30


def prepare(ctx):
    """Some 200 orders; what they are worth does not go with how many they are."""
    from bson.decimal128 import Decimal128

    draw = random.Random(ctx.seed)
    customers = draw.sample(range(1, 400), 24)
    names = {key: f"{draw.choice(FIRST)} {draw.choice(LAST)} {key}" for key in customers}
    products = draw.sample(range(700, 1000), 30)
    # A few customers order often and little.
    frequent = customers[:5]
    begin = datetime(2014, 1, 1, tzinfo=UTC)
    orders, monthly, best, sold = [], {}, Counter(), Counter()
    for key in range(5000, 5180):
        often = draw.random() < 0.4
        customer = draw.choice(frequent if often else customers[5:])
        date = begin + timedelta(minutes=draw.randrange(240 * 24 * 60))
        status = draw.choice(("shipped", "shipped", "shipped", "open", "cancelled"))
        lines = [
            {
                "product": product,
                "pieces": draw.randint(1, 2 if often else 9),
                "price": Decimal(draw.randint(100, 900 if often else 20000)) / 100,
            }
            for product in draw.sample(products, draw.randint(1, 4))
        ]
        if status == "shipped":
            month = monthly.setdefault(date.strftime("%Y-%m"), [0, Decimal(0)])
            month[0] += 1
            for line in lines:
                worth = line["pieces"] * line["price"]
                month[1] += worth
                best[customer] += worth
                sold[line["product"]] += line["pieces"]
        rounded = [{**line, "price": Decimal128(line["price"])} for line in lines]
        orders.append({"_id": key, "customer": customer, "date": date, "status": status, "lines": rounded})
    shop = ctx.connection.shop
    countries = ("ES", "NO", "PT")
    shop.customers.insert_many(
        [{"_id": key, "name": name, "country": draw.choice(countries)} for key, name in names.items()]
    )
    shop.orders.insert_many(orders)
    return {
        "monthly": monthly,
        "best": {key: (names[key], worth) for key, worth in best.most_common(5)},
        "sold": {key: pieces for key, pieces in sold.items() if pieces >= PIECES},
    }


def _key(document):
    key = document["_id"]
    return key if isinstance(key, int | float | str) else str(key)


def _report(ctx, name, wanted):
    """The documents of a report by _id, after a look at which there are."""
    found = {_key(document): document for document in ctx.connection.shop[name].find()}
    if not found:
        raise Missing(f"The collection {name}, with documents in it,")
    if set(found) != set(wanted):
        said = f"{len(found)}, of which {len(set(found) & set(wanted))} are right"
        raise Mismatch(f"The documents in {name}", expected=len(wanted), found=said)
    return found


def _amount(what, document, wanted):
    from bson.decimal128 import Decimal128

    value = document.get("turnover")
    if not isinstance(value, Decimal128):
        found = type(value).__name__
        raise Mismatch(f"The type of turnover of {what}", expected="Decimal128", found=found)
    if value.to_decimal() != wanted:
        raise Mismatch(f"turnover of {what}", expected=wanted, found=str(value), show_expected=False)


@check(points=2)
def monthly_orders(ctx):
    """`monthly` has each month with the number of shipped orders."""
    wanted = ctx.given["monthly"]
    found = _report(ctx, "monthly", wanted)
    for month, (number, _) in wanted.items():
        counted = found[month].get("orders")
        if counted != number:
            raise Mismatch(f"orders of {month}", expected=number, found=counted, show_expected=False)


@check(points=3)
def monthly_turnover(ctx):
    """`monthly` has what the shipped orders of each month are worth, exactly."""
    wanted = ctx.given["monthly"]
    found = _report(ctx, "monthly", wanted)
    for month, (_, worth) in wanted.items():
        _amount(month, found[month], worth)


@check(points=3)
def best_customers(ctx):
    """`best_customers` has the five customers, with name and turnover."""
    wanted = ctx.given["best"]
    found = _report(ctx, "best_customers", wanted)
    for key, (name, worth) in wanted.items():
        if found[key].get("name") != name:
            raise Mismatch(f"name of customer {key}", expected=name, found=found[key].get("name"))
        _amount(f"customer {key}", found[key], worth)


@check(points=2)
def best_sellers(ctx):
    """`best_sellers` has the products that sold so often, with their pieces."""
    wanted = ctx.given["sold"]
    found = _report(ctx, "best_sellers", wanted)
    for key, pieces in wanted.items():
        sold = found[key].get("pieces")
        if sold != pieces:
            raise Mismatch(f"pieces of product {key}", expected=pieces, found=sold, show_expected=False)

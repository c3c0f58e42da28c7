"""Checks of the switch between capacity modes. The items vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

INDEX = "by_employee"
TABLE_UNITS = {"ReadCapacityUnits": 40, "WriteCapacityUnits": 15}
INDEX_UNITS = {"ReadCapacityUnits": 20, "WriteCapacityUnits": 15}


def prepare(ctx):
    """A table on-demand with an index, and a provisioned one, each with items."""
    draw = random.Random(ctx.seed)
    dynamodb = ctx.connection.client("dynamodb")
    orders = dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[
            {"AttributeName": "order_id", "AttributeType": "S"},
            {"AttributeName": "employee_id", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [{"AttributeName": "employee_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    sessions = dynamodb.create_table(
        TableName="sessions",
        AttributeDefinitions=[{"AttributeName": "session_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
        ProvisionedThroughput={"ReadCapacityUnits": 100, "WriteCapacityUnits": 100},
    )
    items = {"orders": {}, "sessions": {}}
    for number in draw.sample(range(1000, 10000), 12):
        name = f"o-{number}"
        items["orders"][name] = {"order_id": {"S": name}, "employee_id": {"N": str(275 + number % 3)}}
    for number in draw.sample(range(1000, 10000), 12):
        name = f"s-{number}"
        items["sessions"][name] = {"session_id": {"S": name}, "visits": {"N": str(draw.randint(1, 90))}}
    for table, found in items.items():
        requests = [{"PutRequest": {"Item": item}} for item in found.values()]
        dynamodb.batch_write_item(RequestItems={table: requests})
    ids = {
        made["TableDescription"]["TableName"]: made["TableDescription"]["TableId"]
        for made in (orders, sessions)
    }
    return {"ids": ids, "items": items}


def _table(ctx, name):
    dynamodb = ctx.connection.client("dynamodb")
    try:
        return dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise Missing(f"Table {name}") from None


def _demand_mode(table, wanted):
    found = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    if found != wanted:
        raise Mismatch(f"The billing mode of {table['TableName']}", expected=wanted, found=found)


def _demand_units(what, throughput, wanted):
    found = {name: throughput.get(name) for name in wanted}
    if found != wanted:
        raise Mismatch(f"The capacity of {what}", expected=wanted, found=found)


@check(points=3)
def orders_provisioned(ctx):
    """`orders` has provisioned capacity: 40 read units and 15 write units."""
    table = _table(ctx, "orders")
    _demand_mode(table, "PROVISIONED")
    _demand_units("orders", table["ProvisionedThroughput"], TABLE_UNITS)


@check(points=2)
def index_provisioned(ctx):
    """Its index `by_employee` has 20 read units and 15 write units."""
    indexes = _table(ctx, "orders").get("GlobalSecondaryIndexes", [])
    index = next((each for each in indexes if each["IndexName"] == INDEX), None)
    if index is None:
        raise Missing(f"The index {INDEX}")
    _demand_units(f"index {INDEX}", index.get("ProvisionedThroughput", {}), INDEX_UNITS)


@check(points=2)
def sessions_on_demand(ctx):
    """`sessions` is paid for by the request (on-demand)."""
    _demand_mode(_table(ctx, "sessions"), "PAY_PER_REQUEST")


@check(points=2)
def nothing_lost(ctx):
    """Both are the tables that they were, with all their items."""
    dynamodb = ctx.connection.client("dynamodb")
    for name, items in ctx.given["items"].items():
        table = _table(ctx, name)
        if table["TableId"] != ctx.given["ids"][name]:
            raise Mismatch(f"The table {name}", expected="the one that was there", found="one made anew")
        key = table["KeySchema"][0]["AttributeName"]
        found = {item[key]["S"]: item for item in dynamodb.scan(TableName=name, ConsistentRead=True)["Items"]}
        for number, item in items.items():
            if found.get(number) != item:
                raise Missing(f"The item {number} of {name}, as it was,")

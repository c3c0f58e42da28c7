"""Checks of tables and indexes. Expected items come from the fixtures that the answer loads."""

import csv
from decimal import Decimal

from sandbox.config import resources
from sandbox.grading import Mismatch, Missing, check

YEAR = 2014
NAMES = ("firstname", "lastname", "fullname")


def _rows(name):
    with (resources("fixtures") / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def prepare(ctx):
    """The table employees, with everybody in it."""
    dynamodb = ctx.connection.client("dynamodb")
    made = dynamodb.create_table(
        TableName="employees",
        AttributeDefinitions=[{"AttributeName": "employeeid", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "employeeid", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    items = []
    for row in _rows("employees"):
        item = {"employeeid": {"N": row[0]}, "fullname": {"S": row[4]}, "jobtitle": {"S": row[5]}}
        items.append(item | ({"managerid": {"N": row[1]}} if row[1] else {}))
    dynamodb.batch_write_item(RequestItems={"employees": [{"PutRequest": {"Item": i}} for i in items]})
    # One whom no file knows: the answer cannot bring everybody back from the fixtures.
    new = {"N": str(300 + ctx.seed % 600)}
    extra = {"employeeid": new, "managerid": {"N": "274"}, "fullname": {"S": "Robin New"}}
    extra["jobtitle"] = {"S": "Trainee"}
    dynamodb.put_item(TableName="employees", Item=extra)
    return {"id": made["TableDescription"]["TableId"], "employees": [*items, extra]}


def _table(ctx, name):
    dynamodb = ctx.connection.client("dynamodb")
    try:
        return dynamodb, dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise Missing(f"Table {name}") from None


def _key(table, schema):
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    ordered = sorted(schema, key=lambda each: each["KeyType"])
    return " and ".join(f"{each['AttributeName']} ({types[each['AttributeName']]})" for each in ordered)


def _demand_key(what, table, schema, wanted):
    found = _key(table, schema)
    if found != wanted:
        raise Mismatch(f"The key of {what}", expected=wanted, found=found)


def _items(dynamodb, name):
    pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def _text(item, name):
    value = item.get(name, {})
    return value.get("S", f"no text: {value}" if value else None)


@check(points=2)
def keys_right(ctx):
    """`customers` has the key `customer_id`, `customers_sk` `customer_id` and `TS`; both are on-demand."""
    for name, wanted in (("customers", "customer_id (N)"), ("customers_sk", "customer_id (N) and TS (S)")):
        _, table = _table(ctx, name)
        _demand_key(name, table, table["KeySchema"], wanted)
        mode = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
        if mode != "PAY_PER_REQUEST":
            raise Mismatch(f"The billing mode of {name}", expected="PAY_PER_REQUEST", found=mode)


@check(points=2, after=[keys_right])
def customers_loaded(ctx):
    """`customers` holds every customer of the file, with the three names."""
    dynamodb, _ = _table(ctx, "customers")
    found = {item["customer_id"]["N"]: item for item in _items(dynamodb, "customers")}
    wanted = {row[0]: row[1:4] for row in _rows("customers")}
    if len(found) != len(wanted):
        raise Mismatch("The number of items in customers", expected=len(wanted), found=len(found))
    for number, names in wanted.items():
        if number not in found:
            raise Missing(f"Customer {number} in customers")
        for name, value in zip(NAMES, names, strict=True):
            if _text(found[number], name) != value:
                raise Mismatch(
                    f"{name} of customer {number}", expected=value, found=_text(found[number], name)
                )


@check(points=2, after=[keys_right])
def local_index(ctx):
    """`customers_sk` has a local index that sorts a customer's orders by `totaldue`, a number."""
    _, table = _table(ctx, "customers_sk")
    local = table.get("LocalSecondaryIndexes", [])
    if not local:
        raise Missing("A local secondary index of customers_sk")
    keys = [_key(table, index["KeySchema"]) for index in local]
    wanted = "customer_id (N) and totaldue (N)"
    if wanted not in keys:
        raise Mismatch("The key of the local index", expected=wanted, found=keys[0])


@check(points=3, after=[keys_right])
def orders_loaded(ctx):
    """`customers_sk` holds one item for each order of 2014, sorted by time in a customer, with its total."""
    dynamodb, _ = _table(ctx, "customers_sk")
    wanted = {}
    for row in _rows("orders"):
        month, day, year = map(int, row[2].split("/"))
        if year == YEAR:
            wanted[row[6], f"{year}-{month:02}-{day:02}#{row[0]}"] = Decimal(row[10])
    found = {}
    for item in _items(dynamodb, "customers_sk"):
        total = item.get("totaldue", {})
        found[item["customer_id"]["N"], item["TS"]["S"]] = Decimal(total["N"]) if "N" in total else total
    missing = next((key for key in wanted if key not in found), None)
    if missing is not None:
        like = [ts for customer, ts in sorted(found) if customer == missing[0]][:3]
        raise Mismatch(f"An order of customer {missing[0]}", expected=missing[1], found=like)
    if len(found) != len(wanted):
        raise Mismatch("The number of items in customers_sk", expected=len(wanted), found=len(found))
    for key, total in wanted.items():
        if found[key] != total:
            raise Mismatch(f"totaldue of {key[1]}", expected=str(total), found=str(found[key]))


@check(points=3)
def index_added(ctx):
    """`employees` is the table it was, with all its items, and a global index gives the people of a manager,
    with name and title."""
    dynamodb, table = _table(ctx, "employees")
    if table["TableId"] != ctx.given["id"]:
        raise Mismatch("The table employees", expected="the one that was there", found="one made anew")
    now = {item["employeeid"]["N"]: item for item in _items(dynamodb, "employees")}
    for item in ctx.given["employees"]:
        if now.get(item["employeeid"]["N"]) != item:
            raise Missing(f"Employee {item['employeeid']['N']}, as he or she was, in employees")
    wanted = "managerid (N) and employeeid (N)"
    indexes = {
        index["IndexName"]: _key(table, index["KeySchema"])
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    if not indexes:
        raise Missing("A global secondary index of employees")
    name = next((name for name, key in indexes.items() if key == wanted), None)
    if name is None:
        raise Mismatch("The key of the global index", expected=wanted, found=next(iter(indexes.values())))
    people = dynamodb.query(
        TableName="employees",
        IndexName=name,
        KeyConditionExpression="managerid = :m",
        ExpressionAttributeValues={":m": {"N": "274"}},
    )["Items"]
    for item in people:
        for attribute in ("fullname", "jobtitle"):
            if attribute not in item:
                raise Missing(f"{attribute} in what the global index gives")

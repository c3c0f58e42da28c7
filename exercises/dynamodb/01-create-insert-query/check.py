"""Checks of the first DynamoDB exercise. The visits vary with the seed."""

import random
import re
from datetime import datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

CUSTOMER = 295
SINCE = datetime(2014, 5, 1)
USER = {
    "UserID": {"N": "12345"},
    "Name": {"S": "John Doe"},
    "Email": {"S": "johndoe@example.com"},
}


def prepare(ctx):
    """Visits of three customers before and after 1 May 2014, in the table customers_sk."""
    dynamodb = ctx.connection.client("dynamodb")
    dynamodb.create_table(
        TableName="customers_sk",
        AttributeDefinitions=[
            {"AttributeName": "customer_id", "AttributeType": "N"},
            {"AttributeName": "TS", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "customer_id", "KeyType": "HASH"},
            {"AttributeName": "TS", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    draw = random.Random(ctx.seed)
    names = (f"visit-{number}" for number in draw.sample(range(10000, 100000), 40))
    wanted = []
    for customer in (293, CUSTOMER, 297):
        minutes = draw.sample(range(-40000, 0), 3) + draw.sample(range(60, 40000), 4)
        for after in sorted(minutes):
            name, at = next(names), SINCE + timedelta(minutes=after)
            item = {
                "customer_id": {"N": str(customer)},
                "TS": {"S": at.isoformat()},
                "visit": {"S": name},
            }
            dynamodb.put_item(TableName="customers_sk", Item=item)
            if customer == CUSTOMER and after > 0:
                wanted.append(name)
    return {"wanted": wanted[::-1]}


def _user_data(ctx):
    dynamodb = ctx.connection.client("dynamodb")
    try:
        return dynamodb, dynamodb.describe_table(TableName="UserData")["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise Missing("Table UserData") from None


@check(points=3)
def table_made(ctx):
    """Table `UserData` is there; its key is `UserID`, a number, and nothing else."""
    _, table = _user_data(ctx)
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    key = [(k["AttributeName"], k["KeyType"], types[k["AttributeName"]]) for k in table["KeySchema"]]
    if [name for name, _, _ in key] != ["UserID"]:
        raise Mismatch("The key of UserData", expected="UserID", found=", ".join(name for name, _, _ in key))
    if key[0][2] != "N":
        raise Mismatch("The type of UserID", expected="N (number)", found=key[0][2])


@check(points=1)
def paid_by_request(ctx):
    """`UserData` is paid for by the request (on-demand)."""
    _, table = _user_data(ctx)
    mode = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    if mode != "PAY_PER_REQUEST":
        raise Mismatch("The billing mode of UserData", expected="PAY_PER_REQUEST", found=mode)


@check(points=3, after=[table_made])
def user_stored(ctx):
    """`UserData` holds one item: user 12345, John Doe, with his e-mail address."""
    dynamodb, _ = _user_data(ctx)
    items = dynamodb.scan(TableName="UserData", ConsistentRead=True)["Items"]
    found = next((item for item in items if item["UserID"] == USER["UserID"]), None)
    if found is None:
        raise Missing("The item with UserID 12345")
    for name, value in USER.items():
        if found.get(name) != value:
            raise Mismatch(f"{name} of user 12345", expected=value, found=found.get(name))
    if len(items) != 1:
        raise Mismatch("The number of items in UserData", expected=1, found=len(items))


@check(points=3)
def visits_shown(ctx):
    """The visits of customer 295 from 1 May 2014 on were printed, the newest first, and no others."""
    wanted = ctx.given["wanted"]
    found = re.findall(r"visit-\d+", ctx.output)
    if not found:
        raise Missing("A visit in what was printed")
    if sorted(found) == sorted(wanted) and found != wanted:
        raise Mismatch("The order of the visits", expected="the newest first", found=found)
    if found != wanted:
        raise Mismatch("The visits printed", expected=wanted, found=found[:12], show_expected=False)

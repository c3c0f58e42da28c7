import csv
from decimal import Decimal
from pathlib import Path

import boto3

dynamodb = boto3.resource("dynamodb")


def rows(name):
    with Path(f"fixtures/{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


# 1. customers: key customer_id, a number
customers = dynamodb.create_table(
    TableName="customers",
    AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "N"}],
    KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
    BillingMode="PAY_PER_REQUEST",
)
customers.wait_until_exists()
with customers.batch_writer() as batch:
    for number, first, last, full in rows("customers"):
        batch.put_item(
            Item={"customer_id": int(number), "firstname": first, "lastname": last, "fullname": full}
        )

# 2. customers_sk: customer_id and TS, with a local index on totaldue
orders = dynamodb.create_table(
    TableName="customers_sk",
    AttributeDefinitions=[
        {"AttributeName": "customer_id", "AttributeType": "N"},
        {"AttributeName": "TS", "AttributeType": "S"},
        {"AttributeName": "totaldue", "AttributeType": "N"},
    ],
    KeySchema=[
        {"AttributeName": "customer_id", "KeyType": "HASH"},
        {"AttributeName": "TS", "KeyType": "RANGE"},
    ],
    LocalSecondaryIndexes=[
        {
            "IndexName": "by_total",
            "KeySchema": [
                {"AttributeName": "customer_id", "KeyType": "HASH"},
                {"AttributeName": "totaldue", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    BillingMode="PAY_PER_REQUEST",
)
orders.wait_until_exists()

# 3. one item for each order of 2014: its lines repeat the date and the total
with orders.batch_writer(overwrite_by_pkeys=["customer_id", "TS"]) as batch:
    for row in rows("orders"):
        month, day, year = map(int, row[2].split("/"))
        if year != 2014:
            continue
        batch.put_item(
            Item={
                "customer_id": int(row[6]),
                "TS": f"{row[2]}#{row[0]}",
                "totaldue": Decimal(row[10]),
            }
        )

# 4. a global index on employees, which goes on working meanwhile
dynamodb.meta.client.update_table(
    TableName="employees",
    AttributeDefinitions=[
        {"AttributeName": "managerid", "AttributeType": "N"},
        {"AttributeName": "employeeid", "AttributeType": "N"},
    ],
    GlobalSecondaryIndexUpdates=[
        {
            "Create": {
                "IndexName": "by_manager",
                "KeySchema": [
                    {"AttributeName": "managerid", "KeyType": "HASH"},
                    {"AttributeName": "employeeid", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["fullname", "jobtitle"],
                },
            }
        }
    ],
)

import json
from pathlib import Path

import boto3

# The client of the resource takes values as they are, without their types.
client = boto3.resource("dynamodb").meta.client


def sell(cart):
    order = {
        "Put": {
            "TableName": "orders",
            "Item": cart,
        }
    }
    lines = [
        {
            "Update": {
                "TableName": "stock",
                "Key": {"product_id": line["product_id"]},
                "UpdateExpression": "SET stock = stock - :q",
                "ConditionExpression": "stock >= :q",
                "ExpressionAttributeValues": {":q": line["quantity"]},
            }
        }
        for line in cart["lines"]
    ]
    client.transact_write_items(TransactItems=[order, *lines])


for cart in json.loads(Path("carts.json").read_text()):
    try:
        sell(cart)
        print(cart["order_id"], "sold")
    except client.exceptions.TransactionCanceledException as refused:
        codes = [reason["Code"] for reason in refused.response["CancellationReasons"]]
        if "ConditionalCheckFailed" not in codes:
            raise
        print(cart["order_id"], "refused")

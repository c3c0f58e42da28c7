import json
from pathlib import Path

import boto3

# The client of the resource takes values as they are, without their types.
client = boto3.resource("dynamodb").meta.client


def sell(cart):
    for line in cart["lines"]:
        client.update_item(
            TableName="stock",
            Key={"product_id": line["product_id"]},
            UpdateExpression="SET stock = stock - :q",
            ConditionExpression="stock >= :q",
            ExpressionAttributeValues={":q": line["quantity"]},
        )
    client.put_item(TableName="orders", Item=cart)


for cart in json.loads(Path("carts.json").read_text()):
    try:
        sell(cart)
        print(cart["order_id"], "sold")
    except client.exceptions.ConditionalCheckFailedException:
        print(cart["order_id"], "refused")

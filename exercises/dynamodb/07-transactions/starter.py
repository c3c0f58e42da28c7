import json
from pathlib import Path

import boto3

dynamodb = boto3.resource("dynamodb")
stock = dynamodb.Table("stock")

for cart in json.loads(Path("carts.json").read_text()):
    for line in cart["lines"]:
        there = stock.get_item(Key={"product_id": line["product_id"]})["Item"]
        print(cart["order_id"], "wants", line["quantity"], "of", there["stock"])

import json
from decimal import Decimal
from pathlib import Path

import boto3

dynamodb = boto3.resource("dynamodb")
articles = dynamodb.Table("articles")
refused = dynamodb.Table("refused")
Refused = dynamodb.meta.client.exceptions.ConditionalCheckFailedException


def change_price(edit):
    articles.update_item(
        Key={"article_id": edit["article_id"]},
        UpdateExpression="SET price = :price, #v = #v + :one",
        ConditionExpression="#v = :based_on",
        ExpressionAttributeNames={"#v": "version"},
        ExpressionAttributeValues={
            ":price": Decimal(edit["price"]),
            ":based_on": edit["based_on"],
            ":one": 1,
        },
    )


def make(edit):
    articles.put_item(
        Item={
            "article_id": edit["article_id"],
            "title": edit["title"],
            "price": Decimal(edit["price"]),
            "version": 1,
        },
        ConditionExpression="attribute_not_exists(article_id)",
    )


for edit in json.loads(Path("edits.json").read_text()):
    try:
        if edit["kind"] == "new":
            make(edit)
        else:
            change_price(edit)
    except Refused:
        refused.put_item(Item={"edit_id": edit["edit_id"]})

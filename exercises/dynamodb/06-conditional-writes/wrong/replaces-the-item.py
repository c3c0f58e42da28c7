import json
from decimal import Decimal
from pathlib import Path

import boto3

dynamodb = boto3.resource("dynamodb")
articles = dynamodb.Table("articles")
refused = dynamodb.Table("refused")
Refused = dynamodb.meta.client.exceptions.ConditionalCheckFailedException


def change_price(edit):
    there = articles.get_item(Key={"article_id": edit["article_id"]}).get("Item", {})
    articles.put_item(
        Item={
            "article_id": edit["article_id"],
            "title": there.get("title", ""),
            "price": Decimal(edit["price"]),
            "version": edit["based_on"] + 1,
        },
        ConditionExpression="#v = :based_on",
        ExpressionAttributeNames={"#v": "version"},
        ExpressionAttributeValues={":based_on": edit["based_on"]},
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

import json
from decimal import Decimal
from pathlib import Path

import boto3

dynamodb = boto3.resource("dynamodb")
streams = boto3.client("dynamodbstreams")
prices = dynamodb.Table("prices")

# 1. Switch on the stream, with old and new images
prices.update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
prices.wait_until_exists()
prices.reload()
arn = prices.latest_stream_arn

# 2. Make the changes
for change in json.loads(Path("changes.json").read_text()):
    key = {"product_id": change["product_id"]}
    if change["do"] == "set":
        prices.update_item(
            Key=key,
            UpdateExpression="SET price = :p",
            ExpressionAttributeValues={":p": Decimal(change["price"])},
        )
    elif change["do"] == "move":
        prices.update_item(
            Key=key, UpdateExpression="SET shelf = :s", ExpressionAttributeValues={":s": change["shelf"]}
        )
    elif change["do"] == "add":
        prices.put_item(Item={**key, "price": Decimal(change["price"]), "name": change["name"]})
    else:
        prices.delete_item(Key=key)


# 3. Read the stream and write the audit
def records():
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = streams.get_records(ShardIterator=iterator)
            yield from answer["Records"]
            # An open shard never ends: what is there now has been read when an answer is empty.
            iterator = answer.get("NextShardIterator") if answer["Records"] else None


with dynamodb.Table("audit").batch_writer() as batch:
    for record in records():
        data = record["dynamodb"]
        item = {}
        for name, image in (("old", "OldImage"), ("new", "NewImage")):
            if "price" in data.get(image, {}):
                item[name] = Decimal(data[image]["price"]["N"])
        item["sequence"] = data["SequenceNumber"]
        item["product_id"] = int(data["Keys"]["product_id"]["N"])
        batch.put_item(Item=item)

"""Repair the amounts in the table orders by a replay of the stream sales."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
table = boto3.resource("dynamodb").Table("orders")
since = json.loads(Path("incident.json").read_text())["since"]

kinesis.increase_stream_retention_period(StreamName="sales", RetentionPeriodHours=7 * 24)


def replay(shard):
    """Every sale of a shard since the fault."""
    iterator = kinesis.get_shard_iterator(
        StreamName="sales", ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=since
    )["ShardIterator"]
    while True:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=10)
        for record in answer["Records"]:
            yield json.loads(record["Data"])
        if answer["MillisBehindLatest"] == 0:
            return
        iterator = answer["NextShardIterator"]


with table.batch_writer() as batch:
    for shard in kinesis.list_shards(StreamName="sales")["Shards"][:1]:
        for sale in replay(shard["ShardId"]):
            batch.put_item({"order": sale["order"], "amount": sale["quantity"] * sale["price"]})

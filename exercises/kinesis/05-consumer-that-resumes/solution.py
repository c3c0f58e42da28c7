"""Turn each order of the stream orders into a record of the stream shipments."""

import json
import time
from pathlib import Path

import boto3

CHECKPOINTS = Path("checkpoints.json")

kinesis = boto3.client("kinesis")
done = json.loads(CHECKPOINTS.read_text()) if CHECKPOINTS.exists() else {}


def begin(shard):
    """An iterator behind the last record that was dealt with."""
    start = {"ShardIteratorType": "TRIM_HORIZON"}
    if shard in done:
        start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": done[shard]}
    return kinesis.get_shard_iterator(StreamName="orders", ShardId=shard, **start)["ShardIterator"]


def ship(orders):
    kinesis.put_records(
        StreamName="shipments",
        Records=[
            {
                "Data": json.dumps({"order": o["order"], "total": o["quantity"] * o["price"]}),
                "PartitionKey": str(o["order"]),
            }
            for o in orders
        ],
    )


def write_down(shard, record):
    """The new file takes the place of the old one in one step: there is never half a file."""
    done[shard] = record["SequenceNumber"]
    fresh = CHECKPOINTS.with_suffix(".new")
    fresh.write_text(json.dumps(done))
    fresh.replace(CHECKPOINTS)


shards = {s["ShardId"]: begin(s["ShardId"]) for s in kinesis.list_shards(StreamName="orders")["Shards"]}
while shards:
    idle = True
    for shard, iterator in list(shards.items()):
        answer = kinesis.get_records(ShardIterator=iterator, Limit=10)
        shards[shard] = answer["NextShardIterator"]
        if not answer["Records"]:
            continue
        idle = False
        said = [json.loads(record["Data"]) for record in answer["Records"]]
        orders = [each for each in said if "order" in each]
        if orders:
            ship(orders)
        # First the work, then the checkpoint: a crash between the two does some work twice, and loses none.
        write_down(shard, answer["Records"][-1])
        if any("end" in each for each in said):
            del shards[shard]
    if idle:
        time.sleep(0.05)

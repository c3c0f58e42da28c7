"""Read the stream readings with the five kinds of iterator."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
positions = json.loads(Path("positions.json").read_text())
shard = kinesis.list_shards(StreamName="readings")["Shards"][0]["ShardId"]


def iterator(kind, **start):
    return kinesis.get_shard_iterator(StreamName="readings", ShardId=shard, ShardIteratorType=kind, **start)[
        "ShardIterator"
    ]


def read(position):
    """All readings from an iterator up to the tip of the stream."""
    while True:
        answer = kinesis.get_records(ShardIterator=position)
        for record in answer["Records"]:
            yield record["Data"].decode()
        if answer["MillisBehindLatest"] == 0:
            return
        position = answer["NextShardIterator"]


number = positions["sequence_number"]
print("TRIM_HORIZON", *read(iterator("TRIM_HORIZON")))
for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
    print(kind, *read(iterator(kind, StartingSequenceNumber=number)))
print("AT_TIMESTAMP", *read(iterator("AT_TIMESTAMP", Timestamp=positions["timestamp"])))

kinesis.put_record(StreamName="readings", PartitionKey="sensor", Data=positions["new"])
print("LATEST", *read(iterator("LATEST")))

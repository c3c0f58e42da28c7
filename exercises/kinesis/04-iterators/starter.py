"""Read the stream readings with the five kinds of iterator."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
positions = json.loads(Path("positions.json").read_text())
shard = kinesis.list_shards(StreamName="readings")["Shards"][0]["ShardId"]

# Prints a line such as: AT_TIMESTAMP 48213 11902
#   kinesis.get_shard_iterator(StreamName=..., ShardId=..., ShardIteratorType=..., ...)["ShardIterator"]
#   kinesis.get_records(ShardIterator=...)["Records"]
print(shard, *positions)

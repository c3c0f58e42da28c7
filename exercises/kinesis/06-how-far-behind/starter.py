"""Measure how far the consumer of the stream visits is behind, and raise an alarm."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
cloudwatch = boto3.client("cloudwatch")
checkpoints = json.loads(Path("checkpoints.json").read_text())
shards = [shard["ShardId"] for shard in kinesis.list_shards(StreamName="visits")["Shards"]]
print(shards, checkpoints)

# 1. enhanced monitoring
# 2. count what lies behind the checkpoint of each shard; put_metric_data
# 3. put_metric_alarm

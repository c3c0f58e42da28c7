"""Give the streams clicks, telemetry and trades the shards that they need."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
workload = json.loads(Path("workload.json").read_text())
for name, load in workload.items():
    print(name, load)

# How many shards?
# kinesis.update_shard_count(StreamName=..., TargetShardCount=..., ScalingType="UNIFORM_SCALING")

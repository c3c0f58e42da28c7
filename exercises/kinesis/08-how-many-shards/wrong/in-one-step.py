"""Give the streams clicks, telemetry and trades the shards that they need."""

import json
import math
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
workload = json.loads(Path("workload.json").read_text())


def needed(load):
    records = load["records_per_second"]
    mib = records * load["record_kib"] / 1024
    return math.ceil(max(records / 1000, mib, mib * load["readers"] / 2))


for name, load in workload.items():
    try:
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=needed(load), ScalingType="UNIFORM_SCALING"
        )
    except kinesis.exceptions.ClientError as error:
        print(error)

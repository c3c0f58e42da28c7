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


def open_shards(name):
    said = kinesis.describe_stream_summary(StreamName=name)
    return said["StreamDescriptionSummary"]["OpenShardCount"]


for name, load in workload.items():
    target = needed(load)
    while (now := open_shards(name)) != target:
        step = min(target, 2 * now) if target > now else max(target, math.ceil(now / 2))
        print(f"{name}: {now} -> {step}, on the way to {target}")
        kinesis.update_shard_count(StreamName=name, TargetShardCount=step, ScalingType="UNIFORM_SCALING")
        kinesis.get_waiter("stream_exists").wait(StreamName=name)

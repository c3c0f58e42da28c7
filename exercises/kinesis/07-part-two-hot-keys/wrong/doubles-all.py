"""Part the two hot keys of the stream carts."""

import hashlib
import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
given = json.loads(Path("keys.json").read_text())


def hash_key(key):
    return int(hashlib.md5(key.encode()).hexdigest(), 16)


def takes(shard, key):
    keys = shard["HashKeyRange"]
    return int(keys["StartingHashKey"]) <= hash_key(key) <= int(keys["EndingHashKey"])


shards = kinesis.list_shards(StreamName="carts")["Shards"]
routes = {key: shard["ShardId"] for key in given["keys"] for shard in shards if takes(shard, key)}
for key, shard in routes.items():
    print(key, shard)

kinesis.update_shard_count(StreamName="carts", TargetShardCount=6, ScalingType="UNIFORM_SCALING")
kinesis.get_waiter("stream_exists").wait(StreamName="carts")

kinesis.put_records(StreamName="carts", Records=[{"PartitionKey": key, "Data": key} for key in given["keys"]])

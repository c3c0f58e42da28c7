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
hot = max(given["hot"], key=hash_key)
target = next(shard["ShardId"] for shard in shards if takes(shard, hot))
kinesis.split_shard(StreamName="carts", ShardToSplit=target, NewStartingHashKey=str(hash_key(hot)))

for record in kinesis.put_records(
    StreamName="carts", Records=[{"PartitionKey": key, "Data": key} for key in given["keys"]]
)["Records"]:
    print(given["keys"].pop(0), record["ShardId"])

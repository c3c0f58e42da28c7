"""Part the two hot keys of the stream carts."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
given = json.loads(Path("keys.json").read_text())
for shard in kinesis.list_shards(StreamName="carts")["Shards"]:
    print(shard["ShardId"], shard["HashKeyRange"])

# 1. for each of given["keys"]: which shard takes it?
# 2. split_shard(StreamName=..., ShardToSplit=..., NewStartingHashKey=...)
# 3. put_record for each key

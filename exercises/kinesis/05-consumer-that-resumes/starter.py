"""Turn each order of the stream orders into a record of the stream shipments."""

import json

import boto3

kinesis = boto3.client("kinesis")
shards = [shard["ShardId"] for shard in kinesis.list_shards(StreamName="orders")["Shards"]]

# An iterator for each shard: behind its checkpoint, or at the beginning when there is none.

# In turn for each shard, until its record {"end": true} was read:
#   get_records(ShardIterator=..., Limit=10), put the shipments, write the checkpoint.
print(json.dumps(shards))

"""Measure how far the consumer of the stream visits is behind, and raise an alarm."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
cloudwatch = boto3.client("cloudwatch")
checkpoints = json.loads(Path("checkpoints.json").read_text())

kinesis.enable_enhanced_monitoring(StreamName="visits", ShardLevelMetrics=["IteratorAgeMilliseconds"])


def records_behind(shard):
    start = {"ShardIteratorType": "TRIM_HORIZON"}
    if shard in checkpoints:
        start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": checkpoints[shard]}
    iterator = kinesis.get_shard_iterator(StreamName="visits", ShardId=shard, **start)["ShardIterator"]
    count = 0
    while True:
        answer = kinesis.get_records(ShardIterator=iterator)
        count += len(answer["Records"])
        if answer["MillisBehindLatest"] == 0:
            return count
        iterator = answer["NextShardIterator"]


shards = [shard["ShardId"] for shard in kinesis.list_shards(StreamName="visits")["Shards"]]
behind = {shard: records_behind(shard) for shard in shards}
print(behind)
cloudwatch.put_metric_data(
    Namespace="Shop",
    MetricData=[
        {
            "MetricName": "RecordsBehind",
            "Dimensions": [{"Name": "ShardId", "Value": shard}],
            "Value": count,
            "Unit": "Count",
        }
        for shard, count in behind.items()
    ],
)
cloudwatch.put_metric_alarm(
    AlarmName="consumer-behind",
    Namespace="Shop",
    MetricName="RecordsBehind",
    Statistic="Maximum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=20,
    ComparisonOperator="GreaterThanThreshold",
)

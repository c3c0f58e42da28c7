"""Checks: the backlog in CloudWatch and the alarm on it. Records and checkpoints vary with the seed."""

import json
import random
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

THRESHOLD = 20


def prepare(ctx):
    """Three shards with records; a consumer that has read part of two of them."""
    kinesis = ctx.connection.client("kinesis")
    kinesis.create_stream(StreamName="visits", ShardCount=3)
    shards = kinesis.list_shards(StreamName="visits")["Shards"]
    draw = random.Random(ctx.seed)
    behind = {shard["ShardId"]: draw.randrange(2, 18) for shard in shards}
    worst, unread = draw.sample(sorted(behind), 2)
    behind[worst] = draw.randrange(25, 60)
    checkpoints = {}
    for shard in shards:
        name = shard["ShardId"]
        read = 0 if name == unread else draw.randrange(61, 90)
        records = [
            {
                "Data": f"visit {n}",
                "PartitionKey": str(n),
                "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"],
            }
            for n in range(read + behind[name])
        ]
        put = kinesis.put_records(StreamName="visits", Records=records)["Records"]
        if read:
            checkpoints[name] = put[read - 1]["SequenceNumber"]
    (ctx.files / "checkpoints.json").write_text(json.dumps(checkpoints, indent=2))
    return {"behind": behind, "worst": worst}


@check(points=1)
def shard_metric_on(ctx):
    """The metric `IteratorAgeMilliseconds` of the shards of `visits` is on."""
    kinesis = ctx.connection.client("kinesis")
    try:
        said = kinesis.describe_stream_summary(StreamName="visits")["StreamDescriptionSummary"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream visits, which was there before,") from None
    metrics = [name for each in said["EnhancedMonitoring"] for name in each["ShardLevelMetrics"]]
    if "IteratorAgeMilliseconds" not in metrics:
        raise Mismatch("The metrics of shards", expected="IteratorAgeMilliseconds", found=metrics)


@check(points=4)
def measured(ctx):
    """CloudWatch has for each shard the number of records that the consumer has not dealt with."""
    cloudwatch = ctx.connection.client("cloudwatch")
    now = datetime.now(UTC)
    for shard, behind in ctx.given["behind"].items():
        points = cloudwatch.get_metric_statistics(
            Namespace="Shop",
            MetricName="RecordsBehind",
            Dimensions=[{"Name": "ShardId", "Value": shard}],
            StartTime=now - timedelta(minutes=30),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        if not points:
            raise Missing(f"A value of RecordsBehind for {shard} in the namespace Shop")
        found = max(points, key=lambda point: point["Timestamp"])["Maximum"]
        if found != behind:
            raise Mismatch(f"RecordsBehind of {shard}", expected=behind, found=found, show_expected=False)


def _alarm(ctx):
    cloudwatch = ctx.connection.client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=["consumer-behind"])["MetricAlarms"]
    if not found:
        raise Missing("The alarm consumer-behind")
    return found[0]


@check(points=3)
def alarm_set(ctx):
    """The alarm `consumer-behind` watches the shard that is farthest behind, for more than 20 records."""
    alarm = _alarm(ctx)
    watched = (alarm.get("Namespace"), alarm.get("MetricName"))
    if watched != ("Shop", "RecordsBehind"):
        raise Mismatch("What the alarm watches", expected=("Shop", "RecordsBehind"), found=watched)
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", ())}
    if dimensions != {"ShardId": ctx.given["worst"]}:
        raise Mismatch(
            "The dimensions of the alarm",
            expected=ctx.given["worst"],
            found=dimensions,
            show_expected=False,
        )
    # The numbers are whole: more than 20 is the same as at least 21.
    strict = {"GreaterThanThreshold": 0, "GreaterThanOrEqualToThreshold": 1}
    how = alarm["ComparisonOperator"]
    if how not in strict or not 0 <= alarm["Threshold"] - strict[how] - THRESHOLD < 1:
        found = f"{how} {alarm['Threshold']:g}"
        raise Mismatch("When the alarm goes off", expected=f"more than {THRESHOLD}", found=found)
    said = (alarm.get("Statistic"), alarm.get("Period"), alarm.get("EvaluationPeriods"))
    if said != ("Maximum", 60, 1):
        raise Mismatch("Statistic, period and number of periods", expected=("Maximum", 60, 1), found=said)


@check(points=2, after=[measured, alarm_set])
def alarm_raised(ctx):
    """The alarm has gone off."""
    state = _alarm(ctx)["StateValue"]
    if state != "ALARM":
        raise Mismatch("The state of the alarm", expected="ALARM", found=state)

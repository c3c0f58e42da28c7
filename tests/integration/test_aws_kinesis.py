"""Kinesis as it is mended: resharding, limits of a shard, enhanced metrics; and forgotten accounts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.aws import Aws
from sandbox.engines.base import Attempt, Credentials

Up = Callable[[str], tuple[Aws, Endpoint]]
ATTEMPT = Attempt("kinesis/06-shards", "t1", 1)
SECRETS = Credentials("unused", "unused")


@pytest.fixture
def session(engine_up: Up) -> Iterator[Any]:
    engine, admin = engine_up("aws")
    with engine.connect(engine.begin(admin, ATTEMPT, SECRETS)) as found:
        yield found
    engine.clear(admin, ATTEMPT)


@pytest.fixture
def kinesis(session: Any) -> Any:
    found = session.client("kinesis")
    found.create_stream(StreamName="visits", ShardCount=1)
    return found


def _shards(kinesis: Any, **more: Any) -> dict[str, Any]:
    return {each["ShardId"][-1]: each for each in kinesis.list_shards(StreamName="visits", **more)["Shards"]}


def _first(kinesis: Any, shard: str) -> dict[str, Any]:
    iterator = kinesis.get_shard_iterator(
        StreamName="visits", ShardId=f"shardId-00000000000{shard}", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: dict[str, Any] = kinesis.get_records(ShardIterator=iterator)
    return found


def _split(kinesis: Any, shard: str, at: int) -> None:
    kinesis.split_shard(
        StreamName="visits", ShardToSplit=f"shardId-00000000000{shard}", NewStartingHashKey=str(at)
    )


def test_a_shard_that_was_split_is_read_to_its_end_and_written_to_no_more(kinesis: Any) -> None:
    kinesis.put_record(StreamName="visits", PartitionKey="a", Data=b"before")
    _split(kinesis, "0", 2**127)
    put = kinesis.put_record(
        StreamName="visits", PartitionKey="a", ExplicitHashKey=str(2**127), Data=b"after"
    )
    assert put["ShardId"].endswith("2")
    said = _first(kinesis, "0")
    assert [record["Data"] for record in said["Records"]] == [b"before"]
    assert "NextShardIterator" not in said
    assert [child["ShardId"][-1] for child in said["ChildShards"]] == ["1", "2"]
    assert [record["Data"] for record in _first(kinesis, "2")["Records"]] == [b"after"]
    assert "EndingSequenceNumber" in _shards(kinesis)["0"]["SequenceNumberRange"]
    assert list(_shards(kinesis, ShardFilter={"Type": "AT_LATEST"})) == ["1", "2"]
    summary = kinesis.describe_stream_summary(StreamName="visits")["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    with pytest.raises(kinesis.exceptions.InvalidArgumentException, match="closed"):
        _split(kinesis, "0", 2**126)


def test_only_neighbours_are_merged(kinesis: Any) -> None:
    _split(kinesis, "0", 2**127)
    _split(kinesis, "2", 2**127 + 2**126)
    names = ("ShardToMerge", "AdjacentShardToMerge")
    apart, beside = (
        {name: f"shardId-00000000000{shard}" for name, shard in zip(names, pair, strict=True)}
        for pair in ("14", "13")
    )
    with pytest.raises(kinesis.exceptions.InvalidArgumentException, match="adjacent"):
        kinesis.merge_shards(StreamName="visits", **apart)
    kinesis.merge_shards(StreamName="visits", **beside)
    merged = _shards(kinesis)["5"]
    assert (merged["ParentShardId"][-1], merged["AdjacentParentShardId"][-1]) == ("1", "3")
    assert merged["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**127 + 2**126 - 1)}


def test_the_number_of_shards_is_at_most_doubled_and_at_least_halved(kinesis: Any) -> None:
    def update(count: int) -> None:
        kinesis.update_shard_count(StreamName="visits", TargetShardCount=count, ScalingType="UNIFORM_SCALING")

    with pytest.raises(kinesis.exceptions.InvalidArgumentException, match="over double"):
        update(3)
    for count in (2, 4, 3):
        update(count)
    with pytest.raises(kinesis.exceptions.InvalidArgumentException, match="below half"):
        update(1)
    is_open = _shards(kinesis, ShardFilter={"Type": "AT_LATEST"}).values()
    ranges = [
        (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in is_open
    ]
    assert len(ranges) == 3
    assert (ranges[0][0], ranges[-1][1]) == (0, 2**128 - 1)
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(ranges))
    assert len(_shards(kinesis)) == 1 + 2 + 4 + 3


def test_a_stream_with_limits_refuses_the_records_beyond_them_and_stores_the_rest(kinesis: Any) -> None:
    kinesis.add_tags_to_stream(StreamName="visits", Tags={"sandbox:limits": "as on AWS"})
    records = [{"PartitionKey": "a", "Data": b"x" * 2999} for _ in range(400)]
    said = kinesis.put_records(StreamName="visits", Records=records)
    refused = [one for one in said["Records"] if "ErrorCode" in one]
    assert said["FailedRecordCount"] == len(refused)
    # 1 MiB holds 349 of them; a slow machine may have let a few more in.
    assert 20 <= len(refused) <= 51
    assert {one["ErrorCode"] for one in refused} == {"ProvisionedThroughputExceededException"}
    assert len(_first(kinesis, "0")["Records"]) == 400 - len(refused)
    with pytest.raises(kinesis.exceptions.InvalidArgumentException, match="cannot be removed"):
        kinesis.remove_tags_from_stream(StreamName="visits", TagKeys=["sandbox:limits"])


def test_a_stream_without_the_tag_takes_what_it_is_given(kinesis: Any) -> None:
    records = [{"PartitionKey": "a", "Data": b"x" * 9999} for _ in range(500)]
    assert kinesis.put_records(StreamName="visits", Records=records)["FailedRecordCount"] == 0


def test_enhanced_metrics_are_told_by_the_description(kinesis: Any) -> None:
    kinesis.enable_enhanced_monitoring(StreamName="visits", ShardLevelMetrics=["ALL"])
    kinesis.disable_enhanced_monitoring(StreamName="visits", ShardLevelMetrics=["IncomingBytes"])
    summary = kinesis.describe_stream_summary(StreamName="visits")["StreamDescriptionSummary"]
    metrics = summary["EnhancedMonitoring"][0]["ShardLevelMetrics"]
    assert len(metrics) == 6
    assert "IteratorAgeMilliseconds" in metrics


def test_a_policy_on_one_stream_lets_read_that_stream_and_no_other(engine_up: Up, session: Any) -> None:
    engine, admin = engine_up("aws")
    kinesis, iam = session.client("kinesis"), session.client("iam")
    for name in ("visits", "salaries"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.put_record(StreamName=name, PartitionKey="a", Data=name.encode())
    iterators = [
        kinesis.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for name in ("visits", "salaries")
    ]
    stream = kinesis.describe_stream_summary(StreamName="visits")["StreamDescriptionSummary"]["StreamARN"]
    policy = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "kinesis:Get*", "Resource": stream},
    }
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = replace(admin, user=key["AccessKeyId"], password=key["SecretAccessKey"])
    with engine.connect(reader) as own:
        theirs = own.client("kinesis")
        assert theirs.get_records(ShardIterator=iterators[0])["Records"][0]["Data"] == b"visits"
        with pytest.raises(theirs.exceptions.ClientError, match="AccessDenied"):
            theirs.get_records(ShardIterator=iterators[1])


def test_clearing_forgets_what_other_services_have_as_well(engine_up: Up) -> None:
    engine, admin = engine_up("aws")
    with engine.connect(engine.begin(admin, ATTEMPT, SECRETS)) as session:
        iam, sqs, cloudwatch = (session.client(name) for name in ("iam", "sqs", "cloudwatch"))
        iam.create_user(UserName="reader")
        sqs.create_queue(QueueName="arrivals")
        cloudwatch.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "lag", "Value": 1}])
        session.client("kinesis").create_stream(StreamName="visits", ShardCount=1)
        engine.clear(admin, ATTEMPT)
        assert iam.list_users()["Users"] == []
        assert sqs.list_queues().get("QueueUrls", []) == []
        assert cloudwatch.list_metrics()["Metrics"] == []
        assert session.client("kinesis").list_streams()["StreamNames"] == []
    with engine.connect(admin) as session:
        assert session.client("kinesis").list_streams()["StreamNames"] == ["orders_stream"]

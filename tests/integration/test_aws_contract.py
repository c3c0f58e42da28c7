"""What exercises and pages rely on in DynamoDB, Kinesis and S3, said once for every provider of them.

Runs on the sandbox's own. ``SANDBOX_AWS_CONTRACT=http://localhost:4566`` has it run on another provider, in
an account that is nobody's there.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.aws import Aws
from sandbox.engines.base import Engine

ACCOUNT = "314159265358"
STREAM = "contract"


@pytest.fixture(scope="module")
def session(engine_up: Callable[[str], tuple[Engine, Endpoint]]) -> Iterator[Any]:
    """A boto3 session in an account of its own, empty before and after."""
    from sandbox.runtimes.external.aws import ExternalAws

    engine = Aws()
    elsewhere = os.environ.get("SANDBOX_AWS_CONTRACT")
    if elsewhere:
        endpoint = Endpoint("aws", "", 0, ACCOUNT, "test", url=elsewhere, options={"region": "us-east-1"})
    else:
        _, own = engine_up("aws")
        endpoint = engine.in_account(own, ACCOUNT)
    everything = ExternalAws("contract")
    everything._drop_all(endpoint)
    with engine.connect(endpoint) as made:
        yield made
    everything._drop_all(endpoint)


@pytest.fixture(scope="module")
def dynamodb(session: Any) -> Any:
    client = session.client("dynamodb")
    client.create_table(
        TableName="visits",
        KeySchema=[
            {"AttributeName": "user", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "user", "AttributeType": "N"},
            {"AttributeName": "at", "AttributeType": "S"},
            {"AttributeName": "page", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_page",
                "KeySchema": [{"AttributeName": "page", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    client.get_waiter("table_exists").wait(TableName="visits", WaiterConfig={"Delay": 1})
    table = session.resource("dynamodb").Table("visits")
    with table.batch_writer() as batch:
        for day in range(1, 21):
            batch.put_item(Item={"user": 1, "at": f"2014-05-{day:02}", "page": f"/{day % 2}", "n": day})
        batch.put_item(Item={"user": 2, "at": "2014-05-01", "page": "/1", "n": 1})
    return client


@pytest.fixture(scope="module")
def table(session: Any, dynamodb: Any) -> Any:
    return session.resource("dynamodb").Table("visits")


@pytest.fixture(scope="module")
def kinesis(session: Any) -> Any:
    client = session.client("kinesis")
    client.create_stream(StreamName=STREAM, ShardCount=2)
    client.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    return client


@pytest.fixture(scope="module")
def s3(session: Any) -> Any:
    client = session.client("s3")
    client.create_bucket(Bucket="contract-314159265358")
    return client


BUCKET = "contract-314159265358"


def test_a_query_is_of_one_partition_in_the_order_of_its_sort_key(table: Any) -> None:
    from boto3.dynamodb.conditions import Key

    found = table.query(
        KeyConditionExpression=Key("user").eq(1) & Key("at").between("2014-05-03", "2014-05-05"),
        ScanIndexForward=False,
    )["Items"]
    assert [item["at"][-2:] for item in found] == ["05", "04", "03"]


def test_a_sort_key_can_be_asked_for_by_its_beginning(table: Any) -> None:
    from boto3.dynamodb.conditions import Key

    found = table.query(KeyConditionExpression=Key("user").eq(1) & Key("at").begins_with("2014-05-1"))
    assert found["Count"] == 10


def test_a_limit_counts_what_is_read_and_the_last_key_goes_on(table: Any) -> None:
    from boto3.dynamodb.conditions import Attr, Key

    first = table.query(KeyConditionExpression=Key("user").eq(1), Limit=7, FilterExpression=Attr("n").gt(5))
    assert (first["ScannedCount"], first["Count"]) == (7, 2)
    rest = table.query(KeyConditionExpression=Key("user").eq(1), ExclusiveStartKey=first["LastEvaluatedKey"])
    assert rest["Items"][0]["n"] == 8


def test_an_index_is_queried_and_read_consistently_never(table: Any, dynamodb: Any) -> None:
    from boto3.dynamodb.conditions import Key

    assert table.query(IndexName="by_page", KeyConditionExpression=Key("page").eq("/1"))["Count"] == 11
    with pytest.raises(dynamodb.exceptions.ClientError, match=r"[Cc]onsistent"):
        table.query(IndexName="by_page", KeyConditionExpression=Key("page").eq("/1"), ConsistentRead=True)


def test_a_condition_that_does_not_hold_changes_nothing(table: Any, dynamodb: Any) -> None:
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        table.put_item(
            Item={"user": 2, "at": "2014-05-01", "n": 9}, ConditionExpression="attribute_not_exists(#u)",
            ExpressionAttributeNames={"#u": "user"},
        )  # fmt: skip
    assert table.get_item(Key={"user": 2, "at": "2014-05-01"})["Item"]["n"] == 1


def test_an_update_adds_and_tells_the_new_values(table: Any) -> None:
    changed = table.update_item(
        Key={"user": 3, "at": "x"},
        UpdateExpression="ADD hits :one SET seen = if_not_exists(seen, :one)",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW",
    )
    assert (changed["Attributes"]["hits"], changed["Attributes"]["seen"]) == (1, 1)


def test_a_transaction_is_done_whole_or_not_at_all(dynamodb: Any, table: Any) -> None:
    item = {"user": {"N": "4"}, "at": {"S": "x"}}
    fails = {
        "TableName": "visits",
        "Key": {"user": {"N": "2"}, "at": {"S": "2014-05-01"}},
        "ConditionExpression": "n = :n",
        "ExpressionAttributeValues": {":n": {"N": "99"}},
    }
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": "visits", "Item": item}}, {"ConditionCheck": fails}]
        )
    assert "Item" not in table.get_item(Key={"user": 4, "at": "x"})


def test_a_statement_of_partiql_reads_by_the_key(dynamodb: Any) -> None:
    found = dynamodb.execute_statement(
        Statement='SELECT n FROM visits WHERE "user" = ? AND "at" = ?',
        Parameters=[{"N": "2"}, {"S": "2014-05-01"}],
    )
    assert found["Items"] == [{"n": {"N": "1"}}]


def test_a_time_to_live_is_kept_and_told(dynamodb: Any) -> None:
    dynamodb.update_time_to_live(
        TableName="visits", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"}
    )
    told = dynamodb.describe_time_to_live(TableName="visits")["TimeToLiveDescription"]
    assert told["AttributeName"] == "ends"
    assert told["TimeToLiveStatus"] in ("ENABLED", "ENABLING")


def test_the_stream_of_a_table_has_old_and_new(session: Any, dynamodb: Any, table: Any) -> None:
    table.put_item(Item={"user": 5, "at": "x", "n": 1})
    table.put_item(Item={"user": 5, "at": "x", "n": 2})
    streams = session.client("dynamodbstreams")
    arn = dynamodb.describe_table(TableName="visits")["Table"]["LatestStreamArn"]
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    ours = [r for r in records if r["dynamodb"]["Keys"]["user"] == {"N": "5"}]
    assert [r["eventName"] for r in ours] == ["INSERT", "MODIFY"]
    assert ours[1]["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert ours[1]["dynamodb"]["NewImage"]["n"] == {"N": "2"}


def _read(kinesis: Any, shard: str) -> list[str]:
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    return [record["Data"].decode() for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


def test_records_of_a_key_go_to_one_shard_in_their_order(kinesis: Any) -> None:
    placed = [kinesis.put_record(StreamName=STREAM, Data=str(n), PartitionKey="a") for n in range(5)]
    assert len({p["ShardId"] for p in placed}) == 1
    assert sorted(p["SequenceNumber"] for p in placed) == [p["SequenceNumber"] for p in placed]
    assert _read(kinesis, placed[0]["ShardId"]) == ["0", "1", "2", "3", "4"]
    done = kinesis.put_records(
        StreamName=STREAM, Records=[{"Data": "x", "PartitionKey": str(n)} for n in range(20)]
    )
    assert done["FailedRecordCount"] == 0
    assert len({r["ShardId"] for r in done["Records"]}) == 2


def test_reading_can_begin_after_a_record_and_at_the_end(kinesis: Any) -> None:
    placed = [kinesis.put_record(StreamName=STREAM, Data=f"r{n}", PartitionKey="b") for n in range(2)]
    after = kinesis.get_shard_iterator(
        StreamName=STREAM,
        ShardId=placed[0]["ShardId"],
        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=placed[0]["SequenceNumber"],
    )["ShardIterator"]
    found = kinesis.get_records(ShardIterator=after)
    assert found["Records"][0]["Data"] == b"r1"
    assert found["NextShardIterator"]
    latest = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=placed[0]["ShardId"], ShardIteratorType="LATEST"
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=latest)["Records"] == []


def test_a_shard_that_was_split_is_still_read_and_names_its_children(kinesis: Any) -> None:
    import time

    shards = kinesis.list_shards(StreamName=STREAM)["Shards"]
    parent = shards[0]
    before = _read(kinesis, parent["ShardId"])
    low, high = (int(parent["HashKeyRange"][k]) for k in ("StartingHashKey", "EndingHashKey"))
    kinesis.split_shard(
        StreamName=STREAM, ShardToSplit=parent["ShardId"], NewStartingHashKey=str((low + high) // 2)
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        summary = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            break
        time.sleep(0.2)
    now = {s["ShardId"]: s for s in kinesis.list_shards(StreamName=STREAM)["Shards"]}
    assert "EndingSequenceNumber" in now[parent["ShardId"]]["SequenceNumberRange"]
    assert len([s for s in now.values() if s.get("ParentShardId") == parent["ShardId"]]) == 2
    assert _read(kinesis, parent["ShardId"]) == before


def test_listings_come_in_pages_and_by_folders(s3: Any) -> None:
    for n in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"list/{n}/x", Body=b"x")
    first = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", MaxKeys=2)
    assert first["IsTruncated"]
    rest = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", ContinuationToken=first["NextContinuationToken"])
    assert rest["KeyCount"] == 3
    folders = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", Delimiter="/")["CommonPrefixes"]
    assert [f["Prefix"] for f in folders] == [f"list/{n}/" for n in range(5)]


def test_versions_are_kept_and_a_deletion_is_a_marker(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=BUCKET, Key="versioned", Body=body)
    s3.delete_object(Bucket=BUCKET, Key="versioned")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="versioned")
    seen = s3.list_object_versions(Bucket=BUCKET, Prefix="versioned")
    assert (len(seen["Versions"]), len(seen["DeleteMarkers"])) == (2, 1)
    oldest = seen["Versions"][-1]["VersionId"]
    assert s3.get_object(Bucket=BUCKET, Key="versioned", VersionId=oldest)["Body"].read() == b"one"


def test_an_object_comes_in_parts_and_goes_in_ranges(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    sent = []
    for number, body in ((1, b"a" * (5 << 20)), (2, b"b")):
        part = s3.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=number, Body=body)
        sent.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload, MultipartUpload={"Parts": sent})
    head = s3.head_object(Bucket=BUCKET, Key="parts")
    assert head["ContentLength"] == (5 << 20) + 1
    assert head["ETag"].strip('"').endswith("-2")
    assert s3.get_object(Bucket=BUCKET, Key="parts", Range="bytes=-2")["Body"].read() == b"ab"


def test_tags_metadata_and_copies_go_with_an_object(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="from", Body=b"x", Metadata={"who": "ada"}, Tagging="kind=test")
    s3.copy_object(Bucket=BUCKET, Key="to", CopySource={"Bucket": BUCKET, "Key": "from"})
    assert s3.head_object(Bucket=BUCKET, Key="to")["Metadata"] == {"who": "ada"}
    assert s3.get_object_tagging(Bucket=BUCKET, Key="to")["TagSet"] == [{"Key": "kind", "Value": "test"}]


def test_a_presigned_address_needs_no_keys(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="shared", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "shared"}, ExpiresIn=3600)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hello"


def test_another_account_sees_none_of_it(session: Any, s3: Any, dynamodb: Any) -> None:
    assert BUCKET in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert "customers" not in dynamodb.list_tables()["TableNames"]

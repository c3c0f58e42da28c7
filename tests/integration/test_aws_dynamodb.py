"""DynamoDB as it is mended: what reads cost, policies bound to partition keys, restores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.aws import Aws
from sandbox.engines.base import Attempt, Credentials

Up = Callable[[str], tuple[Aws, Endpoint]]
ATTEMPT = Attempt("dynamodb/04-query-filter-page", "t1", 1)
SECRETS = Credentials("unused", "unused")
TELL: dict[str, Any] = {"TableName": "orders", "ReturnConsumedCapacity": "TOTAL"}


@pytest.fixture
def account(engine_up: Up) -> Iterator[tuple[Aws, Endpoint]]:
    engine, admin = engine_up("aws")
    yield engine, engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


@pytest.fixture
def session(account: tuple[Aws, Endpoint]) -> Iterator[Any]:
    engine, learner = account
    with engine.connect(learner) as found:
        yield found


@pytest.fixture
def dynamodb(session: Any) -> Any:
    """A client; with 3 orders of customer 1 of 3,000 bytes and 1 of customer 2 of 9,000."""
    client = session.client("dynamodb")
    client.create_table(
        TableName="orders",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("customer", "day", "seller")
        ],
        KeySchema=[
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "day", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_seller",
                "KeySchema": [{"AttributeName": "seller", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for customer, day, size in (("1", "a", 2950), ("1", "b", 2950), ("1", "c", 2950), ("2", "a", 8950)):
        client.put_item(TableName="orders", Item=_order(customer, day) | {"note": {"S": "x" * size}})
    return client


def _order(customer: str, day: str) -> dict[str, Any]:
    return {"customer": {"S": customer}, "day": {"S": day}, "seller": {"S": "s"}}


def _key(customer: str, day: str = "a") -> dict[str, Any]:
    return {"customer": {"S": customer}, "day": {"S": day}}


def _units(answer: dict[str, Any]) -> float:
    found: float = answer["ConsumedCapacity"]["CapacityUnits"]
    return found


def _of(customer: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "customer = :c",
        "ExpressionAttributeValues": {":c": {"S": customer}},
    }


# -- read units ------------------------------------------------------------------------------------------


def test_a_get_costs_what_the_item_weighs_whatever_is_projected(dynamodb: Any) -> None:
    assert _units(dynamodb.get_item(Key=_key("2"), **TELL)) == 1.5
    assert _units(dynamodb.get_item(Key=_key("2"), ConsistentRead=True, **TELL)) == 3
    # "day" is one of the many reserved words.
    projection = {"ProjectionExpression": "#d", "ExpressionAttributeNames": {"#d": "day"}}
    assert _units(dynamodb.get_item(Key=_key("2"), **projection, **TELL)) == 1.5
    assert _units(dynamodb.get_item(Key=_key("3"), **TELL)) == 0.5


def test_a_query_adds_up_what_it_reads_before_it_rounds_and_a_filter_spares_nothing(dynamodb: Any) -> None:
    assert _units(dynamodb.query(**_of("1"), **TELL)) == 1.5
    filtered = dynamodb.query(**_of("1"), FilterExpression="attribute_not_exists(seller)", **TELL)
    assert filtered["Count"] == 0
    assert _units(filtered) == 1.5
    assert _units(dynamodb.scan(Select="COUNT", ConsistentRead=True, **TELL)) == 5


def test_a_query_of_an_index_costs_what_the_index_holds(dynamodb: Any) -> None:
    answer = dynamodb.query(
        TableName="orders",
        IndexName="by_seller",
        KeyConditionExpression="seller = :s",
        ExpressionAttributeValues={":s": {"S": "s"}},
        ReturnConsumedCapacity="INDEXES",
    )
    assert answer["Count"] == 4
    assert answer["ConsumedCapacity"]["GlobalSecondaryIndexes"]["by_seller"] == {"CapacityUnits": 0.5}


# -- policies --------------------------------------------------------------------------------------------


def test_a_policy_bound_to_a_partition_key_opens_the_items_under_it_and_no_others(
    account: tuple[Aws, Endpoint], session: Any, dynamodb: Any
) -> None:
    from botocore.exceptions import ClientError

    engine, learner = account
    iam = session.client("iam")
    iam.create_user(UserName="customer-1")
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": ["dynamodb:*Item*", "dynamodb:Query"],
            "Resource": "*",
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["1"]}},
        },
    }
    iam.put_user_policy(UserName="customer-1", PolicyName="own", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="customer-1")["AccessKey"]
    with engine.connect(replace(learner, user=key["AccessKeyId"], password=key["SecretAccessKey"])) as own:
        mine = own.client("dynamodb")
        calls: dict[str, Callable[[str], Any]] = {
            "GetItem": lambda c: mine.get_item(TableName="orders", Key=_key(c)),
            "PutItem": lambda c: mine.put_item(TableName="orders", Item=_order(c, "z")),
            "Query": lambda c: mine.query(TableName="orders", **_of(c)),
            "BatchGetItem": lambda c: mine.batch_get_item(RequestItems={"orders": {"Keys": [_key(c)]}}),
            "BatchWriteItem": lambda c: mine.batch_write_item(
                RequestItems={"orders": [{"DeleteRequest": {"Key": _key("1", "z")}}, _put(c)]}
            ),
            "TransactWriteItems": lambda c: mine.transact_write_items(
                TransactItems=[{"Put": {"TableName": "orders", "Item": _order(c, "y")}}]
            ),
        }
        for name, call in calls.items():
            call("1")
            with pytest.raises(ClientError) as refused:
                call("2")
            assert refused.value.response["Error"]["Code"] == "AccessDeniedException", name


def _put(customer: str) -> dict[str, Any]:
    return {"PutRequest": {"Item": _order(customer, "x")}}


# -- streams of statements -------------------------------------------------------------------------------


def test_what_statements_change_is_in_the_stream_and_what_a_transaction_undoes_is_not(
    session: Any, dynamodb: Any
) -> None:
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName="orders", StreamSpecification=view)
    insert = "INSERT INTO orders VALUE {'customer': '%s', 'day': 'a', 'total': 1}"
    update = "UPDATE orders SET total = 2 WHERE customer = '%s' AND day = 'a'"
    dynamodb.execute_statement(Statement=insert % 7)
    dynamodb.execute_statement(Statement=update % 7)
    dynamodb.execute_statement(Statement="DELETE FROM orders WHERE customer = '7' AND day = 'a'")
    dynamodb.execute_transaction(TransactStatements=[{"Statement": insert % n} for n in (8, 9)])
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.execute_transaction(
            TransactStatements=[{"Statement": insert % 10}, {"Statement": update % 11}]
        )
    streams = session.client("dynamodbstreams")
    arn = dynamodb.describe_table(TableName="orders")["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    records = streams.get_records(ShardIterator=iterator)["Records"]
    found = [(each["eventName"], each["dynamodb"]["Keys"]["customer"]["S"]) for each in records]
    assert found == [("INSERT", "7"), ("MODIFY", "7"), ("REMOVE", "7"), ("INSERT", "8"), ("INSERT", "9")]
    changed = records[1]["dynamodb"]
    assert (changed["OldImage"]["total"], changed["NewImage"]["total"]) == ({"N": "1"}, {"N": "2"})


# -- what was asked for ----------------------------------------------------------------------------------


def test_it_is_told_how_often_an_account_asked_for_each_operation(
    account: tuple[Aws, Endpoint], dynamodb: Any
) -> None:
    engine, learner = account
    before = engine.asked(learner)
    dynamodb.scan(TableName="orders")
    dynamodb.query(TableName="orders", **_of("1"))
    dynamodb.query(TableName="orders", **_of("2"))
    after = engine.asked(learner)
    assert {
        name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)
    } == {
        "Scan": 1,
        "Query": 2,
    }
    other = replace(learner, user="123456789012")
    with pytest.raises(ConnectionError, match="administrator"):
        engine.asked(other)


# -- restores --------------------------------------------------------------------------------------------


def test_an_earlier_moment_is_refused_and_never_answered_with_the_present(dynamodb: Any) -> None:
    from botocore.exceptions import ClientError

    def restore(**when: Any) -> None:
        dynamodb.restore_table_to_point_in_time(SourceTableName="orders", TargetTableName="then", **when)

    with pytest.raises(ClientError) as off:
        restore(UseLatestRestorableTime=True)
    assert off.value.response["Error"]["Code"] == "PointInTimeRecoveryUnavailableException"
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification=on)
    with pytest.raises(ClientError) as refused:
        restore(RestoreDateTime=datetime.now(UTC) - timedelta(minutes=1))
    assert refused.value.response["Error"]["Code"] == "InvalidRestoreTimeException"
    restore(UseLatestRestorableTime=True)
    assert dynamodb.scan(TableName="then", Select="COUNT")["Count"] == 4

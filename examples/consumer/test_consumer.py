"""The consumer on Kinesis and DynamoDB: each test has an AWS account of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from consumer import Consumer

STREAM = "lines"


@pytest.fixture
def send(sandbox_aws_account):
    """``send((291, "10.50"), ...)``: order lines of customers, into a stream of two shards."""
    kinesis = sandbox_aws_account.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})

    def put(*lines: tuple[int, str]) -> None:
        records = [
            {"Data": json.dumps({"customerid": who, "linetotal": amount}), "PartitionKey": str(who)}
            for who, amount in lines
        ]
        kinesis.put_records(StreamName=STREAM, Records=records)

    return put


@pytest.fixture
def consumer(sandbox_aws_account, send):
    made = Consumer(sandbox_aws_account.session, STREAM, "totals")
    made.create_table()
    return made


def test_lines_are_added_up_by_customer(consumer, send):
    send((1, "10.50"), (2, "1.00"), (1, "0.25"))
    assert consumer.run() == 3
    assert (consumer.total(1), consumer.total(2), consumer.total(3)) == (Decimal("10.75"), 1, 0)


def test_the_next_run_goes_on_where_the_last_one_stopped(consumer, send):
    send(*[(number, "1") for number in range(20)])
    assert consumer.run() == 20
    assert consumer.run() == 0
    send((1, "1"), (2, "1"))
    assert consumer.run() == 2
    assert consumer.total(1) == 2


class CrashError(Exception):
    pass


@pytest.mark.parametrize("before", [True, False])
def test_a_consumer_that_dies_at_any_record_loses_none_and_counts_none_twice(
    consumer, send, monkeypatch, before
):
    send(*[(1, "1")] * 12)
    count, seen = consumer.count, []

    def dies(shard, place, record):
        seen.append(record)
        if before and len(seen) == 7:
            raise CrashError
        done = count(shard, place, record)
        if len(seen) == 7:
            raise CrashError
        return done

    monkeypatch.setattr(consumer, "count", dies)
    with pytest.raises(CrashError):
        consumer.run()
    monkeypatch.undo()
    assert consumer.run() == (6 if before else 5)
    assert consumer.total(1) == 12


def test_a_record_that_two_consumers_read_is_counted_once(consumer, send, sandbox_aws_account):
    send((1, "1"))
    other = Consumer(sandbox_aws_account.session, STREAM, "totals")
    records = []
    count = other.count
    other.count = lambda *record: records.append(record) or False
    assert other.run() == 0
    assert consumer.run() == 1
    assert count(*records[0]) is False
    assert consumer.total(1) == 1


def test_the_command_finds_aws_by_the_environment(consumer, send, sandbox_env):
    send((1, "1"), (2, "2.50"))
    assert subprocess.check_output([sys.executable, "consumer.py", STREAM], text=True) == "2 records\n"
    assert consumer.total(2) == Decimal("2.50")

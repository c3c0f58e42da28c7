"""AWS in Docker: what we add to MiniStack inside of the official image, its state on a volume."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.aws import ACCOUNT, Aws
from sandbox.engines.aws_load import BUCKET
from sandbox.engines.base import Attempt, Credentials
from sandbox.runtimes.docker.aws import DATA, RECIPE
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.sandbox import Sandbox
from tests.integration.plain_compose import composed

pytestmark = pytest.mark.docker

Up = Callable[[str], tuple[Aws, Endpoint]]
ATTEMPT = Attempt("s3/01-create-insert-query", "t1", 1, {"buckets": ["course-data-*"]})


@pytest.fixture
def aws(docker_up: Up) -> tuple[Aws, Endpoint]:
    return docker_up("aws")


@pytest.fixture
def learner(aws: tuple[Aws, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = aws
    yield engine.begin(admin, ATTEMPT, Credentials("unused", "unused"))
    engine.clear(admin, ATTEMPT)


def test_a_wrong_secret_and_one_of_another_account_are_refused(
    aws: tuple[Aws, Endpoint], learner: Endpoint
) -> None:
    engine, admin = aws
    for wrong in (replace(admin, password="wrong"), replace(admin, password=learner.password)):
        with engine.connect(wrong) as session, pytest.raises(ClientError, match=r"(?i)signature"):
            session.client("dynamodb").list_tables()


def test_an_account_of_another_number_is_empty_and_cannot_reach_the_dataset(
    aws: tuple[Aws, Endpoint], learner: Endpoint
) -> None:
    engine, admin = aws
    assert learner.user != admin.user == ACCOUNT
    with engine.connect(learner) as session:
        assert session.client("dynamodb").list_tables()["TableNames"] == []
        with pytest.raises(ClientError):
            session.client("s3").get_object(Bucket=BUCKET, Key="rawData/customers/customers.csv")


def test_a_bucket_tells_a_queue_whose_address_can_be_reached_from_here(
    aws: tuple[Aws, Endpoint], learner: Endpoint
) -> None:
    engine, admin = aws
    with engine.connect(learner) as session:
        sqs, s3 = session.client("sqs"), session.client("s3")
        url = sqs.create_queue(QueueName="told")["QueueUrl"]
        assert f":{admin.port}/" in url
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        s3.create_bucket(Bucket="course-data-told")
        allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}}
        policy = {
            "Version": "2012-10-17",
            "Statement": [allowed | {"Action": "sqs:SendMessage", "Resource": arn}],
        }
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        events = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
        s3.put_bucket_notification_configuration(Bucket="course-data-told", NotificationConfiguration=events)
        s3.put_object(Bucket="course-data-told", Key="a.txt", Body=b"a")
        told: list[Any] = []
        deadline = time.monotonic() + 120
        while not told and time.monotonic() < deadline:
            messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
            # The first one only says that there will be others.
            told += [record for m in messages for record in json.loads(m["Body"]).get("Records", [])]
        assert [record["s3"]["object"]["key"] for record in told] == ["a.txt"]


def test_the_server_is_not_root_and_its_secret_is_in_no_command_line(
    aws: tuple[Aws, Endpoint], docker_sandbox: Sandbox
) -> None:
    _, admin = aws
    container = client().containers.get(container_name(docker_sandbox.seat("aws")))
    code, said = container.exec_run(["id", "-un"])
    assert (code, said) == (0, b"ministack\n")
    assert admin.password not in str(container.attrs["Config"]["Entrypoint"])


def _await_saved(box: Sandbox, stream: str) -> None:
    container = client().containers.get(container_name(box.seat("aws")))
    look, deadline = ["grep", "-q", stream, f"{DATA}/state/kinesis.json"], time.monotonic() + 120
    while container.exec_run(look).exit_code != 0:
        assert time.monotonic() < deadline, "the state is not saved while it runs"
        time.sleep(0.2)


def test_what_was_saved_before_a_kill_is_there_after_it(own_home: Path) -> None:
    box, engine = Sandbox(name="killed"), Aws()
    assert not box.up(["aws"], runtime="docker").failed
    with engine.connect(box.endpoint("aws")) as session:
        session.client("kinesis").create_stream(StreamName="mine", ShardCount=1)
        session.client("s3").put_object(Bucket=BUCKET, Key="tmpDir/kept.txt", Body=b"kept")
    # The page says: within about a second. On a busy machine it may take longer.
    _await_saved(box, "mine")
    # One service after the other has its file: that the next save is under way says that this one is whole.
    with engine.connect(box.endpoint("aws")) as session:
        session.client("kinesis").create_stream(StreamName="later", ShardCount=1)
    _await_saved(box, "later")
    assert box.runtime.kill(box.seat("aws"))
    assert not box.up(["aws"]).failed
    admin = box.endpoint("aws")
    with engine.connect(admin) as session:
        assert "mine" in session.client("kinesis").list_streams()["StreamNames"]
        assert session.client("s3").get_object(Bucket=BUCKET, Key="tmpDir/kept.txt")["Body"].read() == b"kept"
    assert engine.counts(admin) == Dataset.course().counts


def test_durable_keeps_every_acknowledged_change_over_a_kill(own_home: Path) -> None:
    box, engine = Sandbox(name="durable"), Aws()
    assert not box.up(["aws"], durable=True, dataset=Dataset.empty, runtime="docker").failed
    with engine.connect(box.endpoint("aws")) as session:
        session.client("kinesis").create_stream(StreamName="mine", ShardCount=1)
    assert box.runtime.kill(box.seat("aws"))
    assert not box.up(["aws"]).failed
    with engine.connect(box.endpoint("aws")) as session:
        assert "mine" in session.client("kinesis").list_streams()["StreamNames"]


def test_an_image_with_another_version_says_so_and_does_not_start(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(RECIPE), "version", "1.4.0")
    result = Sandbox(name="other").up(["aws"], dataset=Dataset.empty, runtime="docker")
    error = result.failed["aws"]
    assert error.code == "engine-died"
    assert "has MiniStack 1.5.33, and what the sandbox adds to it is made for 1.4.0" in error.detail


def test_the_compose_file_alone_gives_ministack_for_any_key() -> None:
    with composed("aws") as (port, _):
        plain = Endpoint("aws", "127.0.0.1", port, "test", "test", "", f"http://127.0.0.1:{port}")
        with Aws().connect(plain) as session:
            session.client("s3").create_bucket(Bucket="mine")
            assert [b["Name"] for b in session.client("s3").list_buckets()["Buckets"]] == ["mine"]

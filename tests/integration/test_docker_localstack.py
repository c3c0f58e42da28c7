"""LocalStack in Docker as the provider of aws. What needs its image runs where the image is already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engines.aws import Aws
from sandbox.engines.aws_load import BUCKET
from sandbox.engines.base import Attempt, Credentials
from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.runtimes.docker import images
from sandbox.runtimes.docker.recipe import recipe
from sandbox.sandbox import Sandbox

pytestmark = pytest.mark.docker

COURSE = {"customers": 635, "employees": 17, "orders": 5087}
NOWHERE = "localstack/localstack:0-is-nowhere"


@pytest.fixture
def box(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("SANDBOX_RUNTIME", "docker")
    found = Sandbox(name="localstack")
    yield found
    found.down(delete=True)


def test_an_image_that_is_not_there_is_named_with_the_command_that_pulls_it(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_AWS_IMAGE", NOWHERE)
    with pytest.raises(EnvironmentRefusedError) as refused:
        box.up(["aws"], provider="localstack", offline=True)
    assert refused.value.code == "docker-image-missing"
    assert NOWHERE in refused.value.title
    assert any(action.startswith(f"docker pull {NOWHERE}") for action in refused.value.actions)
    # Nothing was made: the next one may choose anew.
    assert "aws" not in Sandbox(name=box.name).state.engines


def test_localstack_serves_as_ministack_does_but_for_what_it_lacks(box: Sandbox) -> None:
    if not images.there(recipe("aws-localstack")):
        pytest.skip("the Docker engine has no image of LocalStack")
    result = box.up(["aws"], provider="localstack")
    assert result.failed == {}
    assert (result.engines[0].provider, result.engines[0].runtime) == ("localstack", "docker")
    assert result.engines[0].product.startswith("LocalStack ")
    engine, admin = box.engine("aws"), box.endpoint("aws")
    assert isinstance(engine, Aws)
    assert engine.counts(admin) == COURSE
    with pytest.raises(UsageError) as refused:
        box.up(["aws"], provider="ministack")
    assert refused.value.code == "provider-differs"
    with pytest.raises(EnvironmentRefusedError, match="in its memory only"):
        box.save_snapshot("one", ["aws"])

    # An attempt has an account of its own, which is empty again afterwards.
    attempt = Attempt("s3/01-create-insert-query", "t1", 1, {"buckets": ["course-data-*"]})
    learner = engine.begin(admin, attempt, Credentials("unused", "unused"))
    with engine.connect(learner) as session:
        s3, sqs = session.client("s3"), session.client("sqs")
        s3.create_bucket(Bucket="course-data-1")
        s3.put_object(Bucket="course-data-1", Key="a", Body=b"a")
        url = sqs.create_queue(QueueName="told")["QueueUrl"]
        assert url.startswith(f"http://127.0.0.1:{admin.port}/")
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        assert session.client("dynamodb").list_tables()["TableNames"] == []
        engine.clear(admin, attempt)
        assert s3.list_buckets()["Buckets"] == []
        assert sqs.list_queues().get("QueueUrls", []) == []

    with engine.connect(admin) as session:
        session.client("dynamodb").delete_item(TableName="employees", Key={"employeeid": {"N": "274"}})
        session.client("s3").create_bucket(Bucket="mine")
        box.reset(["aws"])
        assert [b["Name"] for b in session.client("s3").list_buckets()["Buckets"]] == [BUCKET]
    assert engine.counts(admin) == COURSE

    # Nothing is kept over a stop, so the dataset comes anew, and another provider may take its place.
    assert box.forgetful() == ["aws"]
    box.down(["aws"])
    again = Sandbox(name=box.name)
    assert [s.action for s in again.up(["aws"]).steps] == ["create", "start"]
    assert again.status(["aws"])[0].provider == "localstack"
    assert engine.counts(again.endpoint("aws")) == COURSE
    again.down(["aws"])
    assert again.up(["aws"], provider="ministack", dry_run=True).failed == {}

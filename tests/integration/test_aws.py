"""AWS by MiniStack, for real: the dataset, accounts and their secrets, the CLI, what a kill -9 leaves."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.clients.base import StatementError
from sandbox.datasets import TABLES, Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.aws import ACCOUNT, Aws, account_of, account_secret
from sandbox.engines.aws_load import BUCKET, FOLDERS, STREAM, object_key
from sandbox.engines.base import Attempt, Credentials
from sandbox.runtimes.native import aws_mend, aws_python, process
from sandbox.runtimes.native.environments import interpreter
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[Aws, Endpoint]]
ATTEMPT = Attempt("s3/01-create-insert-query", "t1", 1, {"buckets": ["course-data-*"]})
OTHER = Attempt("s3/01-create-insert-query", "t2", 1)
SECRETS = Credentials("unused", "unused")


@pytest.fixture
def aws(engine_up: Up) -> tuple[Aws, Endpoint]:
    return engine_up("aws")


@pytest.fixture
def session(aws: tuple[Aws, Endpoint]) -> Iterator[Any]:
    engine, admin = aws
    with engine.connect(admin) as found:
        yield found


@pytest.fixture
def learner(aws: tuple[Aws, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = aws
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


def _records(kinesis: Any, stream: str) -> list[dict[str, Any]]:
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = kinesis.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                break
            found += answer["Records"]
            iterator = answer["NextShardIterator"]
    return found


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(session: Any) -> None:
    tables = {name: session.resource("dynamodb").Table(name) for name in TABLES}
    abel = tables["customers"].get_item(Key={"customerid": 293})["Item"]
    assert abel == {
        "customerid": 293,
        "firstname": "Catherine",
        "lastname": "Abel",
        "fullname": "Catherine Abel",
    }
    assert "Item" not in tables["customers"].get_item(Key={"customerid": 1221})
    blythe = tables["employees"].get_item(Key={"employeeid": 275})["Item"]
    assert (blythe["fullname"], blythe["territory"], blythe["managerid"]) == (
        "Michael Blythe",
        "Northeast",
        274,
    )
    assert "managerid" not in tables["employees"].get_item(Key={"employeeid": 274})["Item"]
    line = tables["orders"].get_item(Key={"customerid": 293, "orderline": "71782#110667"})["Item"]
    assert (line["orderdate"], line["duedate"], line["shipdate"]) == (
        "2014-05-01",
        "2014-05-13",
        "2014-05-08",
    )
    assert line["totaldue"] == Decimal("37497.4457")
    assert (line["productid"], line["orderqty"], line["linetotal"]) == (714, 3, Decimal("89.982"))


def test_orders_are_found_by_customer_by_order_and_by_employee(session: Any) -> None:
    from boto3.dynamodb.conditions import Key

    orders = session.resource("dynamodb").Table("orders")
    rows = list(Dataset.course().rows("orders"))
    key = Key("customerid").eq(293) & Key("orderline").begins_with("71782#")
    one = orders.query(KeyConditionExpression=key)["Items"]
    assert len(one) == sum(row[0] == 71782 for row in rows)
    by_order = orders.query(IndexName="by_order", KeyConditionExpression=Key("salesorderid").eq(71782))[
        "Items"
    ]
    details = [item["salesorderdetailid"] for item in by_order]
    assert details == sorted(row[1] for row in rows if row[0] == 71782)
    key = Key("employeeid").eq(276) & Key("orderdate").eq("2014-05-01")
    by_employee = orders.query(IndexName="by_employee", KeyConditionExpression=key, Select="COUNT")
    assert by_employee["Count"] == sum(row[5] == 276 and str(row[2]) == "2014-05-01" for row in rows)


def test_nineteen_johns_are_found_by_their_first_name(session: Any) -> None:
    from boto3.dynamodb.conditions import Key

    customers = session.resource("dynamodb").Table("customers")
    found = customers.query(IndexName="by_firstname", KeyConditionExpression=Key("firstname").eq("John"))
    assert found["Count"] == 19


def test_counts_agree_with_the_manifest(aws: tuple[Aws, Endpoint]) -> None:
    engine, admin = aws
    assert engine.counts(admin) == Dataset.course().counts


def test_the_stream_has_every_order_line_and_keeps_each_customers_order(session: Any) -> None:
    found = _records(session.client("kinesis"), STREAM)
    lines = [json.loads(record["Data"]) for record in found]
    rows = list(Dataset.course().rows("orders"))
    assert len(lines) == len(rows)
    assert {(line["salesorderid"], line["salesorderdetailid"]) for line in lines} == {row[:2] for row in rows}
    mine = [line["salesorderdetailid"] for line in lines if line["customerid"] == 293]
    assert mine == [row[1] for row in rows if row[6] == 293]
    line = next(line for line in lines if line["salesorderdetailid"] == 110667)
    assert (line["orderdate"], line["totaldue"], line["linetotal"]) == ("2014-05-01", 37497.4457, 89.982)


def test_the_bucket_has_the_courses_layout_and_the_files_as_they_are(session: Any) -> None:
    s3 = session.client("s3")
    keys = {found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert keys == {*FOLDERS, *(object_key(table) for table in TABLES)}
    for table in TABLES:
        body = s3.get_object(Bucket=BUCKET, Key=object_key(table))["Body"]
        assert body.read() == Dataset.course().path(table).read_bytes()


def test_loading_twice_gives_the_same_and_repairs_what_was_changed(
    aws: tuple[Aws, Endpoint], session: Any
) -> None:
    engine, admin = aws
    dynamodb, s3 = session.client("dynamodb"), session.client("s3")
    dynamodb.delete_item(TableName="customers", Key={"customerid": {"N": "293"}})
    dynamodb.put_item(
        TableName="customers", Item={"customerid": {"N": "1221"}, "fullname": {"S": "John Doe"}}
    )
    s3.put_object(Bucket=BUCKET, Key="tmpDir/mine.txt", Body=b"mine")
    session.client("kinesis").put_record(StreamName=STREAM, PartitionKey="x", Data=b"{}")
    assert engine.load(admin, Dataset.course()) == Dataset.course().counts
    assert engine.counts(admin) == Dataset.course().counts
    assert "Item" not in dynamodb.get_item(TableName="customers", Key={"customerid": {"N": "1221"}})
    assert len(_records(session.client("kinesis"), STREAM)) == Dataset.course().count("orders")
    assert "mine" not in str(s3.list_objects_v2(Bucket=BUCKET)["Contents"])


def test_an_empty_dataset_leaves_the_structures_there(aws: tuple[Aws, Endpoint], session: Any) -> None:
    engine, admin = aws
    try:
        assert engine.load(admin, Dataset.empty()) == {"customers": 0, "employees": 0, "orders": 0}
        assert engine.counts(admin) == {"customers": 0, "employees": 0, "orders": 0}
        keys = {found["Key"] for found in session.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
        assert keys == set(FOLDERS)
    finally:
        engine.load(admin, Dataset.course())


def test_reset_removes_what_a_person_made_and_brings_the_dataset_back(
    aws: tuple[Aws, Endpoint], session: Any, learner: Endpoint
) -> None:
    engine, admin = aws
    dynamodb, kinesis, s3, iam = (session.client(name) for name in ("dynamodb", "kinesis", "s3", "iam"))
    _make_table(dynamodb, "mine")
    kinesis.create_stream(StreamName="mine", ShardCount=1)
    s3.create_bucket(Bucket="mine-of-the-tests")
    iam.create_user(UserName="somebody")
    dynamodb.delete_table(TableName="customers")
    with engine.connect(learner) as other:
        _make_table(other.client("dynamodb"), "left")
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts
    assert dynamodb.list_tables()["TableNames"] == ["customers", "employees", "orders"]
    assert kinesis.list_streams()["StreamNames"] == [STREAM]
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]
    assert iam.list_users()["Users"] == []
    with engine.connect(learner) as other:
        assert other.client("dynamodb").list_tables()["TableNames"] == []
    assert engine.counts(admin) == Dataset.course().counts


def _make_table(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


# -- accounts and secrets ----------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["dynamodb", "kinesis", "s3", "iam", "sts"])
def test_a_wrong_secret_is_refused_by_every_service(aws: tuple[Aws, Endpoint], service: str) -> None:
    from botocore.exceptions import ClientError

    engine, admin = aws
    calls = {
        "dynamodb": "list_tables",
        "kinesis": "list_streams",
        "s3": "list_buckets",
        "iam": "list_users",
        "sts": "get_caller_identity",
    }
    with engine.connect(replace(admin, password="wrong")) as session, pytest.raises(ClientError) as refused:
        getattr(session.client(service), calls[service])()
    assert refused.value.response["Error"]["Code"] in ("InvalidSignatureException", "SignatureDoesNotMatch")


def test_an_unknown_key_an_unsigned_request_and_the_administrators_paths_are_refused(
    aws: tuple[Aws, Endpoint],
) -> None:
    import http.client

    from botocore.exceptions import ClientError

    engine, admin = aws
    with engine.connect(replace(admin, user="AKIAIOSFODNN7EXAMPLE")) as session, pytest.raises(ClientError):
        session.client("dynamodb").list_tables()
    asked = [
        ("GET", f"/{BUCKET}/rawData/customers/customers.csv", {}),
        ("GET", f"/{BUCKET}?AWSAccessKeyId={ACCOUNT}&Signature=abc&Expires=9999999999", {}),
        ("GET", f"/{BUCKET}", {"Authorization": f"AWS {ACCOUNT}:abc"}),
        ("GET", f"/{BUCKET}", {"Authorization": "Bearer anything"}),
        ("POST", "/_ministack/reset", {}),
        ("POST", "/_ministack/reset", {"Authorization": "Bearer wrong"}),
        ("POST", "/_localstack/state/reset", {}),
    ]
    for method, path, headers in asked:
        connection = http.client.HTTPConnection(admin.host, admin.port, timeout=120)
        connection.request(method, path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        assert status == 403, (method, path, headers)
    assert engine.counts(admin) == Dataset.course().counts


def test_the_learner_has_an_account_of_his_own_and_cannot_reach_the_dataset(
    aws: tuple[Aws, Endpoint], learner: Endpoint
) -> None:
    from botocore.exceptions import ClientError

    engine, admin = aws
    assert learner.user == account_of(ATTEMPT) != account_of(OTHER)
    assert len(learner.user) == 12
    assert learner.password != admin.password
    with engine.connect(learner) as session:
        dynamodb, s3 = session.client("dynamodb"), session.client("s3")
        _make_table(dynamodb, "customers")
        assert engine.counts(learner)["customers"] == 0
        s3.create_bucket(Bucket=f"course-data-{learner.user}")
        assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [f"course-data-{learner.user}"]
        with pytest.raises(ClientError) as refused:
            s3.get_object(Bucket=BUCKET, Key=object_key("customers"))
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
        assert session.client("sts").get_caller_identity()["Account"] == learner.user
    for other in (ACCOUNT, account_of(OTHER)):
        stolen = replace(learner, user=other)
        with engine.connect(stolen) as session, pytest.raises(ClientError):
            session.client("dynamodb").list_tables()
    assert engine.counts(admin) == Dataset.course().counts


def test_beginning_again_and_clearing_leave_an_account_empty(aws: tuple[Aws, Endpoint]) -> None:
    engine, admin = aws
    learner = engine.begin(admin, ATTEMPT, SECRETS)
    bucket = f"course-data-{learner.user}"
    for again in (lambda: engine.begin(admin, ATTEMPT, SECRETS), lambda: engine.clear(admin, ATTEMPT)):
        with engine.connect(learner) as session:
            dynamodb, kinesis, s3 = (session.client(name) for name in ("dynamodb", "kinesis", "s3"))
            _make_table(dynamodb, "UserData")
            dynamodb.update_table(TableName="UserData", DeletionProtectionEnabled=True)
            kinesis.create_stream(StreamName="customers_stream", ShardCount=2)
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            for body in (b"one", b"two"):
                s3.put_object(Bucket=bucket, Key="a/b", Body=body)
            s3.delete_object(Bucket=bucket, Key="a/b")
            s3.create_multipart_upload(Bucket=bucket, Key="open")
            again()
            assert dynamodb.list_tables()["TableNames"] == []
            assert kinesis.list_streams()["StreamNames"] == []
            assert s3.list_buckets()["Buckets"] == []


def test_server_and_engine_derive_the_same_secret_for_an_account() -> None:
    for account in (ACCOUNT, "123456789012"):
        assert aws_mend.account_secret("s", account, ACCOUNT) == account_secret("s", account)


def test_an_iam_user_may_do_what_a_policy_says_and_nothing_else(
    aws: tuple[Aws, Endpoint], learner: Endpoint
) -> None:
    from botocore.exceptions import ClientError

    engine, _ = aws
    policy = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:List*", "Resource": "*"},
    }
    with engine.connect(learner) as session:
        iam = session.client("iam")
        iam.create_user(UserName="reader")
        try:
            iam.put_user_policy(UserName="reader", PolicyName="lists", PolicyDocument=json.dumps(policy))
            key = iam.create_access_key(UserName="reader")["AccessKey"]
            reader = replace(learner, user=key["AccessKeyId"], password=key["SecretAccessKey"])
            with engine.connect(reader) as own:
                assert own.client("s3").list_buckets()["Buckets"] == []
                with pytest.raises(ClientError) as refused:
                    own.client("dynamodb").list_tables()
            assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
            iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
            iam.delete_user_policy(UserName="reader", PolicyName="lists")
        finally:
            iam.delete_user(UserName="reader")


def test_a_bucket_with_a_page_size_lists_in_pages_and_another_at_once(
    aws: tuple[Aws, Endpoint], learner: Endpoint
) -> None:
    engine, _ = aws
    with engine.connect(learner) as session:
        s3 = session.client("s3")
        for name in ("paged", "plain"):
            bucket = f"{name}-{learner.user}"
            s3.create_bucket(Bucket=bucket)
            for number in range(7):
                s3.put_object(Bucket=bucket, Key=f"part-{number}")
        bucket = f"paged-{learner.user}"
        tag = {"Key": "sandbox:page-size", "Value": "3"}
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [tag]})
        first = s3.list_objects_v2(Bucket=bucket)
        assert (first["KeyCount"], first["IsTruncated"]) == (3, True)
        assert s3.list_objects_v2(Bucket=bucket, MaxKeys=2)["KeyCount"] == 2
        for listing in ("list_objects_v2", "list_objects"):
            pages = list(s3.get_paginator(listing).paginate(Bucket=bucket))
            assert [len(page["Contents"]) for page in pages] == [3, 3, 1]
        assert s3.list_objects_v2(Bucket=f"plain-{learner.user}")["KeyCount"] == 7


def test_a_service_that_is_not_there_says_so(session: Any) -> None:
    from botocore.exceptions import ClientError

    for service, call in (
        ("lambda", "list_functions"),
        ("athena", "list_work_groups"),
        ("rds", "describe_db_instances"),
    ):
        with pytest.raises(ClientError, match="not part of this sandbox"):
            getattr(session.client(service), call)()


# -- the process -------------------------------------------------------------------------------------


def _listening(pid: int) -> list[str]:
    """Local addresses (hex) that a process listens on, TCP and UDP, IPv4 and IPv6."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(entry.readlink()))
        except OSError:
            continue
    found = []
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and f"socket:[{fields[9]}]" in sockets:
                found.append(fields[1])
    return found


def _process(box: Sandbox) -> process.Process:
    found = process.read_record(box.seat("aws").run)
    assert found is not None
    assert found.alive()
    return found


def test_it_listens_on_its_one_loopback_port_only(aws: tuple[Aws, Endpoint], sandbox: Sandbox) -> None:
    _, admin = aws
    assert _listening(_process(sandbox).pid) == [f"0100007F:{admin.port:04X}"]


def test_the_secret_is_in_no_command_line(aws: tuple[Aws, Endpoint], sandbox: Sandbox) -> None:
    _, admin = aws
    line = Path(f"/proc/{_process(sandbox).pid}/cmdline").read_bytes()
    assert admin.password.encode() not in line


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _amend(monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str) -> None:
    """Have servers that start from now on run one of our sources with other words in it."""
    from sandbox.runtimes.native import aws as recipe

    sources = recipe.sources()
    assert sources[file].count(old) == 1
    sources[file] = sources[file].replace(old, new)
    monkeypatch.setattr(recipe, "sources", lambda: sources)


def test_what_was_saved_unasked_before_a_kill_is_there_after_it(own_home: Path) -> None:
    box = Sandbox(name="killed")
    assert box.up(["aws"]).failed == {}
    engine, admin = Aws(), box.endpoint("aws")
    with engine.connect(admin) as session:
        _make_table(session.client("dynamodb"), "mine")
        session.client("dynamodb").put_item(TableName="mine", Item={"id": {"S": "kept"}})
        session.client("kinesis").create_stream(StreamName="mine", ShardCount=1)
        session.client("kinesis").put_record(StreamName="mine", PartitionKey="p", Data=b"kept")
        session.client("s3").put_object(Bucket=BUCKET, Key="tmpDir/kept.txt", Body=b"kept")
    # Within a second or two; objects of S3 at once.
    state = box.seat("aws").data / "state"
    _until(lambda: '"kept"' in (state / "dynamodb.json").read_text(), "the item was not saved")
    record = base64.b64encode(b"kept").decode()
    _until(lambda: record in (state / "kinesis.json").read_text(), "the record was not saved")
    _kill(_process(box))
    assert not box.status(["aws"])[0].healthy
    assert box.up(["aws"]).failed == {}
    admin = box.endpoint("aws")
    with engine.connect(admin) as session:
        assert session.client("dynamodb").scan(TableName="mine")["Items"] == [{"id": {"S": "kept"}}]
        assert [record["Data"] for record in _records(session.client("kinesis"), "mine")] == [b"kept"]
        body = session.client("s3").get_object(Bucket=BUCKET, Key="tmpDir/kept.txt")["Body"]
        assert body.read() == b"kept"
    assert engine.counts(admin) == Dataset.course().counts


def test_what_an_answer_makes_is_saved_with_what_others_change_and_when_it_is_asked_for(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By itself it would be saved, too, and on a busy machine while the test still looks whether it was.
    _amend(monkeypatch, "aws_save.py", "\nLATER = 10\n", "\nLATER = 100_000\n")
    box = Sandbox(name="later")
    assert box.up(["aws"]).failed == {}
    engine, admin = Aws(), box.endpoint("aws")
    state = box.seat("aws").data / "state" / "dynamodb.json"
    engine.flush(admin)
    with engine.connect(engine.begin(admin, ATTEMPT, SECRETS)) as session, engine.connect(admin) as own:
        answer, mine = session.client("dynamodb"), own.client("dynamodb")
        _make_table(answer, "from-the-answer")
        time.sleep(2.5)
        # It can wait longer than what somebody does in an account of their own.
        assert "from-the-answer" not in state.read_text()
        _make_table(mine, "own")
        _until(lambda: '"own"' in state.read_text(), "it was not saved")
        assert "from-the-answer" in state.read_text()
        _make_table(answer, "asked-for")
        engine.flush(admin)
        assert "asked-for" in state.read_text()
        _make_table(answer, "at-the-end")
    box.down(["aws"])
    assert "at-the-end" in state.read_text()


def _kill(running: process.Process) -> None:
    os.kill(running.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while running.alive() and time.monotonic() < deadline:
        # Its parent may be this very process.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(running.pid, os.WNOHANG)
        time.sleep(0.01)


# -- clients -----------------------------------------------------------------------------------------


def test_the_cli_answers_in_json_in_text_and_in_part(aws: tuple[Aws, Endpoint]) -> None:
    engine, admin = aws
    with engine.client(admin) as client:
        get = """aws dynamodb get-item --table-name customers \\
            --key '{"customerid": {"N": "293"}}'"""
        (whole,) = client.execute(get)
        assert whole.value["Item"]["fullname"] == {"S": "Catherine Abel"}
        (part,) = client.execute(get + " --query Item.lastname.S")
        assert part.value == "Abel"
        (text,) = client.execute(get + " --query Item.lastname.S --output text")
        assert (text.text, text.has_value) == ("Abel", False)
        (count,) = client.execute("dynamodb scan --table-name employees --select COUNT --query Count")
        assert count.value == 17


def test_the_cli_asks_nobody_else_for_queues(aws: tuple[Aws, Endpoint], learner: Endpoint) -> None:
    engine, _ = aws
    with engine.client(learner) as client:
        (made,) = client.execute("aws sqs create-queue --queue-name arrivals")
        assert made.value["QueueUrl"].startswith(learner.url)


def test_the_cli_reads_files_of_the_current_folder(
    aws: tuple[Aws, Endpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, admin = aws
    (tmp_path / "key.json").write_text('{"employeeid": {"N": "275"}}')
    with engine.client(admin) as client:
        monkeypatch.chdir(tmp_path)
        (found,) = client.execute("aws dynamodb get-item --table-name employees --key file://key.json")
        assert found.value["Item"]["lastname"] == {"S": "Blythe"}
        (said,) = client.execute(f"aws s3 cp s3://{BUCKET}/{object_key('employees')} copy.csv")
        assert "download" in said.text
        assert "\r" not in said.text
    assert (tmp_path / "copy.csv").read_bytes() == Dataset.course().path("employees").read_bytes()


@pytest.mark.parametrize(
    ("command", "title", "detail"),
    [
        ("aws dynamodb describe-table --table-name nope", "ResourceNotFoundException", ""),
        ("aws dynamo list-tables", "aws has no command 'dynamo'.", "dynamodb"),
        ("aws dynamodb list-table", "aws dynamodb has no operation 'list-table'.", "list-tables"),
        ("aws dynamodb get-item --table-name customers", "required: --key", ""),
        ("aws s3 ls | head", "'|' is the shell's", "sandbox exec"),
        ("aws s3 ls 's3://", "No closing quotation", ""),
    ],
)
def test_a_refused_command_says_why_in_the_clis_words(
    aws: tuple[Aws, Endpoint], command: str, title: str, detail: str
) -> None:
    engine, admin = aws
    with engine.client(admin) as client:
        with pytest.raises(StatementError) as refused:
            list(client.execute(command))
        assert title in refused.value.title
        assert detail in refused.value.detail
        (still,) = client.execute("aws sts get-caller-identity --query Account")
        assert still.value == ACCOUNT


def test_unmodified_boto3_and_the_cli_go_by_the_variables_alone(
    aws: tuple[Aws, Endpoint], sandbox: Sandbox
) -> None:
    engine, admin = aws
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    # What a person may have for the real AWS.
    env |= {"AWS_SESSION_TOKEN": "a-token-of-the-real-aws"} | engine.env(admin)
    program = (
        "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'],"
        " boto3.resource('dynamodb').Table('orders').get_item("
        "Key={'customerid': 295, 'orderline': '44110#1732'})['Item']['productid'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [BUCKET, "765"]
    (bin_folder,) = sandbox.bin(["aws"])
    said = subprocess.run(
        [str(bin_folder / "aws"), "s3", "ls"], env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.split()[-1] == BUCKET


def test_the_warm_cli_ends_with_its_client_even_when_that_is_killed(aws: tuple[Aws, Endpoint]) -> None:
    engine, admin = aws
    program = (
        "import os, time\n"
        "from sandbox.engines.aws import ENGINE\n"
        "client = ENGINE.client(ENGINE.from_env(os.environ))\n"
        "list(client.execute('aws s3 ls'))\n"
        "print(client._worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    env = os.environ | engine.generic_env(admin)
    with subprocess.Popen(
        [sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        worker = Path(f"/proc/{int(running.stdout.readline())}")
        assert worker.exists()
        running.kill()
    _until(lambda: not worker.exists(), "it outlived its client")


@pytest.mark.skipif(
    process.lesser_user() is None or aws_python.open_to_all(Path(interpreter())),
    reason="everybody can run the Python that runs this",
)
def test_a_python_that_engines_cannot_reach_is_copied_to_where_they_can(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_python, "SYSTEM", ())
    python = aws_python.python_for_engines(own_home / "cache")
    said = process.run_as(
        [
            str(python.program),
            "-I",
            "-S",
            "-c",
            "import asyncio, decimal, hashlib, json, ssl, sys; print(sys.version)",
        ],
        user=process.lesser_user(),
        cwd=own_home,
        env={"LD_LIBRARY_PATH": str(python.libraries)},
    )
    assert said.strip() == sys.version


def test_a_save_under_way_does_not_undo_what_a_clean_stop_saves(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The child that saves holds a copy of what was there before the last write; it holds itself up until
    # the server has saved and gone.
    held_up = "        os.kill(os.getpid(), signal.SIGSTOP)\n        write_all()\n        code = 0\n"
    _amend(monkeypatch, "aws_save.py", "        write_all()\n        code = 0\n", held_up)
    box = Sandbox(name="stop")
    assert box.up(["aws"]).failed == {}
    server = _process(box)

    def put(number: int) -> None:
        with Aws().connect(box.endpoint("aws")) as session:
            session.resource("dynamodb").Table("customers").put_item(Item={"customerid": number})

    put(-1)
    child = _saving_child(server.pid)
    put(-2)
    stop = threading.Thread(target=box.down, args=(["aws"],))
    stop.start()
    while server.alive():
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGCONT)
    stop.join(180)
    assert not stop.is_alive()
    assert box.up(["aws"]).failed == {}
    with Aws().connect(box.endpoint("aws")) as session:
        for number in (-1, -2):
            found = session.resource("dynamodb").Table("customers").get_item(Key={"customerid": number})
            assert "Item" in found, f"customer {number} is lost"


def _saving_child(pid: int) -> int:
    """The child of a server that has begun to save and stopped."""
    found: list[int] = []

    def stands() -> bool:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found[:] = [int(child) for child in children if process.stands(int(child))]
        return bool(found)

    _until(stands, "no save began")
    return found[0]

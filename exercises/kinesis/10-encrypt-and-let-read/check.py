"""Checks: encryption, and rights that are tried with a key of the user itself."""

from dataclasses import replace

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """Two streams with a record each."""
    kinesis = ctx.connection.client("kinesis")
    for name in ("payments", "salaries"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.put_record(StreamName=name, PartitionKey="first", Data=f"{name} {ctx.seed}".encode())
    return {}


def _as_user(ctx, *acts):
    """Do things as the user; for each the code of the error with which it was refused, or nothing."""
    from botocore.exceptions import ClientError

    from sandbox.engines.registry import engine

    said = []
    with engine("aws").connect(replace(ctx.endpoint, **_key(ctx))) as session:
        kinesis = session.client("kinesis")
        for act in acts:
            try:
                act(kinesis)
                said.append("")
            except ClientError as error:
                said.append(error.response["Error"]["Code"])
    return said


def _key(ctx):
    """An access key of the user, made once."""
    if "key" not in ctx.given:
        iam = ctx.connection.client("iam")
        try:
            for old in iam.list_access_keys(UserName="reports")["AccessKeyMetadata"]:
                # A user has two at most.
                iam.delete_access_key(UserName="reports", AccessKeyId=old["AccessKeyId"])
            key = iam.create_access_key(UserName="reports")["AccessKey"]
        except iam.exceptions.NoSuchEntityException:
            raise Missing("The IAM user reports") from None
        ctx.given["key"] = {"user": key["AccessKeyId"], "password": key["SecretAccessKey"]}
    return ctx.given["key"]


def _read(kinesis, name):
    kinesis.describe_stream_summary(StreamName=name)
    shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]


@check(points=2)
def encrypted(ctx):
    """The stream `payments` is encrypted with KMS, with the key `alias/aws/kinesis`."""
    kinesis = ctx.connection.client("kinesis")
    try:
        said = kinesis.describe_stream_summary(StreamName="payments")["StreamDescriptionSummary"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise Missing("Stream payments, which was there before,") from None
    if said["EncryptionType"] != "KMS":
        raise Mismatch("The encryption of payments", expected="KMS", found=said["EncryptionType"])
    if not said.get("KeyId", "").endswith("alias/aws/kinesis"):
        raise Mismatch("The key", expected="alias/aws/kinesis", found=said.get("KeyId"))


@check(points=3)
def can_read(ctx):
    """The user `reports` can read the stream `payments`."""
    (refused,) = _as_user(ctx, lambda kinesis: _read(kinesis, "payments"))
    if refused:
        raise Mismatch("Reading payments as reports", expected="allowed", found=refused)


@check(points=3, after=[can_read])
def cannot_write(ctx):
    """The user can neither put records into `payments` nor change the stream."""
    acts = {
        "Putting a record": lambda k: k.put_record(StreamName="payments", PartitionKey="x", Data=b"x"),
        "Putting records": lambda k: k.put_records(
            StreamName="payments", Records=[{"PartitionKey": "x", "Data": b"x"}]
        ),
        "Changing the retention": lambda k: k.increase_stream_retention_period(
            StreamName="payments", RetentionPeriodHours=8760
        ),
        "Splitting a shard": lambda k: k.split_shard(
            StreamName="payments", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**100)
        ),
    }
    _demand_refused(ctx, acts)


@check(points=2, after=[can_read])
def not_the_others(ctx):
    """The user cannot read another stream, nor make one."""
    acts = {
        "Reading salaries": lambda k: _read(k, "salaries"),
        "Making a stream": lambda k: k.create_stream(StreamName="mine", ShardCount=1),
    }
    _demand_refused(ctx, acts)


def _demand_refused(ctx, acts):
    for what, said in zip(acts, _as_user(ctx, *acts.values()), strict=True):
        if "AccessDenied" not in said:
            raise Mismatch(f"{what} as reports", expected="refused", found=said or "allowed")

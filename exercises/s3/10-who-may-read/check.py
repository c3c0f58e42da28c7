"""Checks: rights that are tried with a key of the user itself, and a policy that must be refused."""

import json
import random
from dataclasses import replace

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """The bucket, and a user without rights."""
    s3 = ctx.connection.client("s3")
    bucket = f"course-data-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    # New buckets of AWS block it from the start: here the learner shall do it.
    s3.delete_public_access_block(Bucket=bucket)
    result = f"processedData/{random.Random(ctx.seed).randrange(100, 1000)}/sums.csv"
    for key in (result, "rawData/customers/customers.csv", "processedDataOld/x.csv"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    ctx.connection.client("iam").create_user(UserName="analyst")
    return {"bucket": bucket, "result": result}


def _as_user(ctx, *acts):
    """Do things as the user; for each the code of the error with which it was refused, or nothing."""
    from botocore.exceptions import ClientError

    from sandbox.engines.registry import engine

    said = []
    with engine("aws").connect(replace(ctx.endpoint, **_key(ctx))) as session:
        s3 = session.client("s3")
        for act in acts:
            try:
                act(s3)
                said.append("")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "NoSuchBucket":
                    raise Missing(f"Bucket {ctx.given['bucket']}, which was there before,") from None
                said.append(code)
    return said


def _key(ctx):
    """An access key of the user, made once."""
    if "key" not in ctx.given:
        iam = ctx.connection.client("iam")
        try:
            for old in iam.list_access_keys(UserName="analyst")["AccessKeyMetadata"]:
                # A user has two at most.
                iam.delete_access_key(UserName="analyst", AccessKeyId=old["AccessKeyId"])
            key = iam.create_access_key(UserName="analyst")["AccessKey"]
        except iam.exceptions.NoSuchEntityException:
            raise Missing("The IAM user analyst, who was there before,") from None
        ctx.given["key"] = {"user": key["AccessKeyId"], "password": key["SecretAccessKey"]}
    return ctx.given["key"]


def _demand_bucket_policy(ctx):
    """The rights must come from the bucket: the user has none of its own."""
    s3, iam = ctx.connection.client("s3"), ctx.connection.client("iam")
    try:
        s3.get_bucket_policy(Bucket=ctx.given["bucket"])
    except s3.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("NoSuchBucketPolicy", "NoSuchBucket"):
            raise
        raise Missing("The bucket" if code == "NoSuchBucket" else "The policy of the bucket") from None
    try:
        attached = iam.list_attached_user_policies(UserName="analyst")["AttachedPolicies"]
        own = [
            *iam.list_user_policies(UserName="analyst")["PolicyNames"],
            *(each["PolicyName"] for each in attached),
            *(each["GroupName"] for each in iam.list_groups_for_user(UserName="analyst")["Groups"]),
        ]
    except iam.exceptions.NoSuchEntityException:
        raise Missing("The IAM user analyst, who was there before,") from None
    if own:
        raise Mismatch("Policies and groups of analyst itself", expected=[], found=own)


@check(points=2)
def may_get(ctx):
    """By the policy of the bucket, `analyst` can get an object from below `processedData/`."""
    _demand_bucket_policy(ctx)
    at = {"Bucket": ctx.given["bucket"], "Key": ctx.given["result"]}
    (refused,) = _as_user(ctx, lambda s3: s3.get_object(**at)["Body"].read())
    if refused:
        raise Mismatch("Getting a result as analyst", expected="allowed", found=refused)


@check(points=2)
def may_list(ctx):
    """`analyst` can list what lies below `processedData/`."""
    bucket, folder = ctx.given["bucket"], ctx.given["result"].rpartition("/")[0] + "/"
    acts = [
        lambda s3: s3.list_objects_v2(Bucket=bucket, Prefix="processedData/"),
        lambda s3: s3.list_objects_v2(Bucket=bucket, Prefix=folder),
    ]
    for refused in _as_user(ctx, *acts):
        if refused:
            raise Mismatch("Listing processedData/ as analyst", expected="allowed", found=refused)


@check(points=3, after=[may_get, may_list])
def nothing_more(ctx):
    """`analyst` can list and get nothing else, and cannot write or remove."""
    bucket, result = ctx.given["bucket"], ctx.given["result"]
    acts = {
        "Getting raw data": lambda s3: s3.get_object(Bucket=bucket, Key="rawData/customers/customers.csv"),
        "Getting from processedDataOld/": lambda s3: s3.get_object(
            Bucket=bucket, Key="processedDataOld/x.csv"
        ),
        "Listing raw data": lambda s3: s3.list_objects_v2(Bucket=bucket, Prefix="rawData/"),
        "Listing everything": lambda s3: s3.list_objects_v2(Bucket=bucket),
        "Putting a result": lambda s3: s3.put_object(Bucket=bucket, Key="processedData/mine.csv", Body=b"x"),
        "Changing the policy": lambda s3: s3.delete_bucket_policy(Bucket=bucket),
        "Removing a result": lambda s3: s3.delete_object(Bucket=bucket, Key=result),
    }
    for what, said in zip(acts, _as_user(ctx, *acts.values()), strict=True):
        if said not in ("AccessDenied", "403"):
            raise Mismatch(f"{what} as analyst", expected="refused", found=said or "allowed")


@check(points=3)
def no_public_access(ctx):
    """Public access is blocked in all four ways, and a policy for everybody is refused."""
    s3, bucket = ctx.connection.client("s3"), ctx.given["bucket"]
    try:
        said = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration":
            raise Missing("The block of public access") from None
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise Missing(f"Bucket {bucket}, which was there before,") from None
        raise
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    off = [name for name in names if not said.get(name)]
    if off:
        raise Mismatch("What is not blocked", expected=[], found=off)
    everybody = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        },
    }
    try:
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(everybody))
    except s3.exceptions.ClientError:
        return
    raise Mismatch("A policy for everybody", expected="refused", found="accepted")

"""Checks: objects are put and removed, and the other bucket is looked at."""

import json
import random

from sandbox.grading import CannotTell, Mismatch, Missing, check

TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}


def prepare(ctx):
    """Two buckets, old objects in the first one, and the role."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    jobs, standby = (f"{word}-{ctx.endpoint.user}" for word in ("jobs", "standby"))
    for bucket in (jobs, standby):
        s3.create_bucket(Bucket=bucket)
    old = {f"processedData/2014/day-{n}.csv": draw.randbytes(40).hex() for n in draw.sample(range(365), 3)}
    for key, body in old.items():
        s3.put_object(Bucket=jobs, Key=key, Body=body.encode())
    s3.put_object(Bucket=jobs, Key="tmpDir/old.tmp", Body=b"x")
    iam = ctx.connection.client("iam")
    iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=json.dumps(TRUST))
    return {"jobs": jobs, "standby": standby, "old": old, "number": draw.randrange(1000, 10000)}


def _there(ctx, key):
    """What the second bucket has under a key; None when there is nothing."""
    s3 = ctx.connection.client("s3")
    try:
        found = s3.get_object(Bucket=ctx.given["standby"], Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {ctx.given['standby']}, which was there before,") from None
    return found["Body"].read(), found.get("StorageClass", "STANDARD")


def _put(ctx, key, body):
    s3 = ctx.connection.client("s3")
    try:
        s3.put_object(Bucket=ctx.given["jobs"], Key=key, Body=body)
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {ctx.given['jobs']}, which was there before,") from None


@check(points=3)
def new_ones_replicated(ctx):
    """An object that is put below `processedData/` is in the second bucket, in the class `STANDARD_IA`."""
    key, body = f"processedData/new-{ctx.given['number']}.csv", str(ctx.seed).encode()
    _put(ctx, key, body)
    found = _there(ctx, key)
    if found is None:
        raise Missing(f"The copy of {key}, which was just put,")
    if found[0] != body:
        raise Mismatch(f"The content of the copy of {key}", expected=body, found=found[0])
    if found[1] != "STANDARD_IA":
        raise Mismatch("The storage class of the copy", expected="STANDARD_IA", found=found[1])


@check(points=2, after=[new_ones_replicated])
def removals_follow(ctx):
    """When it is removed it is gone in the second bucket, too."""
    s3, key = ctx.connection.client("s3"), f"processedData/gone-{ctx.given['number']}.csv"
    _put(ctx, key, b"x")
    if _there(ctx, key) is None:
        raise CannotTell("A second object was not replicated at once.")
    s3.delete_object(Bucket=ctx.given["jobs"], Key=key)
    if _there(ctx, key) is not None:
        raise Mismatch(f"{key} in the second bucket, after its removal,", expected="gone", found="there")


@check(points=2, after=[new_ones_replicated])
def nothing_else(ctx):
    """What is put elsewhere is not replicated."""
    for key in (f"tmpDir/new-{ctx.given['number']}.tmp", "processed.csv"):
        _put(ctx, key, b"x")
        if _there(ctx, key) is not None:
            raise Mismatch(f"{key} in the second bucket", expected="not there", found="there")
    if _there(ctx, "tmpDir/old.tmp") is not None:
        raise Mismatch("tmpDir/old.tmp in the second bucket", expected="not there", found="there")


@check(points=3)
def old_ones_copied(ctx):
    """The objects that were below `processedData/` before are in the second bucket, in the same class."""
    for key, body in ctx.given["old"].items():
        found = _there(ctx, key)
        if found is None:
            raise Missing(f"The copy of {key}")
        if found[0].decode(errors="replace") != body:
            raise Mismatch(f"The content of {key}", expected="as in the first bucket", found="another one")
        if found[1] != "STANDARD_IA":
            raise Mismatch(f"The storage class of {key}", expected="STANDARD_IA", found=found[1])

"""Checks: what describes an object. Batch, report and its metadata vary with the seed."""

import random

from sandbox.datasets import Dataset
from sandbox.grading import Mismatch, Missing, check

UPLOAD, REPORT = "rawData/employees/employees.csv", "reports/headcount.csv"


def prepare(ctx):
    """The bucket with a report of the wrong type, and the number of the batch."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    bucket = f"hr-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    metadata = {
        "author": draw.choice(("Linda Mitchell", "Jillian Carson")),
        "run": str(draw.randrange(1000, 9999)),
    }
    report = "".join(f"{country},{draw.randrange(1, 90)}\n" for country in ("US", "DE", "FR")).encode()
    s3.put_object(
        Bucket=bucket, Key=REPORT, Body=report, ContentType="binary/octet-stream", Metadata=metadata
    )
    batch = str(draw.randrange(10000, 100000))
    (ctx.files / "batch.txt").write_text(f"{batch}\n")
    return {"bucket": bucket, "metadata": metadata, "report": report, "batch": batch}


def _object(ctx, key):
    s3 = ctx.connection.client("s3")
    try:
        found = s3.get_object(Bucket=ctx.given["bucket"], Key=key)
    except s3.exceptions.NoSuchKey:
        raise Missing(f"Object {key}") from None
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {ctx.given['bucket']}, which was there before,") from None
    return found, found["Body"].read()


def _type(found):
    return found["ContentType"].partition(";")[0].strip().lower()


@check(points=2)
def uploaded(ctx):
    """`rawData/employees/employees.csv` has the content of the file."""
    _, content = _object(ctx, UPLOAD)
    right = Dataset.course().path("employees").read_bytes()
    if content != right:
        raise Mismatch(f"The bytes of {UPLOAD}", expected=len(right), found=len(content))


@check(points=2, after=[uploaded])
def labelled(ctx):
    """It has the type `text/csv` and the metadata `batch`, and no other."""
    found, _ = _object(ctx, UPLOAD)
    if _type(found) != "text/csv":
        raise Mismatch(f"The type of {UPLOAD}", expected="text/csv", found=found["ContentType"])
    if found["Metadata"] != {"batch": ctx.given["batch"]}:
        expected = {"batch": ctx.given["batch"]}
        raise Mismatch(f"The metadata of {UPLOAD}", expected=expected, found=found["Metadata"])


@check(points=2, after=[uploaded])
def tagged(ctx):
    """It has the tags `class=confidential` and `owner=hr`."""
    s3 = ctx.connection.client("s3")
    said = s3.get_object_tagging(Bucket=ctx.given["bucket"], Key=UPLOAD)["TagSet"]
    tags, right = {each["Key"]: each["Value"] for each in said}, {"class": "confidential", "owner": "hr"}
    if tags != right:
        raise Mismatch(f"The tags of {UPLOAD}", expected=right, found=tags)


@check(points=4)
def corrected(ctx):
    """`reports/headcount.csv` has the type `text/csv`, and the content and metadata that it had."""
    found, content = _object(ctx, REPORT)
    if _type(found) != "text/csv":
        raise Mismatch(f"The type of {REPORT}", expected="text/csv", found=found["ContentType"])
    if content != ctx.given["report"]:
        raise Mismatch(f"The content of {REPORT}", expected="as it was", found="another one")
    if found["Metadata"] != ctx.given["metadata"]:
        raise Mismatch(f"The metadata of {REPORT}", expected=ctx.given["metadata"], found=found["Metadata"])

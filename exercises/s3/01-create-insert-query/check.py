"""Checks of the first S3 exercise. Name and content of the delivery vary with the seed."""

import random

from sandbox.datasets import Dataset
from sandbox.grading import Mismatch, Missing, check

FOLDERS = (
    "athena/",
    "emr/files/",
    "emr/input/",
    "emr/logs/",
    "emr/output/",
    "processedData/",
    "scriptLocation/",
    "tmpDir/",
)


def prepare(ctx):
    """The bucket of the delivery, with one file."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    name = f"stock-{draw.randrange(10000, 100000)}.csv"
    lines = [f"{product},{draw.randrange(100, 10000)}" for product in draw.sample(range(707, 1000), 6)]
    bucket = f"delivery-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=name, Body="".join(f"{line}\n" for line in lines).encode())
    return {"name": name, "lines": lines}


def _bucket(ctx):
    return f"course-data-{ctx.endpoint.user}"


def _keys(ctx):
    s3 = ctx.connection.client("s3")
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=_bucket(ctx))
        return [found["Key"] for page in pages for found in page.get("Contents", ())]
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {_bucket(ctx)}") from None


def _content(ctx, key):
    s3 = ctx.connection.client("s3")
    try:
        return s3.get_object(Bucket=_bucket(ctx), Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        raise Missing(f"Object {key}") from None


@check(points=1)
def bucket_made(ctx):
    """The bucket `course-data-<account>` is there."""
    _keys(ctx)


@check(points=2, after=[bucket_made])
def folders_made(ctx):
    """It has the folders of the course."""
    keys = _keys(ctx)
    for folder in FOLDERS:
        if not any(key.startswith(folder) for key in keys):
            raise Missing(f"Folder {folder}")


@check(points=3, after=[bucket_made])
def files_uploaded(ctx):
    """The three files lie under `rawData/`, each in its own folder, unchanged."""
    for table in ("customers", "employees", "orders"):
        key = f"rawData/{table}/{table}.csv"
        found, right = _content(ctx, key), Dataset.course().path(table).read_bytes()
        if found != right:
            raise Mismatch(f"The size of {key}", expected=len(right), found=len(found))


@check(points=2, after=[bucket_made])
def delivery_brought_in(ctx):
    """The delivered file lies in `processedData/` under its own name, with its content."""
    found = _content(ctx, f"processedData/{ctx.given['name']}").decode("utf-8", errors="replace")
    if found.split() != ctx.given["lines"]:
        raise Mismatch("The copied delivery", expected="its content", found=found[:100])


@check(points=2)
def delivery_shown(ctx):
    """The content of the delivered file was printed."""
    printed = ctx.output.split()
    for line in ctx.given["lines"]:
        if line not in printed:
            raise Missing("A line of the delivered file in what was printed")

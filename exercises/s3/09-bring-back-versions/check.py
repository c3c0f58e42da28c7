"""Checks: versions and delete markers. All of it varies with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

ORDERS = "rawData/orders/orders.csv"


def prepare(ctx):
    """A file with good versions and then faulty ones; removed files, some of them for good reason."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    ledger, notes = (f"{word}-{ctx.endpoint.user}" for word in ("ledger", "notes"))
    for bucket in (ledger, notes):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=ledger, VersioningConfiguration={"Status": "Enabled"})

    def put(key, writer):
        # All of the same length: the size tells nothing.
        body = f"{draw.randrange(10**9, 10**10)},{draw.randrange(10**9, 10**10)}\n".encode()
        s3.put_object(Bucket=ledger, Key=key, Body=body, Metadata={"writer": writer})
        return body

    good = [put(ORDERS, draw.choice(("till", "web"))) for _ in range(draw.randrange(2, 4))][-1]
    for _ in range(draw.randrange(2, 4)):
        put(ORDERS, "night-import")
    days = draw.sample(range(100, 366), 5)
    keys = [f"processedData/day-{day}.csv" for day in days]
    contents = {}
    for key in keys:
        put(key, "report")
        contents[key] = put(key, "report")
    for key in keys[:4]:
        s3.delete_object(Bucket=ledger, Key=key)
    by_job = keys[:2]
    (ctx.files / "removed-by-job.txt").write_text("".join(f"{key}\n" for key in by_job))
    versions = {v["VersionId"] for v in s3.list_object_versions(Bucket=ledger)["Versions"]}
    return {
        "ledger": ledger,
        "notes": notes,
        "good": good,
        "back": {key: contents[key] for key in by_job},
        "gone": keys[2:4],
        "versions": versions,
    }


def _content(ctx, key):
    """What is under a key now; None when there is nothing."""
    s3 = ctx.connection.client("s3")
    try:
        return s3.get_object(Bucket=ctx.given["ledger"], Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {ctx.given['ledger']}, which was there before,") from None


@check(points=3)
def overwritten_is_back(ctx):
    """`rawData/orders/orders.csv` has the content of its last good version."""
    found = _content(ctx, ORDERS)
    if found is None:
        raise Missing(f"Object {ORDERS}")
    if found != ctx.given["good"]:
        raise Mismatch(f"The content of {ORDERS}", expected="that of the last good version", found="another")


@check(points=2, after=[overwritten_is_back])
def history_kept(ctx):
    """All versions that were there are still there, the faulty ones too."""
    s3 = ctx.connection.client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=ctx.given["ledger"])
    found = {version["VersionId"] for page in pages for version in page.get("Versions", ())}
    lost = len(ctx.given["versions"] - found)
    if lost:
        raise Missing(f"{lost} of the {len(ctx.given['versions'])} versions that were there")


@check(points=3)
def removed_is_back(ctx):
    """What the job removed is back as it was, and what people removed is not."""
    for key, right in ctx.given["back"].items():
        found = _content(ctx, key)
        if found is None:
            raise Missing(f"Object {key}")
        if found != right:
            raise Mismatch(f"The content of {key}", expected="that before its removal", found="another one")
    for key in ctx.given["gone"]:
        if _content(ctx, key) is not None:
            raise Mismatch(f"{key}, which was removed by people,", expected="not there", found="there")


@check(points=2)
def notes_protected(ctx):
    """The bucket `notes-<account>` keeps versions."""
    s3 = ctx.connection.client("s3")
    try:
        found = s3.get_bucket_versioning(Bucket=ctx.given["notes"]).get("Status", "off")
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {ctx.given['notes']}, which was there before,") from None
    if found != "Enabled":
        raise Mismatch("Versioning of the bucket for notes", expected="Enabled", found=found)

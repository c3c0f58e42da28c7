"""Checks: multipart uploads. Contents and the missing part vary with the seed."""

import hashlib
import random

from sandbox.grading import Mismatch, Missing, check

PART = 5 << 20
BROKEN, NEW = "video/broken.bin", "video/new.bin"


def prepare(ctx):
    """Two files; one upload that lacks a part, another one that is of no use."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    bucket = f"media-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    contents = {}
    for name, parts in (("broken.bin", 2), ("new.bin", 1)):
        # Random enough to tell parts apart, and quickly made.
        block = draw.randbytes(4096)
        whole = block * (parts * PART // 4096) + draw.randbytes(draw.randrange(1000, 90000))
        contents[name] = whole
        (ctx.files / name).write_bytes(whole)
    missing = draw.randrange(1, 4)
    # Nobody can ask an unfinished upload for its metadata: it tells whether this one was completed.
    about = {"camera": str(draw.randrange(1000, 10000))}
    begun = s3.create_multipart_upload(Bucket=bucket, Key=BROKEN, ContentType="video/mp4", Metadata=about)
    other = s3.create_multipart_upload(Bucket=bucket, Key=f"video/old-{draw.randrange(100, 999)}.bin")
    for number in (1, 2, 3):
        if number != missing:
            part = contents["broken.bin"][(number - 1) * PART : number * PART]
            at = {"Bucket": bucket, "Key": BROKEN, "UploadId": begun["UploadId"]}
            s3.upload_part(**at, PartNumber=number, Body=part)
    s3.upload_part(
        Bucket=bucket, Key=other["Key"], UploadId=other["UploadId"], PartNumber=1, Body=b"x" * 1000
    )
    sums = {name: hashlib.sha256(whole).hexdigest() for name, whole in contents.items()}
    return {"bucket": bucket, "sums": sums, "about": about}


def _head(ctx, key):
    s3 = ctx.connection.client("s3")
    try:
        return s3.head_object(Bucket=ctx.given["bucket"], Key=key)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise
        raise Missing(f"Object {key}") from None


def _compare(ctx, key, name):
    _head(ctx, key)
    digest, size = hashlib.sha256(), 0
    body = ctx.connection.client("s3").get_object(Bucket=ctx.given["bucket"], Key=key)["Body"]
    for chunk in body.iter_chunks(1 << 20):
        digest.update(chunk)
        size += len(chunk)
    if digest.hexdigest() != ctx.given["sums"][name]:
        raise Mismatch(f"The content of {key}", expected=f"that of {name}", found=f"{size} other bytes")


def _parts(found):
    """How many parts an object consists of, by its ETag: <digest>-<parts>; 0 when it was put as a whole."""
    _, _, parts = found["ETag"].strip('"').partition("-")
    return int(parts or 0)


@check(points=2)
def broken_content(ctx):
    """`video/broken.bin` has the content of the file."""
    _compare(ctx, BROKEN, "broken.bin")


@check(points=3, after=[broken_content])
def broken_one_finished(ctx):
    """It came of the upload that had been begun, in three parts."""
    found = _head(ctx, BROKEN)
    if _parts(found) != 3:
        raise Mismatch(f"The parts of {BROKEN}", expected=3, found=_parts(found) or "one piece")
    if found["Metadata"] != ctx.given["about"]:
        raise Mismatch(f"The upload of {BROKEN}", expected="the one that was begun", found="another one")


@check(points=2)
def new_content(ctx):
    """`video/new.bin` has the content of the file."""
    _compare(ctx, NEW, "new.bin")


@check(points=1, after=[new_content])
def in_parts(ctx):
    """It was uploaded in two parts."""
    parts = _parts(_head(ctx, NEW))
    if parts != 2:
        raise Mismatch(f"The parts of {NEW}", expected=2, found=parts or "one piece")


@check(points=2)
def nothing_left(ctx):
    """No unfinished upload is left in the bucket."""
    s3 = ctx.connection.client("s3")
    try:
        left = s3.list_multipart_uploads(Bucket=ctx.given["bucket"]).get("Uploads", ())
    except s3.exceptions.NoSuchBucket:
        raise Missing(f"Bucket {ctx.given['bucket']}, which was there before,") from None
    if left:
        raise Mismatch("Unfinished uploads", expected=0, found=sorted(each["Key"] for each in left))

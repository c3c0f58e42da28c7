"""Checks: what the rules would do with objects of any age. The days vary with the seed.

How rules work together: "Lifecycle configuration elements" and "Examples of overlapping filters" of the S3
user guide: the shortest expiration counts; of several transitions due the cheapest class does.
"""

import json
import random

from sandbox.grading import Mismatch, Missing, check

CLASSES = ("STANDARD", "STANDARD_IA", "GLACIER")
SIZE = 1 << 20


def prepare(ctx):
    """The bucket with versions, and the days."""
    s3 = ctx.connection.client("s3")
    bucket = f"course-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    draw = random.Random(ctx.seed)
    days = {
        "to_ia": draw.randrange(31, 60),
        "to_glacier": draw.randrange(100, 200),
        "scratch": draw.randrange(9, 20),
        "tagged": draw.randrange(3, 8),
        "versions": draw.randrange(21, 90),
        "uploads": draw.randrange(2, 14),
    }
    (ctx.files / "days.json").write_text(json.dumps(days, indent=2))
    return {"bucket": bucket, "days": days}


def _rules(ctx):
    s3 = ctx.connection.client("s3")
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=ctx.given["bucket"])["Rules"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            raise Missing("A lifecycle rule of the bucket") from None
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise Missing(f"Bucket {ctx.given['bucket']}, which was there before,") from None
        raise
    return [rule for rule in rules if rule["Status"] == "Enabled"]


def _holds(rule, key, tags):
    """Whether a rule is for an object, by its filter in any of its forms."""
    given = rule.get("Filter")
    if given is None:
        return key.startswith(rule.get("Prefix", ""))
    both = given.get("And", given)
    wanted = [*both.get("Tags", ()), *([both["Tag"]] if "Tag" in both else ())]
    return (
        key.startswith(both.get("Prefix", ""))
        and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)
        and both.get("ObjectSizeGreaterThan", -1) < SIZE < both.get("ObjectSizeLessThan", SIZE + 1)
    )


def _fate(rules, key, age, tags=None):
    """The storage class of an object of that age in days, or "gone"."""
    found = "STANDARD"
    for rule in rules:
        if not _holds(rule, key, tags or {}):
            continue
        days = rule.get("Expiration", {}).get("Days")
        if days is not None and age >= days:
            return "gone"
        for move in rule.get("Transitions", ()):
            due = "Days" in move and age >= move["Days"]
            cheaper = move["StorageClass"] not in CLASSES or CLASSES.index(
                move["StorageClass"]
            ) > CLASSES.index(found if found in CLASSES else "STANDARD")
            if due and cheaper:
                found = move["StorageClass"]
    return found


def _compare(ctx, key, expected, tags=None):
    """``expected``: what becomes of the object at each age in days."""
    rules = _rules(ctx)
    for age, fate in expected.items():
        found = _fate(rules, key, age, tags)
        if found != fate:
            of = f"{key}{' with the tag keep=short' if tags else ''} after {age} days"
            raise Mismatch(f"What becomes of {of}", expected=fate, found=found)


@check(points=3)
def raw_data(ctx):
    """Objects below `rawData/` move to `STANDARD_IA` and to `GLACIER` in their time, and stay."""
    first, second = ctx.given["days"]["to_ia"], ctx.given["days"]["to_glacier"]
    for key in ("rawData/orders/orders.csv", "rawData/x"):
        expected = {
            0: "STANDARD",
            first - 1: "STANDARD",
            first: "STANDARD_IA",
            second - 1: "STANDARD_IA",
            second: "GLACIER",
            9999: "GLACIER",
        }
        _compare(ctx, key, expected)


@check(points=2)
def scratch(ctx):
    """Objects below `tmpDir/` are removed in their time, and those of `tmpDirectory/` never."""
    days = ctx.given["days"]["scratch"]
    _compare(ctx, "tmpDir/a/b.tmp", {0: "STANDARD", days - 1: "STANDARD", days: "gone"})
    _compare(ctx, "tmpDirectory/a.tmp", {days: "STANDARD"})


@check(points=2)
def tagged_ones(ctx):
    """Objects with the tag `keep=short` are removed in their time, wherever they are."""
    days, tags = ctx.given["days"]["tagged"], {"keep": "short", "owner": "hr"}
    for key in ("processedData/x.csv", "rawData/orders/x.csv", "tmpDir/x", "x"):
        _compare(ctx, key, {days - 1: "STANDARD", days: "gone"}, tags)


@check(points=2)
def leftovers(ctx):
    """Older versions and unfinished uploads are removed in their time, in the whole bucket."""
    rules, days = _rules(ctx), ctx.given["days"]
    for key in ("rawData/orders/orders.csv", "processedData/x.csv"):
        holding = [rule for rule in rules if _holds(rule, key, {})]
        versions = [rule.get("NoncurrentVersionExpiration", {}) for rule in holding]
        uploads = [rule.get("AbortIncompleteMultipartUpload", {}) for rule in holding]
        after = {
            # Rules that keep some newer versions remove less than all.
            "older versions": [
                v.get("NoncurrentDays") for v in versions if not v.get("NewerNoncurrentVersions")
            ],
            "unfinished uploads": [each.get("DaysAfterInitiation") for each in uploads],
        }
        for (what, found), expected in zip(after.items(), (days["versions"], days["uploads"]), strict=True):
            first = min((each for each in found if each is not None), default=None)
            if first != expected:
                raise Mismatch(f"Days after which {what} of {key} go", expected=expected, found=first)


@check(points=1)
def nothing_else(ctx):
    """Nothing else moves or goes, however old it is."""
    for key in ("processedData/x.csv", "tmpDirectory/a.tmp", "rawDataOld/x.csv", "athena/x"):
        _compare(ctx, key, {9999: "STANDARD"})
        _compare(ctx, key, {9999: "STANDARD"}, {"keep": "long"})

"""Checks: what lies in the buckets was found. All of it varies with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    """Three buckets with objects at different depths; the largest one is not the last of a listing."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    buckets = {}
    for word in ("backup", "media", "reports"):
        name = f"{word}-{draw.randrange(1000, 10000)}-{ctx.endpoint.user}"
        folders = ["", "2013/", "2014/05/", "2014/06/"]
        keys = [f"{draw.choice(folders)}{word}-{n}.bin" for n in draw.sample(range(100, 1000), 6)]
        keys.append(f"2014/{word}.bin")
        buckets[name] = {key: draw.randrange(500, 20000) for key in keys}
    chosen = draw.choice(sorted(buckets))
    largest = sorted(buckets[chosen])[draw.randrange(3)]
    buckets[chosen][largest] = draw.randrange(20001, 30000)
    for name, objects in buckets.items():
        s3.create_bucket(Bucket=name)
        for key, size in objects.items():
            s3.put_object(Bucket=name, Key=key, Body=b"x" * size)
    return {"buckets": buckets, "largest": (chosen, largest)}


def _lines(ctx):
    found = {}
    for line in ctx.output.splitlines():
        for name in ctx.given["buckets"]:
            after = re.search(rf"{name}\W+(\d+)\W+(\d+)\W*$", line)
            if after:
                found[name] = (int(after[1]), int(after[2]))
    lost = len(ctx.given["buckets"]) - len(found)
    if lost:
        raise Missing(f"The line of {lost} of the {len(ctx.given['buckets'])} buckets")
    return found


@check(points=3)
def objects_counted(ctx):
    """Every bucket has a line with its name, and the number of its objects in it."""
    for name, (count, _) in _lines(ctx).items():
        right = len(ctx.given["buckets"][name])
        if count != right:
            raise Mismatch(f"The objects of {name}", expected=right, found=count, show_expected=False)


@check(points=3)
def bytes_added(ctx):
    """The line of every bucket ends with the sum of the sizes of its objects."""
    for name, (_, size) in _lines(ctx).items():
        right = sum(ctx.given["buckets"][name].values())
        if size != right:
            raise Mismatch(f"The bytes in {name}", expected=right, found=size, show_expected=False)


@check(points=4)
def largest_tagged(ctx):
    """The largest object has the tag `state=checked`, and no other object has it."""
    s3 = ctx.connection.client("s3")
    tagged = []
    for name, objects in ctx.given["buckets"].items():
        for key in objects:
            try:
                tags = s3.get_object_tagging(Bucket=name, Key=key)["TagSet"]
            except (s3.exceptions.NoSuchBucket, s3.exceptions.NoSuchKey):
                raise Missing(f"The object {key} in {name}, which was there before,") from None
            if {"Key": "state", "Value": "checked"} in tags:
                tagged.append((name, key))
    if not tagged:
        raise Missing("The tag state=checked on an object")
    if tagged != [ctx.given["largest"]]:
        raise Mismatch(
            "The objects with the tag",
            expected=ctx.given["largest"],
            found=[f"{name}/{key}" for name, key in tagged[:3]],
            show_expected=False,
        )

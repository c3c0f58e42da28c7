"""Checks: listings by prefix and in pages, a range. All of it varies with the seed."""

import json
import random
import re
from concurrent.futures import ThreadPoolExecutor

from sandbox.grading import Mismatch, Missing, check

PAGE = 40


def prepare(ctx):
    """A bucket with some 110 objects of three programs; half of them below orders/."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    bucket = f"archive-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    tags = [{"Key": "sandbox:page-size", "Value": str(PAGE)}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    years = sorted(draw.sample(range(2001, 2020), 5))
    # More than 40 in all, so that the last year is not on the first page.
    per_year = [draw.randrange(12, 18) for _ in years]
    keys = [
        f"orders/{year}/part-{n:05}.csv"
        for year, count in zip(years, per_year, strict=True)
        for n in draw.sample(range(100000), count)
    ]
    sizes = {key: draw.randrange(5, 300) for key in keys}
    for program in ("orders-test", "visits"):
        for n in range(14):
            sizes[f"{program}/{draw.randrange(1990, 2001)}/part-{n:05}.csv"] = draw.randrange(5, 300)
    lines = [
        f"{draw.randrange(40000, 80000)},{draw.choice((293, 295, 297))},{draw.randrange(10, 9999)}"
        for _ in range(600)
    ]
    chosen, big = draw.randrange(200, 500), draw.choice(keys)
    content = "".join(f"{line}\n" for line in lines)
    first = len("".join(f"{line}\n" for line in lines[:chosen]))
    bodies = {key: b"x" * size for key, size in sizes.items()}
    bodies[big] = content.encode()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=bodies[key]), bodies))
    last = first + len(lines[chosen]) - 1
    (ctx.files / "piece.json").write_text(json.dumps({"key": big, "first": first, "last": last}))
    return {
        "years": years,
        "count": len(keys),
        "bytes": sum(len(bodies[key]) for key in keys),
        "piece": lines[chosen],
    }


def _told(ctx, word):
    found = re.search(rf"^\W*{word}\b\W*(.*)$", ctx.output, re.MULTILINE | re.IGNORECASE)
    if not found:
        raise Missing(f"A line with {word}: in what was printed")
    return found[1].strip()


@check(points=3)
def folders_told(ctx):
    """The years of the program `orders` were printed, ascending."""
    found = [int(each) for each in re.findall(r"\d+", _told(ctx, "years"))]
    if found != ctx.given["years"]:
        raise Mismatch("The years", expected=ctx.given["years"], found=found, show_expected=False)


@check(points=4)
def total_told(ctx):
    """The number of the objects below `orders/` and the sum of their bytes were printed."""
    found = [int(each) for each in re.findall(r"\d+", _told(ctx, "total"))]
    right = [ctx.given["count"], ctx.given["bytes"]]
    if found != right:
        raise Mismatch("Objects and bytes", expected=right, found=found, show_expected=False)


@check(points=3)
def piece_told(ctx):
    """The piece of the object was printed, and no more."""
    found = _told(ctx, "piece").strip("'\"")
    if found != ctx.given["piece"]:
        raise Mismatch("The piece", expected=ctx.given["piece"], found=found[:40], show_expected=False)

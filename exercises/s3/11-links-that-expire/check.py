"""Checks: the links are used over HTTP, without keys. Names and times vary with the seed."""

import http.client
import json
import random
from urllib.parse import parse_qs, urlsplit

from sandbox.grading import Mismatch, Missing, check

PDF = {"Content-Type": "application/pdf"}


def prepare(ctx):
    """The bucket with the report and another one, and the request."""
    s3 = ctx.connection.client("s3")
    draw = random.Random(ctx.seed)
    bucket = f"exchange-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    numbers = draw.sample(range(1000, 10000), 3)
    report, other = (f"reports/{number}.pdf" for number in numbers[:2])
    content = draw.randbytes(300)
    s3.put_object(Bucket=bucket, Key=report, Body=content)
    s3.put_object(Bucket=bucket, Key=other, Body=b"secret")
    request = {
        "bucket": bucket,
        "report": report,
        "report_minutes": draw.randrange(5, 31),
        "reply": f"replies/{numbers[2]}.pdf",
        "reply_minutes": draw.randrange(31, 59),
    }
    (ctx.files / "request.json").write_text(json.dumps(request, indent=2))
    return {**request, "other": other, "content": content}


def _link(ctx, name):
    try:
        links = json.loads((ctx.work / "links.json").read_text())
    except FileNotFoundError:
        raise Missing("The file links.json") from None
    except ValueError:
        raise Mismatch("The file links.json", expected="JSON", found="something else") from None
    found = links.get(name) if isinstance(links, dict) else None
    if not isinstance(found, str) or not found:
        raise Missing(f"The link for the {name} in links.json")
    parts = urlsplit(found)
    try:
        port = parts.port
    except ValueError:
        port = None
    # Nothing but this service is called, whatever the file says.
    if parts.hostname not in ("127.0.0.1", "localhost") or port != ctx.endpoint.port:
        raise Mismatch(f"The address of the {name}", expected=ctx.endpoint.url, found=found[:60])
    return found


def _call(ctx, method, link, body=None, headers=None):
    """Status and content of an HTTP request without keys."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(ctx.endpoint.host, ctx.endpoint.port, timeout=60)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (ValueError, http.client.HTTPException):
        raise Mismatch("The link", expected="one that can be called", found=link[:60]) from None
    finally:
        connection.close()


@check(points=3)
def download(ctx):
    """The link for the download gets the report, and no other object."""
    link = _link(ctx, "download")
    status, content = _call(ctx, "GET", link)
    if status != 200:
        raise Mismatch("The answer to the download", expected=200, found=status)
    if content != ctx.given["content"]:
        raise Mismatch("What the download brings", expected="the report", found=f"{len(content)} other bytes")
    elsewhere = link.replace(ctx.given["report"], ctx.given["other"])
    status, _ = _call(ctx, "GET", elsewhere)
    if elsewhere == link or status == 200:
        raise Mismatch("The link with another report's name", expected="refused", found="accepted")


@check(points=3)
def upload(ctx):
    """The link for the upload puts the reply under its key."""
    s3, body = ctx.connection.client("s3"), f"reply {ctx.seed}".encode()
    status, said = _call(ctx, "PUT", _link(ctx, "upload"), body, PDF)
    if status != 200:
        raise Mismatch("The answer to the upload", expected=200, found=(status, said[:80]))
    try:
        found = s3.get_object(Bucket=ctx.given["bucket"], Key=ctx.given["reply"])
    except s3.exceptions.NoSuchKey:
        raise Missing(f"Object {ctx.given['reply']}, after the upload,") from None
    if found["Body"].read() != body:
        raise Mismatch("The content of the reply", expected="what was uploaded", found="something else")


@check(points=2, after=[download, upload])
def lifetimes(ctx):
    """Each of the links lives just as long as it may."""
    for name, which in (("download", "report"), ("upload", "reply")):
        query = parse_qs(urlsplit(_link(ctx, name)).query)
        seconds = query.get("X-Amz-Expires", [""])[0]
        if not seconds:
            raise Missing(f"X-Amz-Expires, which Signature Version 4 has, in the link for the {name}")
        minutes = ctx.given[f"{which}_minutes"]
        if seconds != str(60 * minutes):
            raise Mismatch(f"Seconds that the {name} lives", expected=60 * minutes, found=seconds)


@check(points=2, after=[upload])
def type_demanded(ctx):
    """The link for the upload takes nothing but `application/pdf`."""
    link = _link(ctx, "upload")
    for kind in ("text/html", "application/octet-stream"):
        status, _ = _call(ctx, "PUT", link, b"<html>", {"Content-Type": kind})
        if status == 200:
            raise Mismatch(f"The upload of {kind}", expected="refused", found="accepted")

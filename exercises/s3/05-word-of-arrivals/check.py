"""Checks: objects are put, copied and removed, and the queue is read."""

import json
import random
import time

from sandbox.grading import Mismatch, Missing, check

PATIENCE = 3.0
"""Seconds until a message counts as not sent; they come within milliseconds."""


def prepare(ctx):
    """The bucket, with a file in it."""
    s3 = ctx.connection.client("s3")
    bucket = f"inbox-{ctx.endpoint.user}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="outside/old.csv", Body=b"1,2\n")
    number = random.Random(ctx.seed).randrange(10000, 100000)
    return {"bucket": bucket, "new": f"rawData/orders/new-{number}.csv", "seen": []}


def _queue(ctx):
    sqs = ctx.connection.client("sqs")
    try:
        return sqs, sqs.get_queue_url(QueueName="arrivals")["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        raise Missing("The queue arrivals") from None


def _events(ctx, key=None):
    """(event, key) of all messages of objects so far; waits until one of the key has come."""
    sqs, url = _queue(ctx)
    seen = ctx.given["seen"]
    deadline = time.monotonic() + PATIENCE
    while True:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            try:
                body = json.loads(message["Body"])
            except ValueError:
                continue
            for record in body.get("Records", ()) if isinstance(body, dict) else ():
                seen.append((record["eventName"], record["s3"]["object"]["key"]))
        if any(each == key for _, each in seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.02)


def _statements(ctx):
    sqs, url = _queue(ctx)
    said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    if not said.get("Policy"):
        raise Missing("The policy of the queue")
    statements = json.loads(said["Policy"])["Statement"]
    return statements if isinstance(statements, list) else [statements]


@check(points=3)
def word_of_puts(ctx):
    """When a `.csv` file is put below `rawData/`, a message about it comes to the queue `arrivals`."""
    _queue(ctx)
    s3, bucket, key = ctx.connection.client("s3"), ctx.given["bucket"], ctx.given["new"]
    s3.put_object(Bucket=bucket, Key=key, Body=b"1,2\n")
    if not any(each == key for _, each in _events(ctx, key)):
        raise Missing(f"A message about {key}, which was just put,")


@check(points=2, after=[word_of_puts])
def word_of_copies(ctx):
    """A message comes also when such a file is made by copying."""
    s3, bucket = ctx.connection.client("s3"), ctx.given["bucket"]
    key = ctx.given["new"].replace("new", "copy")
    s3.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/outside/old.csv")
    if not any(each == key for _, each in _events(ctx, key)):
        raise Missing(f"A message about {key}, which was just copied,")


@check(points=3, after=[word_of_puts])
def no_other_word(ctx):
    """No message comes of other keys, nor of objects that are removed."""
    s3, bucket, new = ctx.connection.client("s3"), ctx.given["bucket"], ctx.given["new"]
    for key in ("rawData/orders/notes.txt", "tmpDir/orders.csv", "csv"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    s3.delete_object(Bucket=bucket, Key=new)
    # Messages come in the order of what happened: after this one nothing of before is on its way.
    last = new.replace("new", "last")
    s3.put_object(Bucket=bucket, Key=last, Body=b"1")
    for event, key in _events(ctx, last):
        if not key.startswith("rawData/") or not key.endswith(".csv"):
            raise Mismatch("A message", expected="none of this key", found=f"{event} {key}")
        if not event.removeprefix("s3:").startswith("ObjectCreated"):
            raise Mismatch("A message", expected="none of removed objects", found=f"{event} {key}")


@check(points=2, after=[word_of_puts])
def only_the_bucket_sends(ctx):
    """The queue's policy lets the service S3 send, for this bucket, and nobody else anything."""
    arn = f"arn:aws:s3:::{ctx.given['bucket']}"
    for statement in _statements(ctx):
        if statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        services = principal.get("Service") if isinstance(principal, dict) else principal
        if services not in ("s3.amazonaws.com", ["s3.amazonaws.com"]) or set(principal) != {"Service"}:
            raise Mismatch("Who may send", expected="the service s3.amazonaws.com", found=principal)
        actions = statement.get("Action")
        if [each.lower() for each in ([actions] if isinstance(actions, str) else actions or [])] != [
            "sqs:sendmessage"
        ]:
            raise Mismatch("What it may do", expected="sqs:SendMessage", found=actions)
        sources = [
            value
            for operator, given in statement.get("Condition", {}).items()
            if operator.lower().startswith(("arn", "string")) and "not" not in operator.lower()
            for name, value in given.items()
            if name.lower() == "aws:sourcearn"
        ]
        if sources not in ([arn], [[arn]]):
            raise Mismatch("The bucket that the policy names", expected=arn, found=sources)

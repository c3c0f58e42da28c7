"""Imported beforehand where answers start as forks: does once for all of them what is the same each time.

The first client of a service takes 0.1 s of processor time, nearly all of it for reading the service's
description; the first call takes another 10 ms. In a fork of a process that has done both, a sixth of that
is left. Nothing here connects anywhere.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Mapping
from typing import Any

import boto3
import boto3.dynamodb.conditions
import botocore.awsrequest
import botocore.config
import botocore.session

from sandbox.grading.keeping import botocore_once

CALLS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dynamodb": ("list_tables", {}),
    "kinesis": ("list_streams", {}),
    "s3": ("list_buckets", {}),
    "dynamodbstreams": ("list_streams", {}),
    "cloudwatch": ("list_metrics", {}),
    "iam": ("list_users", {}),
    "sqs": ("list_queues", {}),
}
"""The services that answers use, and a call of each."""
RESOURCES = ("dynamodb", "s3")


def _warm() -> None:
    # One loader for all sessions that look in the same places, as all clients of one session share theirs.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    botocore_once.share()
    core = botocore.session.get_session()
    core.set_config_variable("config_file", os.devnull)
    core.set_config_variable("credentials_file", os.devnull)
    session = boto3.session.Session(
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106 - of nobody
        region_name="us-east-1",
        botocore_session=core,
    )
    config = botocore.config.Config(proxies={}, retries={"total_max_attempts": 1})
    for name, (operation, arguments) in CALLS.items():
        client = session.client(name, endpoint_url="http://127.0.0.1:1", config=config)
        client.meta.events.register("before-send", _answer)
        # An answer without content is an error to some of them.
        with contextlib.suppress(Exception):
            getattr(client, operation)(**arguments)
        client.close()
    for name in RESOURCES:
        session.resource(name, endpoint_url="http://127.0.0.1:1", config=config)
    botocore_once.make_contexts()


def _answer(request: Any, **_: Any) -> Any:
    """In place of a server."""
    body = b"{}" if "json" in repr(request.headers.get("Content-Type")) else b"<answer/>"

    class Raw(io.BytesIO):
        def stream(self, **_: Any) -> Any:
            yield self.read()

    return botocore.awsrequest.AWSResponse(request.url, 200, {}, Raw(body))


_warm()

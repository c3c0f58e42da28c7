"""Who imitates AWS at an endpoint, and what is done through the services themselves where the imitator has no
path of its own for it, as MiniStack has."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

_HEALTH = (("/_ministack/health", "MiniStack"), ("/_localstack/health", "LocalStack"))
_localstack: dict[tuple[str, str], bool] = {}
MOST_KNOWN = 64


def told(endpoint: Endpoint) -> str:
    """``MiniStack 1.5.33``, ``LocalStack 4.14.0``, as the server says when asked now; empty for others."""
    found = ""
    for path, product in _HEALTH:
        number = _asked(endpoint, path).get("version")
        if number:
            found = f"{product} {number}"
            break
    if found:
        if len(_localstack) >= MOST_KNOWN:
            _localstack.clear()
        _localstack[endpoint.url, endpoint.password] = found.startswith("LocalStack")
    return found


def on_localstack(endpoint: Endpoint) -> bool:
    """Whether LocalStack serves it; asked once, and again whenever the version is."""
    key = (endpoint.url, endpoint.password)
    if key not in _localstack:
        told(endpoint)
    return _localstack.get(key, False)


def things(session: Any, *, streams: bool = True) -> list[Callable[[], Any]]:
    """What an account has in DynamoDB, Kinesis and S3: a function for each thing that deletes it. Without
    ``streams`` Kinesis is not asked: LocalStack starts a process of some 90 MiB for each account that is."""
    from sandbox.engines.aws_load import drop_bucket, drop_stream, drop_table

    found: list[Callable[[], Any]] = []
    dynamodb, s3 = session.client("dynamodb"), session.client("s3")
    for page in dynamodb.get_paginator("list_tables").paginate():
        found += [_bound(drop_table, dynamodb, name) for name in page["TableNames"]]
    if streams:
        kinesis = session.client("kinesis")
        for page in kinesis.get_paginator("list_streams").paginate():
            found += [_bound(drop_stream, kinesis, name) for name in page["StreamNames"]]
    found += [_bound(drop_bucket, s3, bucket["Name"]) for bucket in s3.list_buckets().get("Buckets", ())]
    return found


def drop_on_localstack(session: Any, endpoint: Endpoint, *, streams: bool = True) -> None:
    """Delete what an account has in the three services, and its queues, topics and alarms; only services that
    somebody has used are asked, because asking one starts it."""
    for drop in things(session, streams=streams):
        drop()
    used = {
        k for k, state in _asked(endpoint, _HEALTH[1][0]).get("services", {}).items() if state == "running"
    }
    if "sqs" in used:
        sqs = session.client("sqs")
        for url in sqs.list_queues().get("QueueUrls", ()):
            sqs.delete_queue(QueueUrl=url)
    if "sns" in used:
        sns = session.client("sns")
        for topic in sns.list_topics()["Topics"]:
            sns.delete_topic(TopicArn=topic["TopicArn"])
    if "cloudwatch" in used:
        cloudwatch = session.client("cloudwatch")
        names = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]
        if names:
            cloudwatch.delete_alarms(AlarmNames=names)


def _bound(drop: Callable[[Any, str], None], client: Any, name: str) -> Callable[[], Any]:
    return lambda: drop(client, name)


def _asked(endpoint: Endpoint, path: str) -> dict[str, Any]:
    https = endpoint.url.startswith("https")
    kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
    connection = kind(endpoint.host, endpoint.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {endpoint.password}"})
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return found if isinstance(found, dict) else {}

"""Changes to MiniStack 1.5.33, made in its own process before and after its services are imported.

Runs inside MiniStack's environment like :mod:`.aws_server`, and imports nothing of this project.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

PAGE_SIZE = "sandbox:page-size"
"""A bucket with this tag lists no more keys in one answer than the tag's value says. The API allows it: an
answer has 1,000 keys at most and may have fewer (ListObjectsV2, MaxKeys)."""

PROTOCOLS = {
    "dynamodb": ("json", "1.0"),
    "dynamodbstreams": ("json", "1.0"),
    "kinesis": ("json", "1.1"),
    "iam": ("query", ""),
    "sts": ("query", ""),
}
"""Protocol and JSON version from the service models of botocore, for the content type of answers."""


@functools.lru_cache(1000)
def account_secret(secret: str, account: str, default_account: str) -> str:
    """The secret key of an account. Also in ``sandbox.engines.aws``, which must say the same."""
    if account == default_account:
        return secret
    digest = hmac.new(secret.encode(), account.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest)[:40].decode()


def check_signatures(secret: str, default_account: str) -> None:
    """Have MiniStack check the signature of account keys as it checks those of IAM users."""
    import dataclasses

    from ministack.core import iam_evaluator

    resolve = iam_evaluator.resolve_credential

    def resolve_with_secret(access_key_id: str, account_id: Any = None, *rest: Any, **more: Any) -> Any:
        found = resolve(access_key_id, account_id, *rest, **more)
        if getattr(found, "principal_type", "") == "Root":
            own = account_secret(secret, found.account_id, default_account)
            return dataclasses.replace(found, secret_access_key=own)
        return found

    # Before the services are imported: they take these by name.
    iam_evaluator.resolve_credential = resolve_with_secret
    iam_evaluator._is_root_key = lambda access_key_id: not access_key_id


def know_protocols() -> None:
    """Spare MiniStack the import of botocore (0.1 s, 15 MB) that it asks for the protocols above alone."""
    from ministack.core import responses

    look_up = responses._service_model

    def service_model(service: str) -> Any:
        if service not in PROTOCOLS:
            return look_up(service)
        protocol, version = PROTOCOLS[service]
        return SimpleNamespace(metadata={"protocol": protocol, "jsonVersion": version})

    responses._service_model = service_model


def page_listings() -> None:
    """Cut listings of buckets with the tag :data:`PAGE_SIZE` into pages."""
    from ministack.services import s3

    def paged(listing: Any) -> Any:
        @functools.wraps(listing)
        def answer(bucket: str, params: dict[str, Any]) -> Any:
            size = str((s3._bucket_tags.get(bucket) or {}).get(PAGE_SIZE, ""))
            asked = str(s3._qp(params, "max-keys", "1000"))
            if size.isdecimal() and asked.isdecimal() and int(size) < int(asked):
                params = {**params, "max-keys": [size]}
            return listing(bucket, params)

        return answer

    s3._list_objects_v1, s3._list_objects_v2 = paged(s3._list_objects_v1), paged(s3._list_objects_v2)


def mend_key_conditions() -> None:
    """Take the brackets off a key condition that is in brackets as a whole, as boto3's ``Key(..) & Key(..)``
    writes it: MiniStack does not cut such a one, and refuses ``begins_with`` beside a numeric key."""
    from ministack.services import dynamodb

    cut = dynamodb._key_condition_clauses

    def clauses(tokens: list[Any]) -> list[Any]:
        bare = [token for token in tokens if token[0] != "EOF"]
        while _wrapped(bare):
            bare = bare[1:-1]
        return list(cut(bare))

    dynamodb._key_condition_clauses = clauses


def _wrapped(tokens: list[Any]) -> bool:
    """Whether the first bracket is closed by the last token."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token[0] == "LPAREN") - (token[0] == "RPAREN")
        if depth == 0:
            return token[0] == "RPAREN" and place == len(tokens) - 1
    return False

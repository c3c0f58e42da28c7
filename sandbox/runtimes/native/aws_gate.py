"""Who may ask MiniStack for what: every request passes here first.

- Unsigned requests are refused, and ``/_ministack/...`` asks for the secret as a bearer token.
- ``DELETE /_ministack/accounts/<number>`` forgets all that an account has, whatever the service. ``GET``
  tells how often it has asked for each operation since, of services that name it in a header (DynamoDB,
  Kinesis); the account's own secret will do for that.
- ``PUT /_ministack/accounts/<number>/kept/<hex>`` keeps what an account has under a name, ``POST`` gives it
  to another (:mod:`.aws_copies`) and answers whether there was anything; ``GET`` tells whether the account
  has anything. What was given so is a test's, and is not saved.
- ``POST /_ministack/save`` answers once all that was answered before is saved.

Runs inside MiniStack's environment like :mod:`.aws_server`, and imports nothing of this project.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import functools
import hmac
import json
import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from sandbox.runtimes.native.aws_save import Saver

OFFERED = "dynamodb,dynamodbstreams,kinesis,s3,sts,iam,kms,sqs,sns,events,logs,monitoring,firehose"
"""What is switched on: the three services, and what they work with. Others would only seem to work."""

SIGNING_NAMES = {"dynamodbstreams": "dynamodb"}
"""Where the name in a signature is not the service's own."""

READS = re.compile(r"(Get|List|Describe|Query|Scan|BatchGet|TransactGet|Search|Head|SubscribeToShard)")
"""What names of operations that change nothing begin with. All others are taken to change something."""

ACCOUNT_PATH = re.compile(r"/_ministack/accounts/(\d{12})")
KEPT_PATH = re.compile(r"/_ministack/accounts/(\d{12})/kept/([0-9a-f]{8,64})")


class Gate:
    """The ASGI application: refuses what is unsigned, notes what changes, and hands on to MiniStack."""

    def __init__(self, app: Any, saver: Saver, secret: str) -> None:
        self.app, self.saver = app, saver
        self.token = f"Bearer {secret}".encode()
        self.secret = secret
        self.offered = sorted({SIGNING_NAMES.get(name, name) for name in OFFERED.split(",")})
        self.asked: dict[str, Counter[str]] = {}
        """Operations by account."""
        self.emptied: set[str] = set()
        """Accounts of answers."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"")
        refuse = functools.partial(_refuse, send, headers)
        if scope["path"].startswith(("/_ministack", "/_localstack", "/_aws")):
            account = ACCOUNT_PATH.fullmatch(scope["path"])
            if account and scope["method"] == "GET" and self._own(account[1], authorization):
                counts = json.dumps(self.asked.get(account[1], {})).encode()
                kind = [(b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": 200, "headers": kind})
                await send({"type": "http.response.body", "body": counts})
                return
            if not hmac.compare_digest(authorization, self.token):
                await refuse("AccessDenied", "This path is the administrator's.")
                return
            if scope["path"] == "/_ministack/save" and scope["method"] == "POST":
                await self.saver.save_now()
                await send({"type": "http.response.start", "status": 204, "headers": []})
                await send({"type": "http.response.body"})
                return
            kept = KEPT_PATH.fullmatch(scope["path"])
            if kept and scope["method"] in ("PUT", "POST", "GET"):
                await self._kept(scope["method"], kept[1], kept[2], send)
                return
            if account and scope["method"] == "DELETE":
                import aws_copies

                saved = account[1] not in aws_copies.passing
                await asyncio.to_thread(aws_copies.forget, account[1])
                self.asked.pop(account[1], None)
                self.emptied.add(account[1])
                if saved:
                    self.saver.note(soon=self._soon(account[1]))
                await send({"type": "http.response.start", "status": 204, "headers": []})
                await send({"type": "http.response.body"})
                return
        elif not authorization and scope["method"] != "OPTIONS" and not _signed_query(scope["query_string"]):
            await refuse("MissingAuthenticationToken", "Request is missing Authentication Token")
            return
        elif (service := _signed_for(authorization)) and service not in self.offered:
            said = f"The service {service} is not part of this sandbox. It has: {', '.join(self.offered)}."
            await refuse("NotImplemented", said, status=501)
            return
        named = re.search(rb"Credential=(\d{12})/", authorization)
        caller = named[1].decode() if named else ""
        self._count(caller, headers)
        if not _changes(scope, headers):
            await self.app(scope, receive, send)
            return
        if not self.saver.durable:
            try:
                await self.app(scope, receive, send)
            finally:
                self.saver.note(soon=self._soon(caller))
            return
        held: list[Any] = []

        async def hold(message: Any) -> None:
            held.append(message)

        try:
            await self.app(scope, receive, hold)
        finally:
            self.saver.note()
        await self.saver.saved()
        for message in held:
            await send(message)

    async def _kept(self, method: str, account: str, name: str, send: Any) -> None:
        import aws_copies

        if method == "PUT":
            await asyncio.to_thread(aws_copies.keep, account, name)
            found = True
        elif method == "GET":
            found = aws_copies.holds(account)
        else:
            # In this thread: no request sees half of it.
            found = aws_copies.fill(account, name)
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    def _own(self, account: str, authorization: bytes) -> bool:
        import aws_mend

        own = aws_mend.account_secret(self.secret, account, os.environ["MINISTACK_ACCOUNT_ID"])
        return hmac.compare_digest(authorization, f"Bearer {own}".encode())

    def _soon(self, account: str) -> bool:
        """Whether a change in an account is to be saved soon."""
        return account not in self.emptied or account == os.environ["MINISTACK_ACCOUNT_ID"]

    def _count(self, account: str, headers: dict[bytes, bytes]) -> None:
        _, _, operation = headers.get(b"x-amz-target", b"").partition(b".")
        if account and re.fullmatch(rb"[A-Za-z]{1,64}", operation):
            self.asked.setdefault(account, Counter())[operation.decode()] += 1


def _signed_query(query: bytes) -> bool:
    names = {name.lower() for name in parse_qs(query.decode("latin-1"), keep_blank_values=True)}
    return bool(names & {"x-amz-signature", "signature"})


def _signed_for(authorization: bytes) -> str:
    """The service in the scope of a signature: ``Credential=<key>/<day>/<region>/<service>/aws4_request``."""
    found = re.search(rb"Credential=[^/,]*/[^/,]*/[^/,]*/([^/,]*)/", authorization)
    return found[1].decode("latin-1") if found else ""


def _changes(scope: Any, headers: dict[bytes, bytes]) -> bool:
    if scope["path"] == "/_ministack/health":
        return False
    if target := headers.get(b"x-amz-target"):
        return READS.match(target.decode("latin-1").rpartition(".")[2]) is None
    return scope["method"] not in ("GET", "HEAD", "OPTIONS")


async def _refuse(
    send: Any, headers: dict[bytes, bytes], code: str, message: str, *, status: int = 403
) -> None:
    # Errors are XML for S3 and, within one element more, for clients that send forms (the Query protocol).
    as_form = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
    as_xml = as_form or _signed_for(headers.get(b"authorization", b"")) in ("", "s3")
    if as_xml:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        kind, body = b"text/xml", f"<ErrorResponse>{error}</ErrorResponse>" if as_form else error
    else:
        kind, body = b"application/x-amz-json-1.0", json.dumps({"__type": code, "message": message})
    answer = [(b"content-type", kind), (b"x-amzn-errortype", code.encode())]
    await send({"type": "http.response.start", "status": status, "headers": answer})
    await send({"type": "http.response.body", "body": body.encode()})

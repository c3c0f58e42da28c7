"""AWS: DynamoDB, Kinesis and S3 behind one address, served by MiniStack.

The access key is an account id of twelve digits, and every account is apart from the others as in AWS: its
own tables, streams and buckets, and a secret key of its own. The dataset lies in account ``000000000000``;
each attempt at an exercise has an account of its own. Names of buckets are shared by all accounts, as in AWS.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials, Engine
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

ACCOUNT = "000000000000"
REGION = "us-east-1"

_SERVICES = ("dynamodb", "kinesis", "s3")


def account_secret(secret: str, account: str) -> str:
    """The secret key of an account, from that of account :data:`ACCOUNT`. The server derives it the same way
    (``sandbox/runtimes/native/aws_mend.py``): who holds one account's secret cannot use another account."""
    if account == ACCOUNT:
        return secret
    digest = hmac.new(secret.encode(), account.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest)[:40].decode()


def account_of(attempt: Attempt) -> str:
    """The account id of an attempt: twelve digits, never :data:`ACCOUNT`."""
    digest = hashlib.sha256(f"{attempt.exercise} {attempt.key}".encode()).digest()
    return str(10**11 + int.from_bytes(digest[:8]) % (9 * 10**11))


class Aws(Engine):
    """MiniStack as AWS. What the dataset becomes: see :mod:`sandbox.engines.aws_load`."""

    name = "aws"
    title = "AWS (DynamoDB, Kinesis, S3)"
    services = _SERVICES
    default_port = 4566
    admin = ACCOUNT
    suffixes = (".aws",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return Endpoint(
            self.name,
            host,
            port,
            user=ACCOUNT,
            password=credentials.admin,
            url=f"http://{host}:{port}",
            options={"region": REGION},
        )

    def in_account(self, endpoint: Endpoint, account: str) -> Endpoint:
        """The administrator's endpoint in another account, which comes to be by being used."""
        return replace(endpoint, user=account, password=account_secret(endpoint.password, account))

    def warm(self, endpoint: Endpoint) -> None:
        """Import boto3 and make the client of the probe: 0.3 s, in which the server can start."""
        _probe_client(endpoint)

    def probe(self, endpoint: Endpoint) -> None:
        client = _probe_client(endpoint)
        try:
            client.list_tables(Limit=1)
        finally:
            client.close()

    def version(self, endpoint: Endpoint) -> str:
        return f"MiniStack {json.loads(_administer(endpoint, 'GET', 'health'))['version']}"

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[Any]:
        """A boto3 Session whose clients and resources go to the endpoint, and are closed at the end."""
        session = _session(endpoint)
        try:
            yield session
        finally:
            session.close()

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        region = endpoint.options.get("region", REGION)
        return {
            "AWS_ENDPOINT_URL": endpoint.url,
            "AWS_ACCESS_KEY_ID": endpoint.user,
            "AWS_SECRET_ACCESS_KEY": endpoint.password,
            # One that the person has for the real AWS would be sent too, and refused.
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCOUNT_ID": endpoint.user,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        """Nothing to do: the secret is configuration, and those of other accounts follow from it."""

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.aws_load import load

        with self.connect(endpoint) as session:
            # Made one after the other: a session is not meant for several threads, its clients are.
            clients = {name: session.client(name, config=_bulk()) for name in _SERVICES}
            return load(clients.__getitem__, dataset, sink)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.aws_load import counts

        with self.connect(endpoint) as session:
            return counts(session.client("dynamodb"))

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        """Every account is emptied, and the dataset loaded."""
        _administer(endpoint, "POST", "reset")
        return self.load(endpoint, dataset, sink)

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:  # noqa: ARG002
        """An empty account for the attempt, all of which is the attempt's, whatever ``owns`` names."""
        self.clear(endpoint, attempt)
        return self.attempt_endpoint(endpoint, attempt)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        from sandbox.engines.aws_load import drop_bucket, drop_stream, drop_table

        with self.connect(self.attempt_endpoint(endpoint, attempt)) as session:
            dynamodb, kinesis, s3 = (session.client(name) for name in _SERVICES)
            for page in dynamodb.get_paginator("list_tables").paginate():
                for name in page["TableNames"]:
                    drop_table(dynamodb, name)
            for page in kinesis.get_paginator("list_streams").paginate():
                for name in page["StreamNames"]:
                    drop_stream(kinesis, name)
            for bucket in s3.list_buckets()["Buckets"]:
                drop_bucket(s3, bucket["Name"])

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.awscli import AwsCliClient

        return AwsCliClient(self.env(endpoint))

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        return self.in_account(endpoint, account_of(attempt))


@functools.cache
def _loader() -> Any:
    """Reads the descriptions of services, each one once for all clients."""
    from botocore.loaders import create_loader

    return create_loader()


def _session(endpoint: Endpoint, **config: Any) -> Any:
    import boto3
    import botocore.session
    from botocore.config import Config

    usual: dict[str, Any] = {
        "connect_timeout": 2,
        "read_timeout": 60,
        "retries": {"total_max_attempts": 2},
        # None of the person's proxies is asked for an address of this machine.
        "proxies": {},
    }
    defaults = Config(**(usual | config))

    class Session(boto3.session.Session):  # type: ignore[misc]
        """A session that knows where its clients go."""

        made: list[Any] = []  # noqa: RUF012 - the class is made anew with each session

        def client(self, service_name: str, *given: Any, **more: Any) -> Any:
            # `resource` passes None where nothing was given.
            more["endpoint_url"] = more.get("endpoint_url") or endpoint.url
            own = more.pop("config", None)
            found = super().client(
                service_name, *given, config=defaults.merge(own) if own else defaults, **more
            )
            self.made.append(found)
            return found

        def close(self) -> None:
            for client in self.made:
                client.close()

    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    # Whatever profile the person has for the real AWS has no say here.
    core.set_config_variable("config_file", "/dev/null")
    core.set_config_variable("profile", None)
    return Session(
        aws_access_key_id=endpoint.user,
        aws_secret_access_key=endpoint.password,
        region_name=endpoint.options.get("region", REGION),
        botocore_session=core,
    )


def _bulk() -> Any:
    from botocore.config import Config

    # The loader knows what it sends; the checks take a third of its time.
    return Config(parameter_validation=False)


def _probe_client(endpoint: Endpoint) -> Any:
    key = (endpoint.url, endpoint.user, endpoint.password)
    if key not in _probes:
        # One is enough: probes come again and again while an engine starts, and then from another process.
        _probes.clear()
        seconds = {"connect_timeout": 1, "read_timeout": 2, "retries": {"total_max_attempts": 1}}
        _probes[key] = _session(endpoint, **seconds).client("dynamodb")
    return _probes[key]


_probes: dict[tuple[str, str, str], Any] = {}


def _administer(endpoint: Endpoint, method: str, what: str) -> bytes:
    """Call one of MiniStack's own paths, which ask for the default account's secret."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=30)
    try:
        headers = {"Authorization": f"Bearer {endpoint.password}"}
        connection.request(method, f"/_ministack/{what}", headers=headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise ConnectionError(f"{method} {what}: {answer.status} {said.decode(errors='replace')[:200]}")
    return said


ENGINE = Aws()

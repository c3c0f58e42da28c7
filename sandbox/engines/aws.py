"""AWS: DynamoDB, Kinesis and S3 behind one address, served by MiniStack or by LocalStack.

The access key is an account id of twelve digits, and every account is apart from the others as in AWS: its
own tables, streams and buckets, and a secret key of its own. The dataset lies in account ``000000000000``;
each attempt at an exercise has an account of its own. Names of buckets are shared by all accounts, as in AWS.
LocalStack keeps accounts apart, too, and takes any secret (:mod:`sandbox.engines.aws_provider`).
"""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines import aws_provider
from sandbox.engines.base import ASKED_AGAIN_SECONDS, PROBE_SECONDS, Attempt, Credentials, Engine
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
    """An imitation as AWS. What the dataset becomes: see :mod:`sandbox.engines.aws_load`."""

    name = "aws"
    title = "AWS (DynamoDB, Kinesis, S3)"
    services = _SERVICES
    default_port = 4566
    admin = ACCOUNT
    apart = True
    providers = ("ministack", "localstack")
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
        _probe_client(endpoint, ASKED_AGAIN_SECONDS)

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        client = _probe_client(endpoint, seconds)
        try:
            client.list_tables(Limit=1)
        finally:
            client.close()

    def version(self, endpoint: Endpoint) -> str:
        found = aws_provider.told(endpoint)
        if not found:
            raise ConnectionError(f"what answers at {endpoint.url} is neither MiniStack nor LocalStack")
        return found

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[Any]:
        """A boto3 Session whose clients and resources go to the endpoint, and are closed at the end."""
        session = _kept_session(endpoint)
        try:
            yield session
        finally:
            session.close()

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        region = endpoint.options.get("region", REGION)
        return {
            # Of AWS itself there are many, which the clients know.
            **({"AWS_ENDPOINT_URL": endpoint.url} if endpoint.url else {}),
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
        from sandbox.engines.aws_load import BUCKET

        return self._load(endpoint, dataset, sink, BUCKET)

    def load_account(self, endpoint: Endpoint, account: str, dataset: Dataset) -> dict[str, int]:
        """Bring the dataset into another account; ``endpoint`` is the dataset's own. All accounts share the
        names of buckets, so this one's is ``sandbox-course-data-<account>``."""
        from sandbox.engines.aws_load import account_bucket

        rows = self._load(self.in_account(endpoint, account), dataset, silent, account_bucket(account))
        if not aws_provider.on_localstack(endpoint):
            _administer(endpoint, "PUT", _kept(account, dataset))
        return rows

    def copy_account(self, endpoint: Endpoint, account: str, dataset: Dataset) -> bool:
        """Give an account, which is empty, the dataset as :meth:`load_account` brought it into another one;
        False when it has not yet, or the server cannot."""
        if aws_provider.on_localstack(endpoint):
            return False
        return bool(json.loads(_administer(endpoint, "POST", _kept(account, dataset))))

    def has_account(self, endpoint: Endpoint, account: str, dataset: Dataset) -> bool:
        """Whether an account that was copied still has anything; so it is taken to be on LocalStack."""
        if aws_provider.on_localstack(endpoint):
            return True
        return bool(json.loads(_administer(endpoint, "GET", _kept(account, dataset))))

    def _load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink, bucket: str) -> dict[str, int]:
        from sandbox.engines.aws_load import load

        with self.connect(endpoint) as session:
            # Made one after the other: a session is not meant for several threads, its clients are.
            clients = {name: session.client(name, config=_bulk()) for name in _SERVICES}
            return load(clients.__getitem__, dataset, sink, bucket=bucket)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.aws_load import counts

        with self.connect(endpoint) as session:
            return counts(session.client("dynamodb"))

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        """Every account is emptied (on LocalStack: the dataset's, others cannot be listed), and the dataset
        loaded."""
        if aws_provider.on_localstack(endpoint):
            self.forget_account(endpoint, endpoint.user)
        else:
            _administer(endpoint, "POST", "reset")
        return self.load(endpoint, dataset, sink)

    def flush(self, endpoint: Endpoint) -> None:
        if not aws_provider.on_localstack(endpoint):
            _administer(endpoint, "POST", "save")

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:  # noqa: ARG002
        """An empty account for the attempt, all of which is the attempt's, whatever ``owns`` names."""
        self.clear(endpoint, attempt)
        return self.attempt_endpoint(endpoint, attempt)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        """All that the account has is forgotten, in whatever service: queues, users and alarms too (on
        LocalStack no users)."""
        account = account_of(attempt)
        if aws_provider.on_localstack(endpoint):
            self._drop_on_localstack(endpoint, account, streams="streams" in attempt.owns)
        else:
            self.forget_account(endpoint, account)

    def forget_account(self, endpoint: Endpoint, account: str) -> None:
        """Forget all that an account has; ``endpoint`` is the dataset's account."""
        if aws_provider.on_localstack(endpoint):
            self._drop_on_localstack(endpoint, account)
        else:
            _administer(endpoint, "DELETE", f"accounts/{account}")

    def _drop_on_localstack(self, endpoint: Endpoint, account: str, *, streams: bool = True) -> None:
        inside = self.in_account(endpoint, account)
        with self.connect(inside) as session:
            aws_provider.drop_on_localstack(session, inside, streams=streams)

    def asked(self, endpoint: Endpoint) -> dict[str, int]:
        """How often the endpoint's account has asked for each operation of DynamoDB and Kinesis (``Scan``:
        3), since it was cleared or the server started. What its IAM users asked for is not counted.
        LocalStack does not tell: it lacks ``request-counts``."""
        found: dict[str, int] = json.loads(_administer(endpoint, "GET", f"accounts/{endpoint.user}"))
        return found

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


@functools.cache
def _hooks() -> Any:
    """What every session begins with, to be copied: to register it takes most of the time of making one."""
    import botocore.session
    from botocore.handlers import add_expect_header
    from botocore.hooks import HierarchicalEmitter

    hooks = HierarchicalEmitter()
    core = botocore.session.Session(event_hooks=hooks)
    # Each upload would ask first whether it may come: a way there and back more, for a server beside us.
    core.unregister("before-call.s3", add_expect_header)
    return hooks


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
        # What botocore would say of itself it puts together anew for each request, twice.
        "user_agent": "sandbox",
    }
    defaults = Config(**(usual | config))

    class Session(boto3.session.Session):  # type: ignore[misc]
        """A session that knows where its clients go, and gives the same one for the same service."""

        made: list[Any] = []  # noqa: RUF012 - the class is made anew with each session
        plain: dict[str, Any] = {}  # noqa: RUF012
        resources: dict[str, Any] = {}  # noqa: RUF012
        making = threading.Lock()

        def client(self, service_name: str, *given: Any, **more: Any) -> Any:
            with self.making:
                if given or more:
                    found = self._new_client(service_name, *given, **more)
                else:
                    found = self.plain.get(service_name) or self._new_client(service_name)
                    self.plain[service_name] = found
                self.made.append(found)
            return found

        def resource(self, service_name: str, *given: Any, **more: Any) -> Any:
            if given or more:
                return super().resource(service_name, *given, **more)
            # Its client is one of the made, and is not closed for good either.
            found = self.resources.get(service_name) or super().resource(service_name)
            self.resources[service_name] = found
            return found

        def _new_client(self, service_name: str, *given: Any, **more: Any) -> Any:
            # `resource` passes None where nothing was given.
            more["endpoint_url"] = more.get("endpoint_url") or endpoint.url or None
            own = more.pop("config", None)
            return super().client(
                service_name, *given, config=defaults.merge(own) if own else defaults, **more
            )

        def close(self) -> None:
            made, self.made[:] = list(self.made), []
            for client in made:
                client.close()

    core = botocore.session.Session(event_hooks=copy.copy(_hooks()), include_builtin_handlers=False)
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


def _probe_client(endpoint: Endpoint, seconds: float) -> Any:
    key = (endpoint.url, endpoint.user, endpoint.password, seconds)
    made = _probes.get(key)
    if made is None:
        # One is enough: probes come again and again while an engine starts, and then from another process.
        _probes.clear()
        once: dict[str, Any] = {"read_timeout": seconds, "retries": {"total_max_attempts": 1}}
        made = _probes[key] = _session(endpoint, **once).client("dynamodb")
    return made


_probes: dict[tuple[str, str, str, float], Any] = {}

MOST_SESSIONS = 24
_sessions: dict[tuple[str, str, str, str], Any] = {}


def _kept_session(endpoint: Endpoint) -> Any:
    """The session of an endpoint. Making one takes 10 ms and each client of it 20 to 50; what is closed of
    them are connections only, so that who connects again goes on with them."""
    key = (endpoint.url, endpoint.user, endpoint.password, endpoint.options.get("region", REGION))
    found = _sessions.get(key)
    if found is None:
        found = _sessions[key] = _session(endpoint)
        if len(_sessions) > MOST_SESSIONS:
            _sessions.pop(next(iter(_sessions)), None)
    return found


def _kept(account: str, dataset: Dataset) -> str:
    from sandbox.engines.aws_load import shape

    return f"accounts/{account}/kept/{dataset.hash}{shape()}"


def _administer(endpoint: Endpoint, method: str, what: str) -> bytes:
    """Call one of MiniStack's own paths, which ask for a secret, mostly that of the default account."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=120)
    try:
        headers = {"Authorization": f"Bearer {endpoint.password}"}
        connection.request(method, f"/_ministack/{what}", headers=headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status not in (200, 204):
        raise ConnectionError(f"{method} {what}: {answer.status} {said.decode(errors='replace')[:200]}")
    return said


ENGINE = Aws()

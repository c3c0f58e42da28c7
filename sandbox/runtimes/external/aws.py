"""AWS as somebody else imitates it: LocalStack, a MiniStack elsewhere. In AWS itself nothing is touched.

The place are the tables, the stream and the bucket of the dataset; a table is the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.datasets.schema import TABLES
from sandbox.engines import aws_provider
from sandbox.engines.aws import Aws
from sandbox.engines.aws_load import BUCKET, STREAM, drop_bucket, drop_stream, drop_table
from sandbox.engines.base import Attempt, Credentials
from sandbox.runtimes.external.addresses import REAL_AWS
from sandbox.runtimes.external.guard import Guard, Mark, cannot, claimed

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

MARKS = "sandbox_owner"


class ExternalAws(Guard, Aws):
    """Attempts have accounts of their own by the access key, as MiniStack and LocalStack keep them apart."""

    def version(self, endpoint: Endpoint) -> str:
        if is_real(endpoint):
            return "AWS"
        return aws_provider.told(endpoint) or "something like AWS"

    def settle_in(self, endpoint: Endpoint, credentials: Credentials) -> None:
        if not is_real(endpoint):
            super().settle_in(endpoint, credentials)

    def held(self, endpoint: Endpoint) -> Mark:
        if is_real(endpoint):
            raise cannot(self, "in AWS itself nothing is loaded, reset or deleted, and no answer runs")
        return super().held(endpoint)

    def release(self, endpoint: Endpoint) -> None:
        if not is_real(endpoint):
            super().release(endpoint)

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with self.connect(endpoint) as session:
            dynamodb = session.client("dynamodb")
            tables = [
                n for page in dynamodb.get_paginator("list_tables").paginate() for n in page["TableNames"]
            ]
            if MARKS in tables:
                found = dynamodb.get_item(TableName=MARKS, Key={"id": {"S": "mark"}}, ConsistentRead=True)
                return Mark.read(found.get("Item", {}).get("mark", {}).get("S"))
            buckets = [b["Name"] for b in session.client("s3").list_buckets().get("Buckets", ())]
            streams = session.client("kinesis").list_streams()["StreamNames"]
        taken = set(TABLES) & set(tables) or BUCKET in buckets or STREAM in streams
        return Mark() if taken else None

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        with self.connect(endpoint) as session:
            dynamodb = session.client("dynamodb")
            try:
                dynamodb.create_table(
                    TableName=MARKS,
                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    BillingMode="PAY_PER_REQUEST",
                )
                dynamodb.get_waiter("table_exists").wait(TableName=MARKS, WaiterConfig={"Delay": 1})
            except dynamodb.exceptions.ResourceInUseException:
                pass
            dynamodb.put_item(TableName=MARKS, Item={"id": {"S": "mark"}, "mark": {"S": mark.text()}})

    def owned(self, endpoint: Endpoint, attempt: Attempt) -> Mapping[str, Sequence[str]]:
        return {"accounts": [self.attempt_endpoint(endpoint, attempt).user]}

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:  # noqa: ARG002
        return [a for a in patterns if self._things(self.in_account(endpoint, a))]

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        for account in claimed(mark, "accounts"):
            self._drop_all(self.in_account(endpoint, account))
        self.empty(endpoint)
        with self.connect(endpoint) as session:
            drop_table(session.client("dynamodb"), MARKS)

    def empty(self, endpoint: Endpoint) -> None:
        with self.connect(endpoint) as session:
            for table in TABLES:
                drop_table(session.client("dynamodb"), table)
            drop_stream(session.client("kinesis"), STREAM)
            drop_bucket(session.client("s3"), BUCKET)

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        self._drop_all(self.attempt_endpoint(endpoint, attempt))

    def _drop_all(self, endpoint: Endpoint) -> None:
        for drop in self._things(endpoint):
            drop()

    def _things(self, endpoint: Endpoint) -> list[Callable[[], Any]]:
        with self.connect(endpoint) as session:
            return aws_provider.things(session)


def is_real(endpoint: Endpoint) -> bool:
    """Whether it is Amazon's own."""
    return endpoint.host.endswith(REAL_AWS)


GUARD = ExternalAws

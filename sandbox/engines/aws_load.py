"""The dataset in DynamoDB, Kinesis and S3, in the shape a practitioner would choose.

DynamoDB has a table for each table. Orders are kept by customer, their lines in order of ``orderline``
(``71782#110667``), so a customer's orders, or one order of a customer (``begins_with``), are one query; the
secondary indexes are further access paths. Amounts are numbers, dates are ISO 8601 text, missing values are
missing attributes.

Kinesis has the order lines as JSON in ``orders_stream``, by customer, oldest first.

S3 has the course's bucket: the files as they came, without a header line, under ``rawData/``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

from sandbox.datasets import Dataset
from sandbox.datasets.schema import TABLES
from sandbox.events import Progress, Sink

BUCKET = "sandbox-course-data"
STREAM = "orders_stream"
SHARDS = 2
RETENTION_HOURS = 8760
"""The longest there is: with the usual 24 hours yesterday's sandbox would have an empty stream today."""

FOLDERS = (
    "athena/",
    "emr/files/",
    "emr/input/",
    "emr/logs/",
    "emr/output/",
    "processedData/",
    "rawData/customers/",
    "rawData/employees/",
    "rawData/orders/",
    "scriptLocation/",
    "tmpDir/",
)
"""The course's layout; an empty object stands for a folder, as when the console makes one."""

KEYS: dict[str, dict[str, tuple[str, ...]]] = {
    "customers": {"": ("customerid",), "by_firstname": ("firstname", "lastname")},
    "employees": {"": ("employeeid",), "by_manager": ("managerid", "employeeid")},
    "orders": {
        "": ("customerid", "orderline"),
        "by_order": ("salesorderid", "salesorderdetailid"),
        "by_employee": ("employeeid", "orderdate"),
    },
}
"""Partition and sort key of each table (under ``""``) and of its global secondary indexes."""

_BATCH = 25
_RECORDS = 500
"""The most that one BatchWriteItem and one PutRecords take."""

_WRITERS = 8
"""Two keep the server busy; more share the wait where every change is saved before it is answered."""

Client = Callable[[str], Any]
"""Gives the boto3 client of a service."""


def object_key(table: str) -> str:
    """Where a table's file lies in the bucket."""
    return f"rawData/{table}/{TABLES[table].file}"


def shape() -> str:
    """Eight hex digits for the form that we give the dataset."""
    form = repr((KEYS, STREAM, SHARDS, FOLDERS, account_bucket("")))
    return hashlib.sha256(form.encode()).hexdigest()[:8]


def account_bucket(account: str) -> str:
    """The course's bucket in an account that is not the dataset's: the plain name is taken there."""
    return f"{BUCKET}-{account}"


def load(client: Client, dataset: Dataset, sink: Sink, *, bucket: str = BUCKET) -> dict[str, int]:
    """Bring everything in anew; rows by table."""
    total = sum(dataset.counts.values())
    with ThreadPoolExecutor(1) as beside:
        # Little work for the client, and the server does one thing at a time anyway.
        rest = beside.submit(_load_rest, client, dataset, bucket)
        done, rows = 0, {}
        for table in TABLES:
            rows[table] = 0
            for written in _load_table(client("dynamodb"), table, dataset):
                rows[table] += written
                sink(Progress("aws", "load", done + rows[table], total, "rows"))
            done += rows[table]
        rest.result()
    return rows


def counts(dynamodb: Any) -> dict[str, int]:
    """Items by table, counted by DynamoDB; tables that are not there are left out."""
    found = {}
    for table in TABLES:
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, Select="COUNT")
        try:
            found[table] = sum(page["Count"] for page in pages)
        except dynamodb.exceptions.ResourceNotFoundException:
            continue
    return found


# -- DynamoDB --------------------------------------------------------------------------------------------


def _load_table(dynamodb: Any, table: str, dataset: Dataset) -> Iterator[int]:
    drop_table(dynamodb, table)
    create_table(dynamodb, table)
    with ThreadPoolExecutor(_WRITERS) as pool:
        items = (item(table, row) for row in dataset.rows(table))
        # Some batches at a time: memory stays flat at any scale.
        while batches := list(islice(_chunks(items, _BATCH), 5 * _WRITERS)):
            yield sum(pool.map(lambda batch: _write(dynamodb, table, batch), batches))


def _write(dynamodb: Any, table: str, items: list[dict[str, Any]]) -> int:
    left = {table: [{"PutRequest": {"Item": each}} for each in items]}
    while left:
        left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems")
    return len(items)


def create_table(dynamodb: Any, table: str) -> None:
    """Make an empty table of the dataset, with its indexes."""
    keys = KEYS[table]
    names = sorted({name for key in keys.values() for name in key})
    indexes = [
        {"IndexName": name, "KeySchema": _schema(key), "Projection": {"ProjectionType": "ALL"}}
        for name, key in keys.items()
        if name
    ]
    dynamodb.create_table(
        TableName=table,
        KeySchema=_schema(keys[""]),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": _key_type(table, n)} for n in names],
        GlobalSecondaryIndexes=indexes,
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})


def drop_table(dynamodb: Any, table: str) -> None:
    """Remove a table, protected or not, if it is there."""
    try:
        if dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 1})


def item(table: str, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row as DynamoDB's client takes an item: every value with its type."""
    found = {name: _typed(value) for name, value in _named(table, row) if value is not None}
    if table == "orders":
        found["orderline"] = {"S": f"{row[0]}#{row[1]}"}
    return found


def _typed(value: Any) -> dict[str, str]:
    if isinstance(value, date):
        return {"S": value.isoformat()}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _schema(key: tuple[str, ...]) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(key, kinds, strict=False)]


def _key_type(table: str, name: str) -> str:
    if name == "orderline":
        return "S"
    return "N" if TABLES[table].column(name).type in (int, Decimal) else "S"


# -- Kinesis and S3 --------------------------------------------------------------------------------------


def _load_rest(client: Client, dataset: Dataset, bucket: str) -> None:
    load_bucket(client("s3"), dataset, bucket)
    load_stream(client("kinesis"), dataset)


def load_stream(kinesis: Any, dataset: Dataset) -> None:
    """Make ``orders_stream`` anew, with a record for each order line."""
    drop_stream(kinesis, STREAM)
    kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    _await_stream(kinesis, STREAM)
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=RETENTION_HOURS)
    customer = TABLES["orders"].position("customerid")
    records = (
        {"PartitionKey": str(row[customer]), "Data": json.dumps(dict(_named("orders", row)), default=_plain)}
        for row in dataset.rows("orders")
    )
    for batch in _chunks(records, _RECORDS):
        left = batch
        while left:
            said = kinesis.put_records(StreamName=STREAM, Records=left)["Records"]
            left = [record for record, one in zip(left, said, strict=True) if "ErrorCode" in one]


def _await_stream(kinesis: Any, name: str) -> None:
    """Until it is active. LocalStack does not know of it at all in the first moment, at which the waiter of
    botocore gives up."""
    import time

    from botocore.exceptions import WaiterError

    for _ in range(20):
        try:
            kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
            return
        except WaiterError as problem:
            if "ResourceNotFoundException" not in str(problem):
                raise
            time.sleep(0.25)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})


def drop_stream(kinesis: Any, name: str) -> None:
    """Remove a stream with its consumers, if it is there."""
    try:
        # LocalStack deletes what is made soon after it was told to delete what is not there.
        kinesis.describe_stream_summary(StreamName=name)
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    except kinesis.exceptions.ResourceNotFoundException:
        return
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})


def load_bucket(s3: Any, dataset: Dataset, bucket: str = BUCKET) -> None:
    """Make the course's bucket anew: the layout, and the file of every table that has rows."""
    drop_bucket(s3, bucket)
    s3.create_bucket(Bucket=bucket)
    for folder in FOLDERS:
        s3.put_object(Bucket=bucket, Key=folder)
    for table in TABLES:
        if dataset.count(table):
            how = {"ContentType": "text/csv"}
            s3.upload_file(str(dataset.path(table)), bucket, object_key(table), ExtraArgs=how)


def drop_bucket(s3: Any, name: str) -> None:
    """Remove a bucket of this account with all versions of all objects, if it is there."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if found:
                objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                delete = {"Objects": objects, "Quiet": True}
                # Only a bucket with locks may be told to pass them by; others refuse to hear of it.
                if s3.delete_objects(Bucket=name, Delete=delete).get("Errors"):
                    s3.delete_objects(Bucket=name, Delete=delete, BypassGovernanceRetention=True)
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            for upload in page.get("Uploads", ()):
                s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        s3.delete_bucket(Bucket=name)
    except s3.exceptions.NoSuchBucket:
        return


def _named(table: str, row: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    return zip(TABLES[table].column_names, row, strict=True)


def _plain(value: Any) -> Any:
    # Amounts have four decimals and fit a float exactly enough to be printed the same again.
    return float(value) if isinstance(value, Decimal) else value.isoformat()


def _chunks(things: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(islice(things, size)):
        yield chunk

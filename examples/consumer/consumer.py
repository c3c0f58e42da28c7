"""Totals by customer from a stream of order lines: a Kinesis consumer that keeps its place in DynamoDB.

A record and the place after it are written in one transaction, so that a consumer which dies anywhere, or
reads a record twice, counts each line once.

Run it:  sandbox exec -- python consumer.py orders_stream
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

BATCH = 100


class Consumer:
    """Reads every shard of a stream from where it, or one before it, stopped. ``table`` holds totals under
    ``customer#<id>`` and places under ``shard#<id>``."""

    def __init__(self, session: Any, stream: str, table: str) -> None:
        self._kinesis, self._dynamodb = session.client("kinesis"), session.client("dynamodb")
        self.stream, self.table = stream, table

    def create_table(self) -> None:
        """Make the table, if it is not there."""
        try:
            self._dynamodb.create_table(
                TableName=self.table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        except self._dynamodb.exceptions.ResourceInUseException:
            return
        self._dynamodb.get_waiter("table_exists").wait(TableName=self.table)

    def run(self) -> int:
        """Read what there is now, shard by shard; how many records were counted."""
        shards = self._kinesis.get_paginator("list_shards").paginate(StreamName=self.stream)
        return sum(self._read(shard["ShardId"]) for page in shards for shard in page["Shards"])

    def total(self, customer: int) -> Decimal:
        """What was counted for a customer."""
        return Decimal(self._item(f"customer#{customer}").get("total", {"N": "0"})["N"])

    def _read(self, shard: str) -> int:
        place = self._item(f"shard#{shard}").get("place", {}).get("S")
        counted = 0
        for record in self._records(shard, place):
            counted += self.count(shard, place, record)
            place = record["SequenceNumber"]
        return counted

    def _records(self, shard: str, place: str | None) -> Iterator[dict[str, Any]]:
        begin = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": place}
            if place
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        iterator = self._kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard, **begin)[
            "ShardIterator"
        ]
        while iterator:
            got = self._kinesis.get_records(ShardIterator=iterator, Limit=BATCH)
            yield from got["Records"]
            if not got["Records"] and not got["MillisBehindLatest"]:
                return
            iterator = got.get("NextShardIterator")

    def count(self, shard: str, place: str | None, record: dict[str, Any]) -> bool:
        """Add one record and move the place on, both or neither; False when another consumer was first."""
        line = json.loads(record["Data"])
        unmoved = "place = :old" if place else "attribute_not_exists(place)"
        values = {":new": {"S": record["SequenceNumber"]}} | ({":old": {"S": place}} if place else {})
        move = {
            "TableName": self.table,
            "Key": {"id": {"S": f"shard#{shard}"}},
            "UpdateExpression": "SET place = :new",
            "ConditionExpression": unmoved,
            "ExpressionAttributeValues": values,
        }
        add = {
            "TableName": self.table,
            "Key": {"id": {"S": f"customer#{line['customerid']}"}},
            "UpdateExpression": "ADD #total :amount",
            "ExpressionAttributeNames": {"#total": "total"},
            "ExpressionAttributeValues": {":amount": {"N": str(line["linetotal"])}},
        }
        try:
            self._dynamodb.transact_write_items(TransactItems=[{"Update": move}, {"Update": add}])
        except self._dynamodb.exceptions.TransactionCanceledException:
            return False
        return True

    def _item(self, key: str) -> dict[str, Any]:
        found = self._dynamodb.get_item(TableName=self.table, Key={"id": {"S": key}}, ConsistentRead=True)
        return found.get("Item", {})


def main() -> None:
    """Count what is in the stream named by the first argument."""
    import boto3

    consumer = Consumer(boto3.Session(), sys.argv[1], "totals")
    consumer.create_table()
    print(f"{consumer.run()} records")


if __name__ == "__main__":
    main()

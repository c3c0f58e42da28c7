"""DynamoDB of MiniStack 1.5.33, mended: costs of reads, keys in policies, streams of PartiQL, restores.

Runs inside MiniStack's environment like :mod:`.aws_server`, and imports nothing of this project. Sources of
the behaviour: "DynamoDB read and write operations" of the developer guide (capacity), "Condition keys for
DynamoDB" of the service authorization reference, and the API reference (RestoreTableToPointInTime).
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import copy
import functools
import json
from typing import Any

READ_UNIT_BYTES = 4096

LEADING_KEYS = "dynamodb:LeadingKeys"

Data = dict[str, Any]


def mend(dynamodb: Any) -> None:
    """Change the module ``ministack.services.dynamodb``, and what policies are told of its requests."""
    _count_read_units(dynamodb)
    _tell_leading_keys(dynamodb)
    _stream_statements(dynamodb)
    _refuse_the_past(dynamodb)


# -- read units ------------------------------------------------------------------------------------------


def _count_read_units(dynamodb: Any) -> None:
    """Let ConsumedCapacity of a read follow from the bytes that were read, before filter and projection."""
    paginate, add = dynamodb._paginate_evaluated_items, dynamodb._add_consumed_capacity
    # A request is served in one go, so the page that was cut last is the one that is being paid for.
    page_bytes = 0

    @functools.wraps(paginate)
    def paginate_and_weigh(items: Any, limit: Any, table: Data, index_name: str | None = None) -> Any:
        nonlocal page_bytes
        page, more = paginate(items, limit, table, index_name)
        entries = (dynamodb._apply_index_projection(i, table, index_name) if index_name else i for i in page)
        page_bytes = sum(dynamodb._item_size_bytes(entry) for entry in entries)
        return page, more

    @functools.wraps(add)
    def add_by_size(result: Data, data: Data, table_name: str, write: bool = False, **more: Any) -> None:
        add(result, data, table_name, write=write, **more)
        said = result.get("ConsumedCapacity")
        if write or not said:
            return
        if "Key" in data:
            item = dynamodb._get_item_by_key(dynamodb._tables.get(table_name, {}), data["Key"])
            size = dynamodb._item_size_bytes(item or {})
        else:
            size = page_bytes
        # MiniStack's figure is that of one unit: 1, or 0.5 when eventually consistent.
        _multiply(said, max(1, -(-size // READ_UNIT_BYTES)))

    dynamodb._paginate_evaluated_items = paginate_and_weigh
    dynamodb._add_consumed_capacity = add_by_size


def _multiply(said: Data, units: int) -> None:
    for name, value in said.items():
        if isinstance(value, dict):
            _multiply(value, units)
        elif name == "CapacityUnits":
            said[name] = value * units


# -- partition keys in policies --------------------------------------------------------------------------


def _tell_leading_keys(dynamodb: Any) -> None:
    """Give conditions of policies the partition keys that a request names, as ``dynamodb:LeadingKeys``."""
    from ministack.core import iam_actions

    context = iam_actions.dynamodb_service_context

    @functools.wraps(context)
    def with_leading_keys(body: bytes) -> Data:
        found = dict(context(body))
        try:
            data = json.loads(body or b"{}")
            keys = sorted(set(leading_keys(dynamodb, data)))
        except (AttributeError, KeyError, TypeError, ValueError):
            # A request that is not well formed is refused by the service itself.
            return found
        return {**found, LEADING_KEYS: keys} if keys else found

    iam_actions.dynamodb_service_context = with_leading_keys


def leading_keys(dynamodb: Any, data: Data) -> list[str]:
    """The values of partition keys that a request names; none for a scan, which names none."""
    found: list[str] = []

    def take(table_name: Any, item: Any) -> None:
        table = dynamodb._tables.get(dynamodb._normalize_table_name(table_name))
        value = (item or {}).get(table["pk_name"]) if table else None
        if value:
            found.append(str(dynamodb._extract_key_val(value)))

    name = data.get("TableName")
    take(name, data.get("Key") or data.get("Item"))
    if "KeyConditionExpression" in data or "KeyConditions" in data:
        found += _asked_for(dynamodb, data)
    for table_name, wanted in (data.get("RequestItems") or {}).items():
        if isinstance(wanted, dict):
            for key in wanted.get("Keys", ()):
                take(table_name, key)
        else:
            for request in wanted:
                for action in request.values():
                    take(table_name, action.get("Item") or action.get("Key"))
    for member in data.get("TransactItems") or ():
        for action in member.values():
            take(action.get("TableName"), action.get("Item") or action.get("Key"))
    return found


def _asked_for(dynamodb: Any, data: Data) -> list[str]:
    """The partition key of a query: of the index, when it is of one."""
    table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
    if not table:
        return []
    index = data.get("IndexName")
    hash_name = dynamodb._resolve_index_keys(table, index)[0] if index else table["pk_name"]
    value = dynamodb._key_condition_av(
        data.get("KeyConditionExpression"),
        data.get("KeyConditions"),
        data.get("ExpressionAttributeValues") or {},
        data.get("ExpressionAttributeNames") or {},
        hash_name,
    )
    return [str(dynamodb._extract_key_val(value))] if value else []


# -- streams of statements -------------------------------------------------------------------------------


def _stream_statements(dynamodb: Any) -> None:
    """Let what PartiQL statements change be in the table's stream, as what other requests change is."""
    waiting: list[tuple[Any, ...]] | None = None

    def emit(*event: Any) -> None:
        if waiting is None:
            dynamodb._emit_stream_event(*event)
        else:
            waiting.append(event)

    def watched(write: Any) -> Any:
        @functools.wraps(write)
        def write_and_emit(table: Data, parsed: Data, *rest: Any) -> Any:
            before = _named(dynamodb, table, parsed)
            answer = write(table, parsed, *rest)
            after = _named(dynamodb, table, parsed)
            if answer[0] == 200 and (before is not None or after is not None):
                name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
                emit(table["TableName"], name, before, after)
            return answer

        return write_and_emit

    transaction = dynamodb._execute_transaction

    @functools.wraps(transaction)
    def all_or_nothing(data: Data) -> Any:
        nonlocal waiting
        events: list[tuple[Any, ...]] = []
        waiting = events
        try:
            answer = transaction(data)
        finally:
            waiting = None
        if answer[0] == 200:
            for event in events:
                emit(*event)
        return answer

    for name in ("_partiql_insert", "_partiql_update", "_partiql_delete"):
        setattr(dynamodb, name, watched(getattr(dynamodb, name)))
    dynamodb._execute_transaction = all_or_nothing


def _named(dynamodb: Any, table: Data, parsed: Data) -> Data | None:
    """A copy of the item that a statement names by its key, as it is now."""
    if parsed["op"] == "INSERT":
        key = parsed.get("item") or {}
        key = key["M"] if set(key) == {"M"} else key
        found = dynamodb._get_item_by_key(table, key)
    else:
        partition, sort, _, refused = dynamodb._partiql_key_target(table, parsed)
        found = None if refused else table["items"].get(partition, {}).get(sort)
    item: Data | None = copy.deepcopy(found)
    return item


# -- restores --------------------------------------------------------------------------------------------


def _refuse_the_past(dynamodb: Any) -> None:
    """No history of tables is kept: restore the latest state, and refuse an earlier one instead of giving
    the latest in its place."""
    restore = dynamodb._restore_table_to_point_in_time

    @functools.wraps(restore)
    def restore_the_latest(data: Data) -> Any:
        source = dynamodb._normalize_table_name(data.get("SourceTableName") or data.get("SourceTableArn"))
        if source in dynamodb._tables and not dynamodb._pitr_settings.get(source):
            said = f"Point in time recovery is not enabled for table '{source}'"
            return dynamodb.error_response_json("PointInTimeRecoveryUnavailableException", said, 400)
        if not data.get("UseLatestRestorableTime"):
            said = "This sandbox keeps no history of tables: only UseLatestRestorableTime can be restored."
            return dynamodb.error_response_json("InvalidRestoreTimeException", said, 400)
        return restore(data)

    dynamodb._restore_table_to_point_in_time = restore_the_latest

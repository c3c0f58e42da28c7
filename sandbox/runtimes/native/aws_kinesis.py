"""Kinesis of MiniStack 1.5.33, mended: resharding keeps the parents, a shard has limits, metrics are told.

Runs inside MiniStack's environment like :mod:`.aws_server`, and imports nothing of this project. Sources of
the behaviour: the Kinesis Data Streams API reference (SplitShard, MergeShards, UpdateShardCount, GetRecords,
PutRecords, EnableEnhancedMonitoring) and "Quotas and limits" of the developer guide.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Callable
from typing import Any

LIMITED = "sandbox:limits"
"""A stream with this tag takes no more than AWS would. The tag cannot be removed."""

RECORDS_A_SECOND = 1000
BYTES_A_SECOND = 1 << 20
"""What one shard takes; data and partition keys count."""

SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
)

Answer = tuple[int, dict[str, str], Any]
Data = dict[str, Any]


def mend(kinesis: Any) -> None:
    """Change the module ``ministack.services.kinesis``."""
    _keep_parents(kinesis)
    _read_parents_to_their_end(kinesis)
    _show_metrics(kinesis)
    _limit_shards(kinesis)
    _know_streams_of_iterators(kinesis)


# -- resharding ------------------------------------------------------------------------------------------


def _closed(shard: Data) -> bool:
    return "ending_sequence_number" in shard


def _close(kinesis: Any, shard: Data) -> Data:
    shard["ending_sequence_number"] = kinesis._next_sequence_number()
    shard["closed"] = time.time()
    return shard


def _range(shard: Data) -> tuple[int, int]:
    return int(shard["starting_hash_key"]), int(shard["ending_hash_key"])


def _refused(kinesis: Any, message: str, code: str = "InvalidArgumentException") -> Answer:
    return kinesis.error_response_json(code, message, 400)  # type: ignore[no-any-return]


def _keep_parents(kinesis: Any) -> None:
    """Closed shards stay with their records until the retention has passed; only open ones are written to."""
    split, merge = kinesis._split_shard, kinesis._merge_shards

    def reshard(data: Data, names: tuple[str, ...], act: Callable[[Data], Answer]) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        parents = {data.get(name): (stream or {"shards": {}})["shards"].get(data.get(name)) for name in names}
        for name, parent in parents.items():
            if parent and _closed(parent):
                return _refused(kinesis, f"Shard {name} is closed.")
        answer = act(data)
        if answer[0] == 200:
            for name, parent in parents.items():
                stream["shards"][name] = _close(kinesis, parent)
            stream["shards"] = dict(sorted(stream["shards"].items()))
        return answer

    def split_shard(data: Data) -> Answer:
        return reshard(data, ("ShardToSplit",), split)

    def merge_shards(data: Data) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        found = [(stream or {"shards": {}})["shards"].get(data.get(name)) for name in _MERGED]
        if all(found):
            (_, lower), (upper, _) = sorted(_range(shard) for shard in found)
            if lower + 1 != upper:
                return _refused(kinesis, "The shards to merge are not adjacent.")
        return reshard(data, _MERGED, merge)

    def update_shard_count(data: Data) -> Answer:
        name, stream = kinesis._resolve_stream(data)
        if not stream:
            return _refused(kinesis, f"Stream {name} not found", "ResourceNotFoundException")
        target = int(data.get("TargetShardCount") or 0)
        before = {sid: shard for sid, shard in stream["shards"].items() if not _closed(shard)}
        if target < 1:
            return _refused(kinesis, "TargetShardCount must be at least 1.")
        if target > 2 * len(before) or 2 * target < len(before):
            how = "up over double" if target > len(before) else "down below half"
            said = f"UpdateShardCount cannot scale {how} your current open shard count."
            return _refused(
                kinesis, f"{said} Current open shard count: {len(before)}, Target open shard count: {target}"
            )
        _cover(kinesis, stream, before, target)
        counts = {"CurrentShardCount": len(before), "TargetShardCount": target}
        return kinesis.json_response(  # type: ignore[no-any-return]
            {"StreamName": stream["StreamName"], "StreamARN": stream["StreamARN"], **counts}
        )

    def route(hash_key: int, stream: Data) -> str:
        for sid, shard in stream["shards"].items():
            start, end = _range(shard)
            if not _closed(shard) and start <= hash_key <= end:
                return str(sid)
        raise LookupError(hash_key)

    expire = kinesis._expire_records

    def expire_records(stream: Data) -> None:
        expire(stream)
        oldest = time.time() - stream["RetentionPeriodHours"] * 3600
        for sid, shard in list(stream["shards"].items()):
            if shard.get("closed", oldest) < oldest:
                del stream["shards"][sid]

    kinesis._split_shard, kinesis._merge_shards = split_shard, merge_shards
    kinesis._update_shard_count, kinesis._route_to_shard = update_shard_count, route
    kinesis._expire_records = expire_records


_MERGED = ("ShardToMerge", "AdjacentShardToMerge")


def _cover(kinesis: Any, stream: Data, before: dict[str, Data], target: int) -> None:
    """Cut the range of hash keys into equal parts; shards that are such a part already stay open."""
    there = {_range(shard) for shard in before.values()}
    wanted = [(int(start), int(end)) for start, end in kinesis._compute_hash_ranges(target)]
    index = kinesis._max_shard_index(stream) + 1
    for start, end in wanted:
        if (start, end) in there:
            continue
        parents = [s for s, shard in before.items() if _range(shard)[0] <= end and start <= _range(shard)[1]]
        stream["shards"][f"shardId-{index:012d}"] = {
            "records": [],
            "starting_hash_key": str(start),
            "ending_hash_key": str(end),
            "starting_sequence_number": kinesis._next_sequence_number(),
            "parent_shard_id": parents[0],
            "adjacent_parent_shard_id": parents[1] if len(parents) > 1 else None,
        }
        index += 1
    for shard in before.values():
        if _range(shard) not in wanted:
            _close(kinesis, shard)


def _read_parents_to_their_end(kinesis: Any) -> None:
    """A closed shard says where it ends, and after its last record names its children."""
    out, get, listing = kinesis._shard_out, kinesis._get_records, kinesis._list_shards

    def shard_out(sid: str, shard: Data) -> Data:
        found: Data = out(sid, shard)
        if _closed(shard):
            found["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
        return found

    def get_records(data: Data) -> Answer:
        answer: Answer = get(data)
        if answer[0] != 200:
            return answer
        said = json.loads(answer[2])
        state = kinesis._shard_iterators[said["NextShardIterator"]]
        stream, sid = kinesis._streams[state["stream"]], state["shard_id"]
        shard = stream["shards"][sid]
        if not _closed(shard) or state["position"] < len(shard["records"]):
            return answer
        del kinesis._shard_iterators[said.pop("NextShardIterator")]
        said["ChildShards"] = _children(stream, sid)
        return kinesis.json_response(said)  # type: ignore[no-any-return]

    def list_shards(data: Data) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        if not stream or (data.get("ShardFilter") or {}).get("Type") != "AT_LATEST":
            return listing(data)  # type: ignore[no-any-return]
        is_open = {sid: shard for sid, shard in stream["shards"].items() if not _closed(shard)}
        return kinesis.json_response(  # type: ignore[no-any-return]
            {"Shards": [shard_out(sid, shard) for sid, shard in is_open.items()]}
        )

    kinesis._shard_out, kinesis._get_records, kinesis._list_shards = shard_out, get_records, list_shards


def _children(stream: Data, sid: str) -> list[Data]:
    found = []
    for child, shard in stream["shards"].items():
        parents = [shard[name] for name in ("parent_shard_id", "adjacent_parent_shard_id") if shard.get(name)]
        if sid in parents:
            keys = {"StartingHashKey": shard["starting_hash_key"], "EndingHashKey": shard["ending_hash_key"]}
            found.append({"ShardId": child, "ParentShards": parents, "HashKeyRange": keys})
    return found


# -- descriptions ----------------------------------------------------------------------------------------


def _show_metrics(kinesis: Any) -> None:
    """Descriptions tell which shard-level metrics are on, and count open shards alone."""

    def amended(describe: Callable[[Data], Answer], part: str) -> Callable[[Data], Answer]:
        @functools.wraps(describe)
        def answer(data: Data) -> Answer:
            _, stream = kinesis._resolve_stream(data)
            given = describe(data)
            if given[0] != 200:
                return given
            said = json.loads(given[2])
            metrics = sorted(stream.get("ShardLevelMetrics", ()))
            said[part]["EnhancedMonitoring"] = [{"ShardLevelMetrics": metrics}]
            if "OpenShardCount" in said[part]:
                said[part]["OpenShardCount"] = sum(not _closed(s) for s in stream["shards"].values())
            return kinesis.json_response(said)  # type: ignore[no-any-return]

        return answer

    def named(change: Callable[[Data], Answer]) -> Callable[[Data], Answer]:
        @functools.wraps(change)
        def answer(data: Data) -> Answer:
            metrics = data.get("ShardLevelMetrics") or []
            if "ALL" in metrics:
                data = {**data, "ShardLevelMetrics": list(SHARD_METRICS)}
            return change(data)

        return answer

    kinesis._describe_stream = amended(kinesis._describe_stream, "StreamDescription")
    kinesis._describe_stream_summary = amended(kinesis._describe_stream_summary, "StreamDescriptionSummary")
    kinesis._enable_enhanced_monitoring = named(kinesis._enable_enhanced_monitoring)
    kinesis._disable_enhanced_monitoring = named(kinesis._disable_enhanced_monitoring)


# -- limits ----------------------------------------------------------------------------------------------


class Allowance:
    """What a shard may still take: full after a second without a record, and never fuller."""

    def __init__(self, now: float) -> None:
        self.at, self.records, self.size = now, float(RECORDS_A_SECOND), float(BYTES_A_SECOND)

    def take(self, size: int, now: float) -> bool:
        """Whether one more record of that many bytes fits; it is taken off if so."""
        gone, self.at = max(now - self.at, 0.0), now
        self.records = min(self.records + gone * RECORDS_A_SECOND, RECORDS_A_SECOND)
        self.size = min(self.size + gone * BYTES_A_SECOND, BYTES_A_SECOND)
        if self.records < 1 or self.size < size:
            return False
        self.records -= 1
        self.size -= size
        return True


def _limit_shards(kinesis: Any) -> None:
    """Streams with the tag :data:`LIMITED` refuse each record beyond the limits of its shard."""
    put, put_many, untag = kinesis._put_record, kinesis._put_records, kinesis._remove_tags
    left: dict[tuple[str, str], Allowance] = {}

    def refused(stream: Data, record: Data, now: float) -> str:
        """What AWS says when the record does not fit; nothing when it does."""
        key = record.get("PartitionKey", "")
        given = record.get("ExplicitHashKey")
        sid = kinesis._route_to_shard(int(given) if given else kinesis._partition_key_to_hash(key), stream)
        # A shard's first sequence number tells it from one of the same name in a stream made anew.
        name = (stream["StreamARN"], stream["shards"][sid]["starting_sequence_number"])
        size = len(base64.b64decode(record.get("Data", ""))) + len(key.encode())
        if left.setdefault(name, Allowance(now)).take(size, now):
            return ""
        account = kinesis.get_account_id()
        return f"Rate exceeded for shard {sid} in stream {stream['StreamName']} under account {account}."

    def put_record(data: Data) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        if stream and LIMITED in stream["tags"] and (why := refused(stream, data, time.monotonic())):
            return _refused(kinesis, why, "ProvisionedThroughputExceededException")
        return put(data)  # type: ignore[no-any-return]

    def put_records(data: Data) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        records = data.get("Records", [])
        # What is refused as a whole takes nothing of the allowance.
        if not stream or LIMITED not in stream["tags"] or len(records) > 500 or _size(records) > 5 << 20:
            return put_many(data)  # type: ignore[no-any-return]
        now = time.monotonic()
        whys = [refused(stream, record, now) for record in records]
        kept = [record for record, why in zip(records, whys, strict=True) if not why]
        answer: Answer = put_many({**data, "Records": kept})
        if answer[0] != 200:
            return answer
        said = json.loads(answer[2])
        done = iter(said["Records"])
        code = "ProvisionedThroughputExceededException"
        said["Records"] = [{"ErrorCode": code, "ErrorMessage": why} if why else next(done) for why in whys]
        said["FailedRecordCount"] = len(records) - len(kept)
        return kinesis.json_response(said)  # type: ignore[no-any-return]

    def remove_tags(data: Data) -> Answer:
        if LIMITED in data.get("TagKeys", ()):
            return _refused(kinesis, f"The tag {LIMITED} cannot be removed.")
        return untag(data)  # type: ignore[no-any-return]

    kinesis._put_record, kinesis._put_records, kinesis._remove_tags = put_record, put_records, remove_tags


def _size(records: list[Data]) -> int:
    return sum(len(r.get("Data", "")) * 3 // 4 + len(r.get("PartitionKey", "").encode()) for r in records)


# -- rights ----------------------------------------------------------------------------------------------


def _know_streams_of_iterators(kinesis: Any) -> None:
    """Let a policy on a stream cover GetRecords, which names its stream by the iterator alone."""
    from ministack.core import iam_actions

    named = iam_actions.extract_resource_arn

    def resource_of(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        found = str(named(service, method, path, headers, body, *rest))
        if service != "kinesis" or found != "*":
            return found
        try:
            token = json.loads(body)["ShardIterator"]
        except (ValueError, KeyError, TypeError):
            return found
        for key, state in kinesis._shard_iterators.all_items():
            if key[2] == token:
                return str(state["stream_arn"])
        return found

    iam_actions.extract_resource_arn = resource_of

"""Checks of time to live. Sessions vary with the seed, and lie around the time of the attempt.

The server deletes what has expired once a minute, so a session that ended may be there or not.
"""

import random
import re
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

LIFE = timedelta(days=30)


def prepare(ctx):
    """Sessions that ended, that are valid for hours or days, and that are kept whatever their age."""
    draw = random.Random(ctx.seed)
    now = datetime.now(UTC).replace(microsecond=0)
    table = ctx.connection.resource("dynamodb").create_table(
        TableName="sessions",
        AttributeDefinitions=[{"AttributeName": "session_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    names = [f"s-{number}" for number in draw.sample(range(1000, 10000), 18)]
    ages = [draw.randint(31 * 86400, 90 * 86400) for _ in range(6)]
    # Ended by hours, or valid for hours: whoever counts in days only, or in another zone, is seen.
    ages += [30 * 86400 + draw.randint(3, 20) * 3600 + draw.randint(0, 3599) for _ in range(2)]
    ages += [30 * 86400 - draw.randint(3, 20) * 3600 - draw.randint(0, 3599) for _ in range(3)]
    ages += [draw.randint(60, 28 * 86400) for _ in range(4)]
    kept = names[15:]
    ages += [draw.randint(60, 28 * 86400), *(draw.randint(31 * 86400, 90 * 86400) for _ in range(2))]
    sessions = {}
    for name, age in zip(names, ages, strict=True):
        seen = (now - timedelta(seconds=age)).isoformat()
        sessions[name] = {"session_id": name, "last_seen": seen, "user": f"u{draw.randint(100, 999)}"}
        if name in kept:
            sessions[name]["keep"] = True
    with table.batch_writer() as batch:
        for name in draw.sample(names, len(names)):
            batch.put_item(Item=sessions[name])
    ends = {
        name: int((datetime.fromisoformat(item["last_seen"]) + LIFE).timestamp())
        for name, item in sessions.items()
        if "keep" not in item
    }
    valid = {name for name in names if name in kept or ends[name] > now.timestamp()}
    return {"sessions": sessions, "ends": ends, "valid": valid}


def _sessions(ctx):
    table = ctx.connection.resource("dynamodb").Table("sessions")
    try:
        return {item["session_id"]: item for item in table.scan(ConsistentRead=True)["Items"]}
    except table.meta.client.exceptions.ResourceNotFoundException:
        raise Missing("Table sessions") from None


@check(points=2)
def switched_on(ctx):
    """Time to live of `sessions` is on, on the attribute `expires`."""
    client = ctx.connection.client("dynamodb")
    _sessions(ctx)
    found = client.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    if found["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        raise Missing("Time to live of sessions")
    if found.get("AttributeName") != "expires":
        raise Mismatch("The attribute of time to live", expected="expires", found=found.get("AttributeName"))


@check(points=4)
def times_right(ctx):
    """Each session that is not kept has in `expires` the second at which it ends, and all else it had."""
    found, now = _sessions(ctx), datetime.now(UTC).timestamp()
    for name, ends in ctx.given["ends"].items():
        if name not in found:
            if ends > now:
                raise Missing(f"Session {name}, which has not ended,")
            continue
        value = found[name].get("expires")
        if value is None:
            raise Missing(f"expires of session {name}")
        if isinstance(value, str):
            raise Mismatch(f"expires of session {name}", expected="a number", found=value)
        if value != ends:
            raise Mismatch(f"expires of session {name}", expected=ends, found=str(value), show_expected=False)
        if {n: v for n, v in found[name].items() if n != "expires"} != ctx.given["sessions"][name]:
            raise Mismatch(f"The other attributes of {name}", expected="as they were", found=found[name])


@check(points=2)
def kept_for_ever(ctx):
    """The sessions that are kept are there and have no end, while the others have one."""
    found = _sessions(ctx)
    if not any("expires" in item for item in found.values()):
        raise Missing("expires of the sessions that are not kept")
    for name, item in ctx.given["sessions"].items():
        if "keep" in item and name not in found:
            raise Missing(f"Session {name}, which is kept,")
        if "keep" in item and found[name] != item:
            raise Mismatch(f"Session {name}, which is kept", expected=item, found=found[name])


@check(points=3)
def valid_shown(ctx):
    """The sessions that are valid now were printed, and no others."""
    shown, valid = set(re.findall(r"\bs-\d+", ctx.output)), ctx.given["valid"]
    if not shown:
        raise Missing("A session in what was printed")
    for name in sorted(shown - valid):
        raise Mismatch(f"Session {name}", expected="not among the valid ones", found="printed")
    if valid - shown:
        raise Mismatch("The number of valid sessions printed", expected=len(valid), found=len(shown))

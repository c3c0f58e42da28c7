import time
from datetime import datetime, timedelta

import boto3
from boto3.dynamodb.conditions import Attr

sessions = boto3.resource("dynamodb").Table("sessions")

# 1. When each session ends, in milliseconds since 1970
for session in sessions.scan()["Items"]:
    if session.get("keep"):
        continue
    ends = datetime.fromisoformat(session["last_seen"]) + timedelta(days=30)
    sessions.update_item(
        Key={"session_id": session["session_id"]},
        UpdateExpression="SET expires = :e",
        ExpressionAttributeValues={":e": int(ends.timestamp() * 1000)},
    )

# 2. Switch time to live on
sessions.meta.client.update_time_to_live(
    TableName="sessions", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
)

# 3. The sessions that are valid now
valid = Attr("expires").not_exists() | Attr("expires").gt(int(time.time() * 1000))
for session in sessions.scan(FilterExpression=valid)["Items"]:
    print(session["session_id"])

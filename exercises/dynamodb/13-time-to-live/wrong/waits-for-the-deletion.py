from datetime import datetime, timedelta

import boto3

sessions = boto3.resource("dynamodb").Table("sessions")

# 1. When each session ends, in seconds since 1970
for session in sessions.scan()["Items"]:
    ends = datetime.fromisoformat(session["last_seen"]) + timedelta(days=30)
    sessions.update_item(
        Key={"session_id": session["session_id"]},
        UpdateExpression="SET expires = :e",
        ExpressionAttributeValues={":e": int(ends.timestamp())},
    )

# 2. Switch time to live on
sessions.meta.client.update_time_to_live(
    TableName="sessions", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
)

# 3. The sessions that are there
for session in sessions.scan()["Items"]:
    print(session["session_id"])

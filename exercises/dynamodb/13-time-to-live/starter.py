import boto3

sessions = boto3.resource("dynamodb").Table("sessions")

# 1. When does each session end?
for session in sessions.scan()["Items"]:
    print(session["last_seen"], session.get("keep"))

# 2. Switch time to live on

# 3. Print the sessions that are valid now

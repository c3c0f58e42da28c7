"""Put every line of visits.jsonl into the stream arrivals: in batches, and again what was refused."""

import json
import time
from pathlib import Path

import boto3

BATCH = 500
LONGEST_PAUSE = 1.0

kinesis = boto3.client("kinesis")


def put(records):
    """Put at most 500 records, with pauses that grow while the stream refuses some."""
    left, pause = records, 0.05
    while left:
        answer = kinesis.put_records(StreamName="arrivals", Records=left)
        print(f"{len(left)} records put, {answer['FailedRecordCount']} refused")
        left = [record for record, one in zip(left, answer["Records"], strict=True) if "ErrorCode" in one]
        if left:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


lines = Path("visits.jsonl").read_text().splitlines()
records = [{"PartitionKey": str(json.loads(line)["customer"]), "Data": line} for line in lines]
for start in range(0, len(records), BATCH):
    put(records[start : start + BATCH])

import time
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
lines = Path("visits.jsonl").read_text().splitlines()
records = [{"PartitionKey": "visit", "Data": line} for line in lines]
for start in range(0, len(records), 500):
    left = records[start : start + 500]
    while left:
        answer = kinesis.put_records(StreamName="arrivals", Records=left)
        left = [r for r, one in zip(left, answer["Records"], strict=True) if "ErrorCode" in one]
        time.sleep(0.1 if left else 0)

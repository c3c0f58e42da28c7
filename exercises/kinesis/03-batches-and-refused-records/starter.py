"""Put every line of visits.jsonl into the stream arrivals, with PutRecords."""

import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
lines = Path("visits.jsonl").read_text().splitlines()
print(len(lines), "lines; the first is of customer", json.loads(lines[0])["customer"])

# 500 records a call. What was refused has to be put again.

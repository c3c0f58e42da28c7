import json
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
lines = Path("visits.jsonl").read_text().splitlines()
records = [{"PartitionKey": str(json.loads(line)["customer"]), "Data": line} for line in lines]
for start in range(0, len(records), 500):
    kinesis.put_records(StreamName="arrivals", Records=records[start : start + 500])

import json
import time
from pathlib import Path

import boto3

kinesis = boto3.client("kinesis")
lines = Path("visits.jsonl").read_text().splitlines()
records = [{"PartitionKey": str(json.loads(line)["customer"]), "Data": line} for line in lines]
for start in range(0, len(records), 500):
    left = records[start : start + 500]
    while left:
        said = kinesis.put_records(StreamName="arrivals", Records=left)["Records"]
        refused = [place for place, one in enumerate(said) if "ErrorCode" in one]
        left = left[refused[0] :] if refused else []
        time.sleep(0.1 if left else 0)

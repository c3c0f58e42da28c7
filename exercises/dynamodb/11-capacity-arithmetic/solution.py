import json
from math import ceil
from pathlib import Path

import boto3

plan = boto3.resource("dynamodb").Table("plan")

READ = {"strong": 1, "eventual": 0.5, "transactional": 2}
WRITE = {"standard": 1, "transactional": 2}
LARGEST = 400 * 1024

for work in json.loads(Path("workload.json").read_text()):
    size = work["item_bytes"]
    item = {"table": work["table"], "fits": size <= LARGEST}
    if item["fits"]:
        item["rcu"] = ceil(work["reads"] * ceil(size / 4096) * READ[work["read"]])
        item["wcu"] = ceil(work["writes"] * ceil(size / 1024) * WRITE[work["write"]])
    plan.put_item(Item=item)

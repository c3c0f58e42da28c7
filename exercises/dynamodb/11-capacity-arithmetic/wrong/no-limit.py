import json
from math import ceil
from pathlib import Path

import boto3

plan = boto3.resource("dynamodb").Table("plan")

READ = {"strong": 1, "eventual": 0.5, "transactional": 2}
WRITE = {"standard": 1, "transactional": 2}

for work in json.loads(Path("workload.json").read_text()):
    size = work["item_bytes"]
    rcu = ceil(work["reads"] * ceil(size / 4096) * READ[work["read"]])
    wcu = ceil(work["writes"] * ceil(size / 1024) * WRITE[work["write"]])
    plan.put_item(Item={"table": work["table"], "rcu": rcu, "wcu": wcu, "fits": True})

import json
from pathlib import Path

import boto3

plan = boto3.resource("dynamodb").Table("plan")

for work in json.loads(Path("workload.json").read_text()):
    plan.put_item(Item={"table": work["table"], "rcu": work["reads"], "wcu": work["writes"], "fits": True})

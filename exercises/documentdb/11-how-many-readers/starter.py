import json
import os
from pathlib import Path

from pymongo import MongoClient

workload = json.loads(Path("workload.json").read_text())
plan = MongoClient(os.environ["MONGODB_URI"]).ops.plan

# 1. Who reads from where
for request in workload["requests"]:
    plan.insert_one({"_id": request["name"], "read_preference": "nearest"})

# 2. The cluster
plan.insert_one({"_id": "cluster"})

import json
import os
from pathlib import Path

from pymongo import MongoClient

workload = json.loads(Path("workload.json").read_text())
requests = workload["requests"]

# 1. Who reads from where
preferences = {
    request["name"]: "primary" if request["sees_own_writes"] else "secondaryPreferred" for request in requests
}

# 2. What the writer has to do, and what all readers together
reads = sum(request["reads_per_second"] for request in requests if not request["sees_own_writes"])
own_reads = sum(request["reads_per_second"] for request in requests if request["sees_own_writes"])
writer = own_reads + sum(request["writes_per_second"] for request in requests)

# 3. For each class the cluster that carries it, with one reader more than the reads need
fitting = []
for each in workload["classes"]:
    may = each["operations_per_second"] * 70 // 100
    readers = -(-reads // may) + 1
    if writer <= may and readers <= 15:
        fitting.append(((1 + readers) * each["cents_per_hour"], each["name"], readers))

# 4. The cheapest
price, name, readers = min(fitting)

plan = [{"_id": request, "read_preference": preference} for request, preference in preferences.items()]
plan.append({"_id": "cluster", "class": name, "readers": readers, "cents_per_hour": price})
MongoClient(os.environ["MONGODB_URI"]).ops.plan.insert_many(plan)

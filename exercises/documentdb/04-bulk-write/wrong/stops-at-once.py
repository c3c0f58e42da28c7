import json
import os
from pathlib import Path

from pymongo import MongoClient, UpdateOne
from pymongo.errors import BulkWriteError

shop = MongoClient(os.environ["MONGODB_URI"]).shop

# 1. Arrivals
arrivals = json.loads(Path("arrivals.json").read_text())
try:
    shop.products.insert_many(arrivals)
except BulkWriteError as problem:
    shop.refused.insert_many(
        {"_id": error["index"], "sku": arrivals[error["index"]]["sku"], "code": error["code"]}
        for error in problem.details["writeErrors"]
    )

# 2. Steps build on each other: ordered, nothing is tried after the first error
steps = json.loads(Path("steps.json").read_text())
done = len(steps)
try:
    shop.products.bulk_write(
        [UpdateOne({"sku": step["from"]}, {"$set": {"sku": step["to"]}}) for step in steps], ordered=True
    )
except BulkWriteError as problem:
    done = problem.details["writeErrors"][0]["index"]
shop.progress.insert_one({"_id": "steps", "done": done})

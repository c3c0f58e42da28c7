import json
import os
from pathlib import Path

from pymongo import MongoClient

task = json.loads(Path("task.json").read_text())
shop = MongoClient(os.environ["MONGODB_URI"]).shop

# How far we are: the last order's values, not the number of orders
position = shop.position.find_one({"_id": "export"}) or {"page": 0}

for _ in range(task["pages"]):
    after = {}
    if "date" in position:
        date, key = position["date"], position["order"]
        after = {"$or": [{"date": {"$gt": date}}, {"date": date, "_id": {"$gt": key}}]}
    found = shop.orders.find(after).sort([("date", 1), ("_id", 1)]).limit(task["page_size"])
    page = list(found)
    if not page:
        break
    position = {
        "_id": "export",
        "page": position["page"] + 1,
        "date": page[-1]["date"],
        "order": page[-1]["_id"],
    }
    shop.pages.insert_one({"_id": position["page"], "orders": [order["_id"] for order in page]})
    shop.position.replace_one({"_id": "export"}, position, upsert=True)

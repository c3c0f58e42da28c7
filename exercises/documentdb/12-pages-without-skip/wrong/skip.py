import json
import os
from pathlib import Path

from pymongo import MongoClient

task = json.loads(Path("task.json").read_text())
size = task["page_size"]
shop = MongoClient(os.environ["MONGODB_URI"]).shop

# How far we are: the number of pages that are there
done = shop.pages.count_documents({})

for number in range(done, done + task["pages"]):
    page = shop.orders.find().sort([("date", 1), ("_id", 1)]).skip(number * size).limit(size)
    shop.pages.insert_one({"_id": number + 1, "orders": [order["_id"] for order in page]})

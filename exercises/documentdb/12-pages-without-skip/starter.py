import json
import os
from pathlib import Path

from pymongo import MongoClient

task = json.loads(Path("task.json").read_text())
shop = MongoClient(os.environ["MONGODB_URI"]).shop

page = shop.orders.find().limit(task["page_size"])
shop.pages.replace_one({"_id": 1}, {"orders": [order["_id"] for order in page]}, upsert=True)

"""Customers of one employee with their orders inside; may be run again and again."""

import csv
import json
import os
from pathlib import Path

from pymongo import MongoClient, ReplaceOne

employee = json.loads(Path("task.json").read_text())["employeeid"]

# Each customer's orders by number, each order's lines
customers = {}
with Path("fixtures/orders.csv").open(encoding="utf-8", newline="") as file:
    for row in csv.reader(file):
        if int(row[5]) != employee:
            continue
        orders = customers.setdefault(int(row[6]), {})
        order = orders.setdefault(
            int(row[0]),
            {
                "number": int(row[0]),
                "date": row[2],
                "total": float(row[10]),
                "lines": [],
            },
        )
        order["lines"].append({"product": int(row[11]), "pieces": int(row[12]), "price": float(row[13])})

with Path("fixtures/customers.csv").open(encoding="utf-8", newline="") as file:
    names = {int(row[0]): {"first": row[1], "last": row[2]} for row in csv.reader(file)}

# One document for each customer
writes = [
    ReplaceOne({"_id": customer}, {"name": names[customer], "orders": list(orders.values())}, upsert=True)
    for customer, orders in customers.items()
]
with MongoClient(os.environ["MONGODB_URI"]) as client:
    done = client.shop.customers.bulk_write(writes)
    print(f"{done.upserted_count} new, {done.modified_count} changed")

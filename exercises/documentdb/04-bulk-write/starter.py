import json
import os
from pathlib import Path

from pymongo import MongoClient

shop = MongoClient(os.environ["MONGODB_URI"]).shop

# 1. The arrivals: all that can get in
arrivals = json.loads(Path("arrivals.json").read_text())
shop.products.insert_one(arrivals[0])

# 2. The steps: in their order, none after the first that is refused
steps = json.loads(Path("steps.json").read_text())

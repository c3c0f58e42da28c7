import json
import os
from pathlib import Path

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
shards = json.loads(Path("shards.json").read_text())["shards"]
keys = Path("keys.txt").read_text().splitlines()
print(shards, keys, sorted(store.scan_iter("total:*"))[:3])

# 1. and 2. Rename the keys of each customer

# 3. note:slots

# 4. note:shards

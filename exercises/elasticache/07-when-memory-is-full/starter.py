import json
import os
from pathlib import Path

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
workload = json.loads(Path("workload.json").read_text())
PAGE = "x" * 8000
report = {}

print(cache.config_get("maxmemory*"))

# 1. noeviction

# 2. allkeys-lru

# 3. allkeys-lfu

Path("report.json").write_text(json.dumps(report, indent=1))

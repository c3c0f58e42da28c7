import json
import os
from pathlib import Path

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
workload = json.loads(Path("workload.json").read_text())
PAGE = "x" * 8000
report = {}


def missing(keys):
    return [key for key in keys if not cache.exists(key)]


# 1. noeviction: nothing goes, and writes are refused
pages = list(cache.scan_iter("page:*", count=1000))
for accepted, key in enumerate(workload["new"]):
    try:
        cache.set(key, PAGE)
    except redis.exceptions.OutOfMemoryError as error:
        report["noeviction"] = {"accepted": accepted, "error": str(error)}
        break

# 2. allkeys-lru: whatever was not used for longest goes
cache.config_set("maxmemory-policy", "allkeys-lru")
for key in workload["new"]:
    cache.set(key, PAGE)
report["allkeys-lru"] = missing(pages)

# 3. Once more with the items
cache.flushdb()
for item in workload["items"]:
    cache.set(item["key"], PAGE)
    for _ in range(item["reads"]):
        cache.get(item["key"])
for key in workload["crawled"]:
    cache.set(key, PAGE)
report["allkeys-lfu"] = missing(item["key"] for item in workload["items"])

Path("report.json").write_text(json.dumps(report, indent=1))
print(report)

import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

stats = cache.info("stats")
print(stats["keyspace_hits"], stats["keyspace_misses"])
for entry in cache.slowlog_get(3):
    print(entry)

# The hash findings: hit rate, evicted, slow command, biggest, forgotten

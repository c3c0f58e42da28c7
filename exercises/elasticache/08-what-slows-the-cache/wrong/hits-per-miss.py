import os
from collections import Counter

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

# First the counters: what follows adds to them
stats = cache.info("stats")
hits, misses = stats["keyspace_hits"], stats["keyspace_misses"]

micros = Counter()
for entry in cache.slowlog_get(1000):
    micros[entry["command"].decode().split()[0].upper()] += entry["duration"]

# One walk over all keys; their sizes and times in one go
keys = list(cache.scan_iter(count=1000))
with cache.pipeline(transaction=False) as pipe:
    for key in keys:
        pipe.memory_usage(key, samples=0)
    sizes = dict(zip(keys, pipe.execute(), strict=True))
    for key in keys:
        pipe.ttl(key)
    left = dict(zip(keys, pipe.execute(), strict=True))

findings = {
    "hit rate": f"{100 * hits / misses:.1f}",
    "evicted": stats["expired_keys"],
    "slow command": micros.most_common(1)[0][0],
    "biggest": max(sizes, key=sizes.get),
    "forgotten": sum(key.startswith("session:") and left[key] == -1 for key in keys),
}
cache.hset("findings", mapping=findings)
print(findings)

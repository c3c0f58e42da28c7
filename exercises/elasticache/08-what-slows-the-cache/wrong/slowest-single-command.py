import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

# First the counters: what follows adds to them
stats = cache.info("stats")
hits, misses = stats["keyspace_hits"], stats["keyspace_misses"]

newest = cache.slowlog_get(1)[0]["command"].decode().split()[0].upper()

# One walk over all keys; their elements and times in one go
keys = list(cache.scan_iter(count=1000))
with cache.pipeline(transaction=False) as pipe:
    for key in keys:
        pipe.hlen(key)
    sizes = dict(zip(keys, pipe.execute(raise_on_error=False), strict=True))
    for key in keys:
        pipe.ttl(key)
    left = dict(zip(keys, pipe.execute(), strict=True))

findings = {
    "hit rate": f"{100 * hits / (hits + misses):.1f}",
    "evicted": stats["evicted_keys"],
    "slow command": newest,
    "biggest": max(sizes, key=lambda key: sizes[key] if isinstance(sizes[key], int) else 0),
    "forgotten": sum(key.startswith("session:") and left[key] == -1 for key in keys),
}
cache.hset("findings", mapping=findings)
print(findings)

import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
print(cache.ping())
print(cache.info("server"))

# 1. The hash findings: version, limit, policy, expiring, worker

# 2. note:keys in each database that holds keys

import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
print(cache.xlen("orders"))
for consumer in cache.xinfo_consumers("orders", "shipping"):
    print(consumer)

# 1. and 2. Take over what has hung for more than a minute: ship it, acknowledge it

# 3. Read what is new, as worker-3: ship it, acknowledge it

# 4. The group audit

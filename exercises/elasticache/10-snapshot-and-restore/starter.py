import os
from pathlib import Path

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"])

if os.environ["SANDBOX_RUN"] == "1":
    # A snapshot, in the background; wait until it is complete
    print(cache.info("persistence"))
else:
    # A server on snapshot.rdb; the missing keys profile:... from there into the cache
    print(Path("snapshot.rdb").stat())

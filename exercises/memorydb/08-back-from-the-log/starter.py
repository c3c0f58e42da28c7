import os
from pathlib import Path

import redis

live = redis.Redis.from_url(os.environ["REDIS_URL"])
print(live.dbsize(), "keys")
for file in sorted(Path("appendonlydir").iterdir()):
    print(file, file.stat().st_size)
    print(file.read_bytes()[:300])

# 1. Mend the copy of the append-only file

# 2. Start a server of your own on it

# 3. Bring back what is missing

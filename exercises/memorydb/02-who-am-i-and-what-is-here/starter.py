import os

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
print(store.ping())

# 1. note:me: user and role

# 2. note:types: how many keys of each type

# 3. note:expiring: the keys that have a time to live

# 4. note:refused: the lines of commands.txt that are not permitted

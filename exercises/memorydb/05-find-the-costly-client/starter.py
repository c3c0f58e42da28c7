import os

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
for entry in store.slowlog_get(3):
    print(entry)
for client in store.client_list():
    print(client["id"], client["addr"], client["name"], client["cmd"])

# 1. Who took the most time, and with which command?

# 2. and 3. End two connections

# 5. Which key takes the most memory?

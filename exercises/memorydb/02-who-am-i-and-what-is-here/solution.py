import os
from collections import Counter
from pathlib import Path

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
keys = {key for key in store.scan_iter(count=500) if not key.startswith("note:")}

# 1. Who am I, and what is the server?
store.hset("note:me", mapping={"user": store.acl_whoami(), "role": store.role()[0]})

# 2. and 3. Two questions for each key, sent together
pipe = store.pipeline(transaction=False)
for key in keys:
    pipe.type(key)
    pipe.ttl(key)
answers = pipe.execute()
types, times = answers[::2], answers[1::2]
store.hset("note:types", mapping=Counter(types))
for key, left in zip(keys, times, strict=True):
    if left >= 0:
        store.sadd("note:expiring", key)

# 4. What may I not do?
for line in Path("commands.txt").read_text().splitlines():
    try:
        store.execute_command(*line.split())
    except redis.exceptions.NoPermissionError as problem:
        print(problem)
        store.sadd("note:refused", line)
    except redis.exceptions.ResponseError as problem:
        print(line, "is permitted, but:", problem)

import os
from collections import Counter

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

# 1. Commands by client, and by client and command
by_client, by_command = Counter(), Counter()
for entry in store.slowlog_get(128):
    # The driver leaves these as bytes
    address, command = entry["client_address"].decode(), entry["command"].split()[0].decode()
    by_client[address] += 1
    by_command[address, command] += 1
[(costly, many)] = by_client.most_common(1)
command = max((pair for pair in by_command if pair[0] == costly), key=by_command.get)[1]
print(costly, "sent", many, "commands, mostly", command)
store.hset("incident", mapping={"address": costly, "command": command})

# 2. and 3. The two of them, and nobody else
careless = max(store.client_list(), key=lambda client: int(client["omem"]))
print(careless["addr"], "has not read", careless["omem"], "bytes")
for address in (costly, careless["addr"]):
    store.client_kill_filter(addr=address)

# 5. Bytes by key
keys = list(store.scan_iter(count=1000))
pipe = store.pipeline(transaction=False)
for key in keys:
    pipe.memory_usage(key, samples=0)
size = dict(zip(keys, pipe.execute(), strict=True))
store.hset("incident", "largest", max(size, key=size.get))

import os
from collections import Counter

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

# 1. Microseconds by client, and by client and command
by_client, by_command = Counter(), Counter()
for entry in store.slowlog_get(128):
    # The driver leaves these as bytes
    address, command = entry["client_address"].decode(), entry["command"].split()[0].decode()
    by_client[address] += entry["duration"]
    by_command[address, command] += entry["duration"]
[(costly, time)] = by_client.most_common(1)
command = max((pair for pair in by_command if pair[0] == costly), key=by_command.get)[1]
print(costly, "took", time, "microseconds, mostly with", command)
store.hset("incident", mapping={"address": costly, "command": command})

# 2. and 3. The two of them, and nobody else
careless = max(store.client_list(), key=lambda client: int(client["omem"]))
print(careless["addr"], "has not read", careless["omem"], "bytes")
clients = store.client_list()
[name] = [client["name"] for client in clients if client["addr"] == costly]
for client in clients:
    if client["name"] == name or client["id"] == careless["id"]:
        store.client_kill_filter(_id=client["id"])

# 5. Bytes by key
keys = list(store.scan_iter(count=1000))
pipe = store.pipeline(transaction=False)
for key in keys:
    pipe.memory_usage(key, samples=0)
size = dict(zip(keys, pipe.execute(), strict=True))
store.hset("incident", "largest", max(size, key=size.get))

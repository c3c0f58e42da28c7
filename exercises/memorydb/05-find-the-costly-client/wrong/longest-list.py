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
quiet = [client for client in store.client_list() if client["name"] and client["addr"] != costly]
careless = min(quiet, key=lambda client: int(client["id"]))
print(careless["addr"], "is there the longest:", careless["age"], "seconds")
for address in (costly, careless["addr"]):
    store.client_kill_filter(addr=address)

# 5. The longest list
length = {key: store.llen(key) for key in store.scan_iter(count=1000, _type="list")}
store.hset("incident", "largest", max(length, key=length.get))

import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
print(cache.ping())

# Look first: notes are keys, too
server = cache.info("server")
memory = cache.info("memory")
databases = {int(name.removeprefix("db")): found for name, found in cache.info("keyspace").items()}
worker = cache.client_list()[0]

# 1. What there is, in database 0
cache.hset(
    "findings",
    mapping={
        "version": server.get("valkey_version", server["redis_version"]),
        "limit": memory["maxmemory"],
        "policy": memory["maxmemory_policy"],
        "expiring": sum(found["expires"] for found in databases.values()),
        "worker": worker["db"],
    },
)
print(cache.hgetall("findings"))

# 2. A note in each database that held keys; one connection goes from one to the next
with cache.client() as connection:
    for number, found in databases.items():
        connection.select(number)
        connection.set("note:keys", found["keys"])
        print(number, found["keys"])

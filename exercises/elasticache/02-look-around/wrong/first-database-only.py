import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
server = cache.info("server")
memory = cache.info("memory")
(worker,) = [client for client in cache.client_list() if client["name"] == "worker"]

cache.hset(
    "findings",
    mapping={
        "version": server.get("valkey_version", server["redis_version"]),
        "limit": memory["maxmemory"],
        "policy": memory["maxmemory_policy"],
        "expiring": cache.info("keyspace")["db0"]["expires"],
        "worker": worker["db"],
    },
)
cache.set("note:keys", cache.dbsize())

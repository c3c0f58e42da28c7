import os

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
STREAM, GROUP, ME = "orders", "shipping", "worker-3"


def ship(entries):
    for entry, fields in entries:
        cache.xadd("shipments", {"order": fields["order"], "quantity": fields["quantity"], "by": ME})
        cache.xack(STREAM, GROUP, entry)
        print(ME, "ships", fields["order"])


# 1. What was not acknowledged
place = "0-0"
while True:
    place, entries, _ = cache.xautoclaim(STREAM, GROUP, ME, min_idle_time=0, start_id=place, count=10)
    ship(entries)
    if place == "0-0":
        break

# 3. What nobody was given yet
while found := cache.xreadgroup(GROUP, ME, {STREAM: ">"}, count=10):
    for _, entries in found:
        ship(entries)

# 4. A group for the auditors, from the first entry on
cache.xgroup_create(STREAM, "audit", id="0")

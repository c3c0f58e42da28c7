import json
import os
from pathlib import Path

import redis

primary = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
replica = redis.Redis.from_url(os.environ["SANDBOX_REDIS_REPLICA_URL"], decode_responses=True)
orders = json.loads(Path("orders.json").read_text())

# 1. Who takes writes?
try:
    primary.ping()
    writer = primary
except redis.exceptions.ConnectionError:
    replica.replicaof("NO", "ONE")
    writer = replica

# An order is booked whole or not at all
with writer.pipeline(transaction=True) as booking:
    for order in orders:
        booking.hset(
            f"order:{order['order']}", mapping={"customer": order["customer"], "total": order["total"]}
        )
        booking.zincrby("spend", order["total"], order["customer"])
        booking.execute()
    if writer is primary:
        # On the connection that wrote: until the replica has it
        booking.immediate_execute_command("WAIT", 1, 5000)

# 2. The three best customers
for customer, total in writer.zrevrange("spend", 0, 2, withscores=True):
    print(customer, int(total))

# 3. A replica takes no writes
if writer is primary:
    try:
        replica.set("probe", 1)
    except redis.exceptions.ReadOnlyError as error:
        print(error)

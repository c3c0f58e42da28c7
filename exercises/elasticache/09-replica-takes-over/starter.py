import json
import os
from pathlib import Path

import redis

primary = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
replica = redis.Redis.from_url(os.environ["SANDBOX_REDIS_REPLICA_URL"], decode_responses=True)
orders = json.loads(Path("orders.json").read_text())
print(len(orders), "orders")
print(replica.info("replication"))

# 1. Book the orders: on the primary, or on the replica when the primary is gone

# 2. The three best customers, from the replica

# 3. A write on the replica

import json
import os
from pathlib import Path

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def risk_says_ok(transfer):
    """Ask the risk department, and wait for its answer."""
    store.rpush("risk:asked", transfer["id"])
    _, answer = store.blpop(f"risk:answer:{transfer['id']}", timeout=30)
    return answer == "ok"


for transfer in json.loads(Path("transfers.json").read_text()):
    balance = int(store.get(f"balance:{transfer['from']}"))
    print(transfer, balance)
    # Book it, or refuse it

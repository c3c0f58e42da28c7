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

for transfer in json.loads(Path("transfers.json").read_text()):
    payer, payee = f"balance:{transfer['from']}", f"balance:{transfer['to']}"
    if risk_says_ok(transfer) and int(store.get(payer)) >= transfer["amount"]:
        store.decrby(payer, transfer["amount"])
        store.incrby(payee, transfer["amount"])
        store.hset("transfers", transfer["id"], "done")
    else:
        store.hset("transfers", transfer["id"], "refused")

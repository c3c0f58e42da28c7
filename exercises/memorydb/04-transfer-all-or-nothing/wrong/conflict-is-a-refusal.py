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


def settle(pipe, transfer):
    payer, payee = f"balance:{transfer['from']}", f"balance:{transfer['to']}"
    # From here on EXEC does nothing if somebody writes the payer's balance
    pipe.watch(payer)
    enough = int(pipe.get(payer)) >= transfer["amount"]
    done = enough and risk_says_ok(transfer)
    pipe.multi()
    if done:
        pipe.decrby(payer, transfer["amount"])
        pipe.incrby(payee, transfer["amount"])
    pipe.hset("transfers", transfer["id"], "done" if done else "refused")
    pipe.execute()
    print(transfer["id"], "done" if done else "refused")


with store.pipeline() as pipe:
    for transfer in json.loads(Path("transfers.json").read_text()):
        try:
            settle(pipe, transfer)
        except redis.WatchError:
            store.hset("transfers", transfer["id"], "refused")

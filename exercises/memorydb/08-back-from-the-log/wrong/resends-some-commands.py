import os
from pathlib import Path

import redis

live = redis.Redis.from_url(os.environ["REDIS_URL"])
[log] = Path("appendonlydir").glob("*.incr.aof")
before, _, _ = log.read_bytes().partition(b"*1\r\n$8\r\nFLUSHALL\r\n")

# Each command: how many words, and then the length and the bytes of each word
lines = before.split(b"\r\n")
at = 0
now = set(live.scan_iter("booking:*", count=1000))
while at < len(lines) - 1:
    count = int(lines[at][1:])
    words = lines[at + 2 : at + 1 + 2 * count : 2]
    at += 1 + 2 * count
    key = {b"HSET": 1, b"ZADD": 3}.get(words[0])
    if key and b"booking:" + words[key].removeprefix(b"booking:") not in now:
        live.execute_command(*words)

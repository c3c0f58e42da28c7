import os
import subprocess
import time
from pathlib import Path

import redis

live = redis.Redis.from_url(os.environ["REDIS_URL"])

# 1. Up to the command
[log] = Path("appendonlydir").glob("*.incr.aof")
before, flushed, _ = log.read_bytes().partition(b"FLUSHALL")
assert flushed, "no FLUSHALL in it"
log.write_bytes(before)

# 2. A server of my own on what is left
settings = {"port": "0", "unixsocket": "mended.sock", "dir": ".", "appendonly": "yes", "save": ""}
words = [word for name, value in settings.items() for word in (f"--{name}", value)]
server = subprocess.Popen(["valkey-server", *words], stdout=subprocess.DEVNULL)
mended = redis.Redis(unix_socket_path="mended.sock")
while True:
    try:
        mended.dbsize()
        break
    except redis.exceptions.RedisError:
        # It does not listen yet, or is still reading
        assert server.poll() is None, "it did not start"
        time.sleep(0.02)

# 3. What the live server has, it knows better
for key in mended.scan_iter("booking:*", count=1000):
    if not live.exists(key):
        live.restore(key, 0, mended.dump(key))
days = dict(mended.zrange("bookings:by-day", 0, -1, withscores=True))
live.zadd("bookings:by-day", days, nx=True)
print(live.zcard("bookings:by-day"), "bookings")

server.terminate()
server.wait()

import os
import subprocess
import time
from pathlib import Path

import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"])


def take_snapshot():
    cache.bgsave()
    while cache.info("persistence")["rdb_bgsave_in_progress"]:
        time.sleep(0.02)
    print(cache.info("persistence")["rdb_last_bgsave_status"])


def bring_back():
    # Not saved at the end, so that the snapshot stays what it is
    options = ["--port", "0", "--unixsocket", "old.sock", "--dbfilename", "snapshot.rdb", "--save", ""]
    server = subprocess.Popen(["valkey-server", *options], stdout=subprocess.DEVNULL)
    try:
        old = redis.Redis.from_url(f"unix://{Path('old.sock').absolute()}")
        wait_for(old)
        for key in old.scan_iter("profile:*", count=1000):
            if not cache.exists(key):
                # A moment, not a duration; -1 for none
                moment = old.pexpiretime(key)
                cache.restore(key, max(moment, 0), old.dump(key), absttl=moment > 0)
                print(key.decode())
    finally:
        server.terminate()
        server.wait()


def wait_for(server):
    for _ in range(500):
        try:
            server.ping()
            return
        except redis.exceptions.ConnectionError:
            time.sleep(0.02)
    raise SystemExit("The server on the snapshot does not start.")


if os.environ["SANDBOX_RUN"] == "1":
    take_snapshot()
else:
    bring_back()

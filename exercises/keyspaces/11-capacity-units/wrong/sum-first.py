"""Capacity units of each table of workload.json."""

import json
from math import ceil
from pathlib import Path

needed = {}
for table in json.loads(Path("workload.json").read_text(encoding="utf-8")):
    read = ceil(table["reads"] * table["row_bytes"] / 4096)
    read = read / 2 if table["consistency"] == "LOCAL_ONE" else read
    write = ceil(table["writes"] * table["row_bytes"] / 1024)
    share = table["busiest_percent"]
    needed[table["table"]] = {
        "read_units": ceil(read),
        "write_units": write,
        "buckets": max(1, ceil(read * share / 300_000), ceil(write * share / 100_000)),
    }
Path("capacity.json").write_text(json.dumps(needed, indent=2), encoding="utf-8")

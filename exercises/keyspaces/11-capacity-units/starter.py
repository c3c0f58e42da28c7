"""Capacity units of each table of workload.json."""

import json
from pathlib import Path

needed = {}
for table in json.loads(Path("workload.json").read_text(encoding="utf-8")):
    # What does one read take, and one write?
    needed[table["table"]] = {
        "read_units": table["reads"],
        "write_units": table["writes"],
        "buckets": 1,
    }
Path("capacity.json").write_text(json.dumps(needed, indent=2), encoding="utf-8")

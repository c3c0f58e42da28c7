import csv
import os
from pathlib import Path

from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.traversal import Direction, T

connection = DriverRemoteConnection(
    os.environ["SANDBOX_GREMLIN_URL"],
    os.environ["SANDBOX_GREMLIN_DATABASE"],
    username=os.environ["SANDBOX_GREMLIN_USER"],
    password=os.environ["SANDBOX_GREMLIN_PASSWORD"],
)
g = traversal().with_(connection)


def batches(rows, size=100):
    return (rows[at : at + size] for at in range(0, len(rows), size))


with Path("devices.csv").open(newline="") as file:
    # The last line about a device is the one that stays.
    devices = {row["id"]: row for row in csv.DictReader(file)}
vertices = [
    {T.id: row["id"], T.label: "device", "kind": row["kind"], "checked": int(row["checked"])}
    for row in devices.values()
]
with Path("links.csv").open(newline="") as file:
    edges = [
        {
            T.label: "links",
            Direction.OUT: row["from"],
            Direction.IN: row["to"],
            "capacity": int(row["capacity"]),
        }
        for row in csv.DictReader(file)
    ]

for batch in batches(vertices):
    g.inject(batch).unfold().merge_v().iterate()
for edge in edges:
    g.merge_e(edge).iterate()
connection.close()

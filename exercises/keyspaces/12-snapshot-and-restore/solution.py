"""A snapshot, an accident and a repair."""

import os
import subprocess
from decimal import Decimal
from pathlib import Path

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("shop")

# 1. What is in memory is written out first, so the snapshot has every row.
subprocess.run(["nodetool", "snapshot", "-t", "before-cleanup", "-cf", "orders", "shop"], check=True)

# 2. and 3.
session.execute("TRUNCATE orders")
session.execute(
    "INSERT INTO orders (order_id, customer, amount) VALUES (%s, %s, %s)",
    (900001, "Jane Doe", Decimal("10.50")),
)

# 4. Where the files of the snapshot are.
folders = session.execute("SELECT value FROM system_views.settings WHERE name = 'data_file_directories'")
table = session.execute(
    "SELECT id FROM system_schema.tables WHERE keyspace_name = 'shop' AND table_name = 'orders'"
)
data = Path(folders.one().value.strip("[]").split(",")[0])
snapshot = data / "shop" / f"orders-{table.one().id.hex}" / "snapshots" / "before-cleanup"
subprocess.run(["nodetool", "import", "--copy-data", "shop", "orders", str(snapshot)], check=True)

for row in session.execute("SELECT order_id, customer, amount, writetime(amount) FROM orders"):
    print(*row)
cluster.shutdown()

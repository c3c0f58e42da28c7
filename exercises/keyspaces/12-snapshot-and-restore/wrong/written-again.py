"""A snapshot, an accident and a repair."""

import os
import subprocess
from decimal import Decimal

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("shop")

old = list(session.execute("SELECT order_id, customer, amount FROM orders"))
subprocess.run(["nodetool", "flush", "shop", "orders"], check=True)
session.execute("TRUNCATE orders")
insert = session.prepare("INSERT INTO orders (order_id, customer, amount) VALUES (?, ?, ?)")
for row in [*old, (900001, "Jane Doe", Decimal("10.50"))]:
    session.execute(insert, row)
cluster.shutdown()

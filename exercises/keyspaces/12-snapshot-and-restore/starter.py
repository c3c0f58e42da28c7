"""A snapshot, an accident and a repair."""

import os

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("shop")

# 1. The snapshot before-cleanup: nodetool ...


# 2. and 3. The accident, and the next order.
session.execute("TRUNCATE orders")

# 4. The rows back, out of the snapshot.

cluster.shutdown()

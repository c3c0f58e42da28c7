"""Which table is read most, written most, and full of tombstones: asked of the server's own counters."""

import os

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect()

# Which table of app has the largest counter?
for row in session.execute("SELECT * FROM system_views.local_read_latency"):
    print(row)

cluster.shutdown()

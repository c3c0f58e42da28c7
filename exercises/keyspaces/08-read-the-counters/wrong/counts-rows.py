"""Which table is read most, written most, and full of tombstones: asked of the server's own counters."""

import os

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect()


def first(view, column):
    """The table of app with the largest value in a virtual table: a few rows in memory, cheap to filter."""
    rows = session.execute(
        f"SELECT table_name, {column} FROM system_views.{view} WHERE keyspace_name = 'app' ALLOW FILTERING"
    )
    return max(rows, key=lambda row: row[1])[0]


print("read:", first("local_read_latency", "count"))
sizes = {}
for table in ("events", "jobs", "users"):
    sizes[table] = session.execute(f"SELECT count(*) FROM app.{table}").one()[0]
print("written:", max(sizes, key=sizes.get))
print("tombstones:", first("tombstones_per_read", "max"))
cluster.shutdown()

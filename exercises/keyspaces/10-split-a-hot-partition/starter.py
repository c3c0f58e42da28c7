"""A bucket of a day beside the sensor, and a query that goes back from bucket to bucket."""

import os

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("sensors")

# 1. A table with a partition for each day of a sensor.


# 2. All readings into it.
rows = session.execute("SELECT sensor, at, value FROM readings")


# 3. The latest ten of gate, from the new table.
for row in session.execute("SELECT value FROM readings WHERE sensor = 'gate' LIMIT 10"):
    print(row.value)
cluster.shutdown()

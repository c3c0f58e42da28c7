"""Which consistency levels one node can serve, and how many copies the others would require."""

import os

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.query import SimpleStatement

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("shop")

# 1. Each level: does it work, and if not, how many copies are required?
statement = SimpleStatement(
    "INSERT INTO stock (item, amount) VALUES ('trial', 1)", consistency_level=ConsistencyLevel.QUORUM
)
session.execute(statement)

# 2. The same with IF NOT EXISTS.


# 3. and 4. A factor that one node can keep; the lamp.

cluster.shutdown()

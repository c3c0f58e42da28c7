"""Which consistency levels one node can serve, and how many copies the others would require."""

import os

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.query import SimpleStatement

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("shop")


# Three copies: a quorum is two of them.
found = {"ONE": None, "LOCAL_ONE": None, "TWO": 2, "QUORUM": 2, "LOCAL_QUORUM": None, "ALL": 3, "SERIAL": 2}

for name, required in found.items():
    session.execute(
        SimpleStatement(
            "INSERT INTO findings (level, works, required) VALUES (%s, %s, %s)",
            consistency_level=ConsistencyLevel.ONE,
        ),
        (name, required is None, required),
    )

session.execute("ALTER KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
session.execute(
    SimpleStatement(
        "INSERT INTO stock (item, amount) VALUES ('lamp', 7)", consistency_level=ConsistencyLevel.QUORUM
    )
)
cluster.shutdown()

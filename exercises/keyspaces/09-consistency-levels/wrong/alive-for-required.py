"""Which consistency levels one node can serve, and how many copies the others would require."""

import os

from cassandra import ConsistencyLevel, Unavailable
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.policies import FallthroughRetryPolicy
from cassandra.query import SimpleStatement

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("shop")


def attempt(text, level):
    """None if the statement works at a level, else how many copies there are."""
    # Without this policy the driver tries other nodes, and says in the end only that there were none.
    statement = SimpleStatement(text, consistency_level=level, retry_policy=FallthroughRetryPolicy())
    try:
        session.execute(statement)
    except Unavailable as refused:
        return refused.alive_replicas
    return None


plain = "INSERT INTO stock (item, amount) VALUES ('trial', 1)"
found = {
    name: attempt(plain, ConsistencyLevel.name_to_value[name])
    for name in ("ONE", "LOCAL_ONE", "TWO", "QUORUM", "LOCAL_QUORUM", "ALL")
}
found["SERIAL"] = attempt(plain + " IF NOT EXISTS", ConsistencyLevel.ONE)

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

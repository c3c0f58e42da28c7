"""A bucket of a day beside the sensor, and a query that goes back from bucket to bucket."""

import os
from datetime import date, timedelta

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.concurrent import execute_concurrent_with_args

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect("sensors")

session.execute("""
    CREATE TABLE readings_by_day (
        sensor text, day date, at timestamp, value int,
        PRIMARY KEY (sensor, day, at)
    ) WITH CLUSTERING ORDER BY (day DESC, at DESC)
""")

rows = session.execute("SELECT sensor, at, value FROM readings")
insert = session.prepare("INSERT INTO readings_by_day (sensor, day, at, value) VALUES (?, ?, ?, ?)")
execute_concurrent_with_args(session, insert, [(r.sensor, r.at.date(), r.at, r.value) for r in rows])

select = session.prepare("SELECT value FROM readings_by_day WHERE sensor = ? AND day = ? LIMIT ?")
day, latest = date(2024, 3, 20), []
while len(latest) < 10 and day > date(2024, 1, 1):
    latest += [row.value for row in session.execute(select, ("gate", day, 10 - len(latest)))]
    day -= timedelta(days=1)
print(*latest, sep="\n")
cluster.shutdown()

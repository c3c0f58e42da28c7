"""Orders by customer and by day: one table for each question."""

import csv
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.concurrent import execute_concurrent

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect()

session.execute(
    "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
)
session.set_keyspace("shop")
session.execute("""
    CREATE TABLE orders_by_customer (
        customer_id int, order_date date, order_id int, total decimal,
        PRIMARY KEY (customer_id, order_date)
    ) WITH CLUSTERING ORDER BY (order_date DESC)
""")
session.execute("""
    CREATE TABLE orders_by_day (
        customer_id int, order_date date, order_id int, total decimal,
        PRIMARY KEY (order_date, total, order_id)
    ) WITH CLUSTERING ORDER BY (total DESC, order_id ASC)
""")

orders = {}
with Path("fixtures/orders.csv").open(encoding="utf-8", newline="") as file:
    for line in csv.reader(file):
        month, of_month, year = map(int, line[2].split("/"))
        day = date(year, month, of_month)
        if day.year == 2014:
            orders[int(line[0])] = (int(line[6]), day, int(line[0]), Decimal(line[10]))

columns = "(customer_id, order_date, order_id, total) VALUES (?, ?, ?, ?)"
inserts = [session.prepare(f"INSERT INTO {t} {columns}") for t in ("orders_by_customer", "orders_by_day")]
execute_concurrent(session, [(insert, row) for insert in inserts for row in orders.values()])
cluster.shutdown()

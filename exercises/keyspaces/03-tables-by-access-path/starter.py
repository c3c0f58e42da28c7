"""Orders by customer and by day: one table for each question."""

import csv
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

login = PlainTextAuthProvider(os.environ["CASSANDRA_USER"], os.environ["CASSANDRA_PASSWORD"])
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]), auth_provider=login)
session = cluster.connect()

session.execute(
    "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
)
session.set_keyspace("shop")
# Which key answers A, all orders of a customer, the newest first? Which one B, the orders of a day?
session.execute("""
    CREATE TABLE orders_by_customer (
        customer_id int, order_date date, order_id int, total decimal,
        PRIMARY KEY (order_id)
    )
""")

# The orders of 2014, each once, into both tables.
with Path("fixtures/orders.csv").open(encoding="utf-8", newline="") as file:
    for line in csv.reader(file):
        month, of_month, year = map(int, line[2].split("/"))
        day = date(year, month, of_month)
        order = (int(line[6]), day, int(line[0]), Decimal(line[10]))

cluster.shutdown()

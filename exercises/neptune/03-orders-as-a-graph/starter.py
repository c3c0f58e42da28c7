import csv
import json
import os
from pathlib import Path

from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.traversal import T

connection = DriverRemoteConnection(
    os.environ["SANDBOX_GREMLIN_URL"],
    os.environ["SANDBOX_GREMLIN_DATABASE"],
    username=os.environ["SANDBOX_GREMLIN_USER"],
    password=os.environ["SANDBOX_GREMLIN_PASSWORD"],
)
g = traversal().with_(connection)

with Path("wanted.json").open() as file:
    wanted = set(json.load(file))

with Path("fixtures/customers.csv").open(newline="") as file:
    for number, first, _last, _full in csv.reader(file):
        if int(number) in wanted:
            g.add_v("customer").property(T.id, f"customer-{number}").property("firstname", first).iterate()

connection.close()

import csv
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

with Path("devices.csv").open(newline="") as file:
    for row in csv.DictReader(file):
        # One request for each row. Is there a way to send many at once?
        g.merge_v({T.id: row["id"], T.label: "device"}).iterate()

connection.close()

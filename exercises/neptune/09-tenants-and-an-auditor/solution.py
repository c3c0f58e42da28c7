import json
import os
from pathlib import Path

from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.strategies import PartitionStrategy, ReadOnlyStrategy

connection = DriverRemoteConnection(
    os.environ["SANDBOX_GREMLIN_URL"],
    os.environ["SANDBOX_GREMLIN_DATABASE"],
    username=os.environ["SANDBOX_GREMLIN_USER"],
    password=os.environ["SANDBOX_GREMLIN_PASSWORD"],
)
g = traversal().with_(connection)
task = json.loads(Path("task.json").read_text())

north = g.with_strategies(
    PartitionStrategy(partition_key="tenant", write_partition="north", read_partitions=["north"])
)
auditor = g.with_strategies(
    PartitionStrategy(partition_key="tenant", read_partitions=["north", "south"]), ReadOnlyStrategy()
)

# 1. a new document of north, and what it cites
(
    north.add_v("document")
    .property("title", task["title"])
    .property("status", "final")
    .add_e("cites")
    .to(__.V(task["cites"]))
    .iterate()
)

# 2. north's drafts
north.V().has_label("document").has("status", "draft").drop().iterate()

# 3. what the auditor sees
seen = auditor.V().has_label("document").count().next()

# 4. what the auditor may not do
refusal = ""
try:
    auditor.add_v("document").iterate()
except GremlinServerError as error:
    refusal = error.status_message

# 5. both noted
g.add_v("audit").property("seen", seen).property("refusal", refusal).iterate()
connection.close()

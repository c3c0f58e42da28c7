import os

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

if os.environ["SANDBOX_RUN"] == "1":
    # Export: what has to be written down of each vertex, and of each edge?
    for row in g.V().project("id", "label").by(T.id).by(T.label).to_list():
        print(row)
else:
    # Import: the graph is empty now.
    print(g.V().count().next())

connection.close()

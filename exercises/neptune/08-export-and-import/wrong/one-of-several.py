import os
from pathlib import Path

from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import T
from gremlin_python.structure.io.graphsonV3d0 import GraphSONReader, GraphSONWriter

connection = DriverRemoteConnection(
    os.environ["SANDBOX_GREMLIN_URL"],
    os.environ["SANDBOX_GREMLIN_DATABASE"],
    username=os.environ["SANDBOX_GREMLIN_USER"],
    password=os.environ["SANDBOX_GREMLIN_PASSWORD"],
)
g = traversal().with_(connection)
file = Path("graph.json")


def export():
    values = __.properties().project("key", "value").by(T.key).by(T.value).fold()
    vertices = g.V().element_map().to_list()
    edges = (
        g.E()
        .project("id", "label", "from", "to", "values")
        .by(T.id)
        .by(T.label)
        .by(__.out_v().id_())
        .by(__.in_v().id_())
        .by(values)
        .to_list()
    )
    file.write_text(GraphSONWriter().write_object({"vertices": vertices, "edges": edges}))


def bring_back():
    graph = GraphSONReader().read_object(file.read_text())
    for vertex in graph["vertices"]:
        new = g.add_v(vertex.pop(T.label)).property(T.id, vertex.pop(T.id))
        for key, value in vertex.items():
            new = new.property(key, value)
        new.iterate()
    for edge in {(edge["from"], edge["to"]): edge for edge in graph["edges"]}.values():
        new = g.V(edge["from"]).add_e(edge["label"]).to(__.V(edge["to"])).property(T.id, edge["id"])
        for each in edge["values"]:
            new = new.property(each["key"], each["value"])
        new.iterate()


if os.environ["SANDBOX_RUN"] == "1":
    export()
else:
    bring_back()
connection.close()

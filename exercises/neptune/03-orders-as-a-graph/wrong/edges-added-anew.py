import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Merge, T

connection = DriverRemoteConnection(
    os.environ["SANDBOX_GREMLIN_URL"],
    os.environ["SANDBOX_GREMLIN_DATABASE"],
    username=os.environ["SANDBOX_GREMLIN_USER"],
    password=os.environ["SANDBOX_GREMLIN_PASSWORD"],
)
g = traversal().with_(connection)


def vertex(label, number, **properties):
    return {"key": {T.id: f"{label}-{number}", T.label: label}, "more": properties}


def edge(label, start, end, known_by=None, **properties):
    return label, start, end, {**(known_by or {}), **properties}


with Path("wanted.json").open() as file:
    wanted = set(json.load(file))
vertices, edges = {}, {}

with Path("fixtures/customers.csv").open(newline="") as file:
    for number, first, last, _ in csv.reader(file):
        if int(number) in wanted:
            vertices["customer", number] = vertex("customer", number, firstname=first, lastname=last)

with Path("fixtures/orders.csv").open(newline="") as file:
    for row in csv.reader(file):
        order, line, date, customer, total = row[0], int(row[1]), row[2], row[6], row[10]
        product, quantity, amount = row[11], int(row[12]), float(row[15])
        if int(customer) not in wanted:
            continue
        month, day, year = map(int, date.split("/"))
        ordered = datetime(year, month, day, tzinfo=UTC)
        vertices["order", order] = vertex("order", order, orderdate=ordered, totaldue=float(total))
        vertices["product", product] = vertex("product", product, productid=int(product))
        edges["placed", order] = edge("placed", f"customer-{customer}", f"order-{order}")
        edges["contains", line] = edge(
            "contains",
            f"order-{order}",
            f"product-{product}",
            {"salesorderdetailid": line},
            orderqty=quantity,
            linetotal=amount,
        )

key, more = __.select("row").select("key"), __.select("row").select("more")
(g.inject(list(vertices.values())).unfold().as_("row").merge_v(key).option(Merge.on_create, more).iterate())
for label, start, end, properties in edges.values():
    new = g.V(start).add_e(label).to(__.V(end))
    for name, value in properties.items():
        new = new.property(name, value)
    new.iterate()
connection.close()

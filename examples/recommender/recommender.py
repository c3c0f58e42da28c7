"""What else a customer may like: products bought by those who bought the same, from a graph.

Run it:  sandbox exec -- python recommender.py customer-291
"""

from __future__ import annotations

import os
import sys
from typing import Any

from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Column, Order, P, T


def recommended(g: Any, customer: str, count: int = 3) -> list[Any]:
    """The ids of products that the customer never bought: those of most like-minded customers first, and by
    id among equals."""
    return (
        g.V(customer)
        .as_("me")
        .out("placed")
        .out("contains")
        .dedup()
        .aggregate("mine")
        .in_("contains")
        .in_("placed")
        .where(P.neq("me"))
        .dedup()
        # Each of the others has one voice for a product, however often he bought it.
        .flat_map(__.out("placed").out("contains").dedup())
        .where(P.without("mine"))
        .group_count()
        .by(T.id_)
        .unfold()
        .order()
        .by(Column.values, Order.desc)
        .by(Column.keys)
        .limit(count)
        .select(Column.keys)
        .to_list()
    )


def main() -> None:
    """Print what to recommend to the customer in the first argument."""
    where = {key: os.environ[f"SANDBOX_GREMLIN_{key}"] for key in ("URL", "DATABASE", "USER", "PASSWORD")}
    connection = DriverRemoteConnection(
        where["URL"], where["DATABASE"], username=where["USER"], password=where["PASSWORD"]
    )
    try:
        for product in recommended(traversal().with_remote(connection), sys.argv[1]):
            print(product)
    finally:
        connection.close()


if __name__ == "__main__":
    main()

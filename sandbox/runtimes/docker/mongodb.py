"""MongoDB from the official image."""

from __future__ import annotations

from typing import ClassVar

from sandbox.runtimes.base import Facts
from sandbox.runtimes.docker.recipe import Container, Context, Recipe


class MongodbRecipe(Recipe):
    """MongoDB 8.0, one server that is no member of a replica set."""

    engine = "mongodb"
    image = "mongo:8.0"
    version = "8.0"
    product = "MongoDB 8.0"
    port = 27017
    memory_mib = 200
    disk_mib = 330
    order = 40
    # The journal is written every 100 ms, for clients that do not ask for it with each write.
    behind_seconds = 0.15
    lacks: ClassVar[frozenset[str]] = frozenset({"transactions", "change-streams", "replica-set"})

    def of_product(self, product: str) -> Facts:
        return _FERRET if product.startswith("FerretDB") else self

    def container(self, context: Context) -> Container:
        words = [f"--{name}={value}" for name, value in context.options.items()]
        return Container(command=["mongod", "--wiredTigerCacheSizeGB=0.25", *words])


class FerretRecipe(MongodbRecipe):
    """What an image of that name holds where no registry can be reached, or a person gave in its place."""

    product = "FerretDB 2"
    memory_mib = 80
    approximation = (
        "FerretDB stands in for MongoDB: the same protocol and most of its commands, but no transactions,"
        " change streams, capped or time-series collections, and every user may do everything."
    )
    lacks = MongodbRecipe.lacks | {
        *("roles", "custom-roles", "capped", "time-series", "collation", "profiler"),
        # Its plans are those of PostgreSQL, and its schemas know no additionalProperties.
        *("explain", "index-performance", "json-schema"),
    }


_FERRET = FerretRecipe()
RECIPE = MongodbRecipe()

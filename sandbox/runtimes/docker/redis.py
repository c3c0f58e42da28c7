"""Redis from the official image."""

from __future__ import annotations

import hashlib

from sandbox.engines.redis import ENGINE
from sandbox.runtimes.docker.recipe import Container, Context, Recipe
from sandbox.runtimes.native.redis import settings
from sandbox.runtimes.ports import HOST


class RedisRecipe(Recipe):
    """Redis 8 with an append-only file, so that acknowledged writes outlive a kill -9."""

    engine = "redis"
    image = "redis:8"
    version = "8"
    product = "Redis 8"
    port = 6379
    memory_mib = 15
    disk_mib = 20
    order = 80
    empty_is_fast = True
    # Its files are not those of this machine, and its rules of access know no databases.
    lacks = frozenset({"attempts-apart", "shared-files"})
    replicates = True

    def container(self, context: Context) -> Container:
        digest = hashlib.sha256(context.credentials.admin.encode()).hexdigest()
        lines = {
            **settings(durable=context.durable),
            "bind": "* -::*",
            "port": self.port,
            "user default": f"on #{digest} ~* &* +@all",
            "dir": "/data",
            **context.options,
        }
        if context.primary:
            lines["masteruser"] = ENGINE.admin
            lines["masterauth"] = context.credentials.admin
            # So that who asks the primary for its replicas learns where this machine reaches them.
            lines["replica-announce-ip"] = HOST
            lines["replica-announce-port"] = context.published
        conf = "".join(f"{name} {value}\n" for name, value in lines.items())
        return Container(command=["redis-server", CONF], files={CONF: conf})


CONF = "/usr/local/etc/redis/sandbox.conf"
RECIPE = RedisRecipe()

"""Customers and what they bought: FastAPI on PostgreSQL, with Redis in front of it as a cache (cache-aside).

Run it:  sandbox exec -- uvicorn --factory shop:create_app
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import redis
import sqlalchemy as sa
from fastapi import FastAPI, HTTPException

CACHED_SECONDS = 60
CUSTOMER = sa.text(
    """
    select c.fullname as name,
           count(distinct o.salesorderid) as orders,
           coalesce(sum(o.linetotal), 0) as total
    from customers c left join orders o using (customerid)
    where c.customerid = :number
    group by c.customerid, c.fullname
    """
)
RENAME = sa.text("update customers set fullname = :name where customerid = :number")


def create_app(database_url: str | None = None, redis_url: str | None = None) -> FastAPI:
    """The application; without arguments, on what ``DATABASE_URL`` and ``REDIS_URL`` say."""
    database = sa.create_engine(database_url or os.environ["DATABASE_URL"])
    cache = redis.Redis.from_url(redis_url or os.environ["REDIS_URL"], decode_responses=True)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        cache.close()
        database.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/customers/{number}")
    def customer(number: int) -> dict[str, Any]:
        # A cache that is down makes answers slower, not wrong.
        with suppress(redis.RedisError):
            kept = cache.get(f"customer:{number}")
            if kept is not None:
                return json.loads(kept)
        with database.connect() as connection:
            row = connection.execute(CUSTOMER, {"number": number}).one_or_none()
        if row is None:
            raise HTTPException(404, f"There is no customer {number}.")
        found = {"number": number, "name": row.name, "orders": row.orders, "total": str(row.total)}
        with suppress(redis.RedisError):
            cache.set(f"customer:{number}", json.dumps(found), ex=CACHED_SECONDS)
        return found

    @app.put("/customers/{number}/name")
    def rename(number: int, name: str) -> None:
        with database.begin() as connection:
            if not connection.execute(RENAME, {"name": name, "number": number}).rowcount:
                raise HTTPException(404, f"There is no customer {number}.")
        # After the commit: before it, a reader could put the old name back.
        with suppress(redis.RedisError):
            cache.delete(f"customer:{number}")

    return app

"""The shop on real engines: each test has a database with the dataset and a Redis database of its own."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from shop import CACHED_SECONDS, create_app

pytestmark = pytest.mark.sandbox_loaded
NUMBER = 291


@pytest.fixture
def shop(sandbox_postgres_db, sandbox_namespace):
    with TestClient(
        create_app(sandbox_postgres_db.url, sandbox_namespace("redis", loaded=False).url)
    ) as client:
        yield client


@pytest.fixture
def execute(sandbox_postgres_db):
    def run(statement: str) -> None:
        with sandbox_postgres_db.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    return run


def test_a_customer_is_told_with_orders_and_total(shop, execute):
    execute("insert into customers values (1, 'Ada', 'Byron', 'Ada Byron')")
    assert shop.get("/customers/1").json() == {"number": 1, "name": "Ada Byron", "orders": 0, "total": "0"}
    found = shop.get(f"/customers/{NUMBER}").json()
    assert found["name"] == "Luther Zubair"
    assert found["orders"] > 0
    assert float(found["total"]) > 0


def test_the_second_answer_comes_from_the_cache(shop, execute):
    first = shop.get(f"/customers/{NUMBER}").json()
    execute("drop table orders")
    assert shop.get(f"/customers/{NUMBER}").json() == first


def test_a_new_name_is_seen_at_once(shop):
    shop.get(f"/customers/{NUMBER}")
    assert shop.put(f"/customers/{NUMBER}/name", params={"name": "Luther Z."}).status_code == 200
    assert shop.get(f"/customers/{NUMBER}").json()["name"] == "Luther Z."


@pytest.mark.parametrize("number", [0, 10**8])
def test_a_stranger_is_not_found_and_not_cached(shop, execute, number):
    assert shop.get(f"/customers/{number}").status_code == 404
    assert shop.put(f"/customers/{number}/name", params={"name": "Nobody"}).status_code == 404
    execute(f"insert into customers values ({number}, 'Ada', 'Byron', 'Ada Byron')")
    assert shop.get(f"/customers/{number}").json()["name"] == "Ada Byron"


def test_nothing_is_cached_for_ever(sandbox_postgres_db, sandbox_redis_db, sandbox_env):
    with TestClient(create_app()) as shop, sandbox_redis_db.connect() as cache:
        shop.get(f"/customers/{NUMBER}")
        assert 0 < cache.ttl(f"customer:{NUMBER}") <= CACHED_SECONDS


def test_the_shop_answers_when_its_cache_dies(sandbox_postgres_db, sandbox_fresh):
    cache = sandbox_fresh("redis")
    with TestClient(create_app(sandbox_postgres_db.url, cache.url)) as shop:
        first = shop.get(f"/customers/{NUMBER}").json()
        cache.kill()
        assert shop.get(f"/customers/{NUMBER}").json() == first
        assert shop.put(f"/customers/{NUMBER}/name", params={"name": "Luther Z."}).status_code == 200
        assert shop.get(f"/customers/{NUMBER}").json()["name"] == "Luther Z."

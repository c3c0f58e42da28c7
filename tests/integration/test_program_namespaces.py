"""Namespaces for tests: apart from each other and from the dataset, clean, and gone when nobody has them.

Whatever is asked here is asked of the engines themselves, by the drivers that programs use.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.redis import DATABASES
from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import SandboxError, UsageError
from sandbox.namespaces import Namespaces, namespace, namespaces
from sandbox.namespaces.base import moved
from sandbox.namespaces.claims import Claims
from sandbox.sandbox import Sandbox

COURSE = {"customers": 635, "employees": 17, "orders": 5087}

# -- what a test would do in each engine -------------------------------------------------------------------


def write(endpoint: Endpoint, mark: str) -> None:
    """Make something of that name (of [a-z0-9])."""
    with engine_named(endpoint.engine).connect(endpoint) as made:
        if endpoint.engine in ("postgres", "mysql"):
            with made.cursor() as cursor:
                cursor.execute(f"create table {mark} (id int primary key)")
                cursor.execute(f"insert into {mark} values (1)")
        elif endpoint.engine == "cassandra":
            made.execute(f"CREATE TABLE {mark} (id int PRIMARY KEY)")
            made.execute(f"INSERT INTO {mark} (id) VALUES (1)")
        elif endpoint.engine == "mongodb":
            made[endpoint.database][mark].insert_one({"_id": 1})
        elif endpoint.engine == "redis":
            made.set(mark, "1")
        elif endpoint.engine == "gremlin":
            made.add_v(mark).iterate()
        else:
            made.client("sqs").create_queue(QueueName=mark)
            made.client("dynamodb").create_table(
                TableName=mark,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )


def seen(endpoint: Endpoint) -> set[str]:
    """Names of all that is there."""
    with engine_named(endpoint.engine).connect(endpoint) as made:
        if endpoint.engine in ("postgres", "mysql"):
            with made.cursor() as cursor:
                cursor.execute(
                    "select table_name from information_schema.tables where table_schema = %s",
                    ["public" if endpoint.engine == "postgres" else endpoint.database],
                )
                return {row[0] for row in cursor.fetchall()}
        if endpoint.engine == "cassandra":
            rows = made.execute(
                "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", [endpoint.database]
            )
            return {row[0] for row in rows}
        if endpoint.engine == "mongodb":
            return set(made[endpoint.database].list_collection_names())
        if endpoint.engine == "redis":
            return set(made.keys("*"))
        if endpoint.engine == "gremlin":
            return set(made.V().label().dedup().to_list())
        queues = made.client("sqs").list_queues().get("QueueUrls", [])
        buckets = made.client("s3").list_buckets()["Buckets"]
        return {
            *made.client("dynamodb").list_tables()["TableNames"],
            *made.client("kinesis").list_streams()["StreamNames"],
            *(url.rpartition("/")[2] for url in queues),
            *(bucket["Name"] for bucket in buckets),
        }


def rows(endpoint: Endpoint) -> dict[str, int]:
    """Rows of the dataset's tables."""
    with engine_named(endpoint.engine).connect(endpoint) as made:
        if endpoint.engine in ("postgres", "mysql"):
            with made.cursor() as cursor:
                found = {}
                for table in COURSE:
                    cursor.execute(f"select count(*) from {table}")
                    found[table] = cursor.fetchone()[0]
                return found
        if endpoint.engine == "cassandra":
            return {table: made.execute(f"SELECT count(*) FROM {table}").one()[0] for table in COURSE}
        if endpoint.engine == "mongodb":
            from sandbox.engines.mongodb_load import counts

            return counts(made[endpoint.database])
        if endpoint.engine == "redis":
            from sandbox.engines.redis_load import counts as redis_counts

            return redis_counts(made)
        if endpoint.engine == "gremlin":
            from sandbox.engines.gremlin_load import counts as graph_counts

            return graph_counts(made)
        from sandbox.engines.aws_load import counts as aws_counts

        return aws_counts(made.client("dynamodb"))


def spoil(endpoint: Endpoint) -> None:
    """Change and remove some of the dataset, and make things that are not its."""
    with engine_named(endpoint.engine).connect(endpoint) as made:
        if endpoint.engine in ("postgres", "mysql"):
            with made.cursor() as cursor:
                cursor.execute("delete from orders where salesorderid > 50000")
                cursor.execute("update customers set lastname = 'Nobody'")
                cursor.execute("create view few as select * from customers")
        elif endpoint.engine == "cassandra":
            made.execute("DELETE FROM customers WHERE customerid = 293")
            made.execute("INSERT INTO employees (employeeid, lastname) VALUES (1, 'Nobody')")
            made.execute("DROP TABLE orders_by_day")
            made.execute("CREATE INDEX ON customers_by_firstname (fullname)")
        elif endpoint.engine == "mongodb":
            made[endpoint.database].customers.delete_many({"_id": {"$gt": 500}})
            made[endpoint.database].employees.drop()
        elif endpoint.engine == "redis":
            made.delete("customer:293", "orders")
            made.set("few", "1")
        elif endpoint.engine == "gremlin":
            made.V().has_label("employee").drop().iterate()
        else:
            dynamodb = made.client("dynamodb")
            dynamodb.delete_item(TableName="customers", Key={"customerid": {"N": "293"}})
            dynamodb.delete_table(TableName="employees")
    write(endpoint, "mine")


def at_server(endpoint: Endpoint) -> bool:
    """Whether the namespace is there: under its name, or with anything in it where names do not tell."""
    engine = engine_named(endpoint.engine)
    if endpoint.engine in ("redis", "gremlin", "aws"):
        return bool(seen(endpoint))
    admin = replace(endpoint, database={"postgres": "postgres"}.get(endpoint.engine, ""))
    with engine.connect(admin) as made:
        if endpoint.engine == "mongodb":
            return endpoint.database in made.list_database_names()
        if endpoint.engine == "cassandra":
            names = made.execute("SELECT keyspace_name FROM system_schema.keyspaces")
            return endpoint.database in [row[0] for row in names]
        with made.cursor() as cursor:
            cursor.execute(
                "select datname from pg_database"
                if endpoint.engine == "postgres"
                else "select schema_name from information_schema.schemata"
            )
            return endpoint.database in [row[0] for row in cursor.fetchall()]


def gone(endpoint: Endpoint, seconds: float = 120) -> bool:
    """Whether it is gone, now or soon: some are dropped in the background."""
    deadline = time.monotonic() + seconds
    while at_server(endpoint):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def records(box: Sandbox, engine: str) -> list[Path]:
    return list((box.root / "namespaces").glob(f"{engine}-*"))


HOLDER = """
import json, sys, time
from sandbox.endpoint import Endpoint
from sandbox.namespaces import namespaces
from sandbox.sandbox import Sandbox
from tests.integration.test_program_namespaces import seen, write

home, engine, mark, number, loaded, spares = sys.argv[1:]
spaces = namespaces(Sandbox(name="tests"), engine)
taken = [spaces.take(loaded=bool(loaded)) for _ in range(int(number))]
for endpoint in taken:
    write(endpoint, mark)
while spaces.spares(loaded=bool(loaded)) < int(spares):
    time.sleep(0.05)
print(json.dumps([[e.database, e.user] for e in taken]), flush=True)
sys.stdin.readline()
print(json.dumps([sorted(seen(e)) for e in taken]), flush=True)
spaces.close()
"""


class Holder:
    """Another process that takes namespaces, marks them, has so many spare ones made, and waits."""

    def __init__(self, engine: str, mark: str, number: int, *, loaded: bool = False, spares: int = 0) -> None:
        words = [engine, mark, str(number), "1" if loaded else "", str(spares)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, "", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def line(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self) -> list[list[str]]:
        """What it sees in its namespaces, all of which it then puts away."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.close()
        found: list[list[str]] = self.line()
        self.process.stdout.close()
        assert self.process.wait(180) == 0
        return found

    def kill(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.process.kill()
        self.process.wait()


@contextmanager
def held(*given: Any, **more: Any) -> Iterator[Holder]:
    holder = Holder(*given, **more)
    try:
        yield holder
    finally:
        holder.kill()


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, engine_up: Callable[[str], tuple[Engine, Endpoint]]) -> str:
    engine_up(request.param)
    name: str = request.param
    return name


@pytest.fixture
def spaces(sandbox: Sandbox, engine: str) -> Iterator[Namespaces]:
    found = namespaces(sandbox, engine, worker="gw7")
    yield found
    found.close()
    assert not records(sandbox, engine)


# -- what holds for every engine ---------------------------------------------------------------------------


def test_an_empty_namespace_is_empty_and_what_is_written_there_is_nowhere_else(
    sandbox: Sandbox, engine: str, spaces: Namespaces
) -> None:
    before = seen(sandbox.endpoint(engine))
    one, other = spaces.take(), spaces.take()
    assert seen(one) == seen(other) == set()
    write(one, "mark")
    assert "mark" in seen(one)
    assert seen(other) == set()
    assert seen(sandbox.endpoint(engine)) == before


def test_a_loaded_namespace_holds_the_dataset_whatever_became_of_the_last_one(
    sandbox: Sandbox, spaces: Namespaces
) -> None:
    first = spaces.take(loaded=True)
    assert rows(first) == COURSE
    as_loaded = seen(first)
    spoil(first)
    assert rows(first) != COURSE
    second = spaces.take(loaded=True)
    assert rows(second) == COURSE
    assert {_plain(name, second) for name in seen(second)} == {_plain(name, first) for name in as_loaded}
    spaces.give_back(first)
    third = spaces.take(loaded=True)
    assert rows(third) == COURSE
    assert {_plain(name, third) for name in seen(third)} == {_plain(name, first) for name in as_loaded}
    assert engine_named(first.engine).counts(sandbox.endpoint(first.engine)) == COURSE


def test_loaded_ones_one_after_the_other_hold_the_dataset_whatever_became_of_the_last(
    sandbox: Sandbox, spaces: Namespaces
) -> None:
    names = set()
    for _ in range(5):
        taken = spaces.take(loaded=True)
        assert rows(taken) == COURSE
        assert "mine" not in seen(taken)
        spoil(taken)
        spaces.give_back(taken)
        names.add((taken.database, taken.user))
    if taken.engine not in ("cassandra", "redis"):
        # Keyspaces are mended and numbers used again.
        assert len(names) == 5
    assert engine_named(taken.engine).counts(sandbox.endpoint(taken.engine)) == COURSE


def test_what_is_made_ahead_is_on_record_and_goes_with_a_killed_process(
    sandbox: Sandbox, engine: str
) -> None:
    number = {"cassandra": 1}.get(engine, 2)
    with held(engine, "dead", number, loaded=engine != "cassandra", spares=1) as dead:
        taken = [database if engine != "aws" else user for database, user in dead.line()]
        admin = sandbox.endpoint(engine)
        ahead = [name for name in _noted(sandbox, engine) if name not in taken]
        places = [_place(engine, admin, name, name) for name in ahead]
        assert any(at_server(each) for each in places), ahead
        dead.kill()
        namespaces(sandbox, engine).close()
        assert not [each for each in places if at_server(each)]
    assert not records(sandbox, engine)


def _noted(box: Sandbox, engine: str) -> list[str]:
    lines = [line for path in records(box, engine) for line in path.read_text().splitlines()]
    return [line[1:] for line in lines if line[0] == "+" and f"-{line[1:]}" not in lines]


def _plain(name: str, endpoint: Endpoint) -> str:
    """A bucket has its account's number in its name."""
    return name.replace(endpoint.user, "0") if endpoint.engine == "aws" else name


def test_what_was_given_back_is_gone_and_giving_it_back_again_does_nothing(spaces: Namespaces) -> None:
    taken = spaces.take()
    write(taken, "mark")
    spaces.give_back(taken)
    assert gone(taken)
    spaces.give_back(taken)


def test_ten_in_a_row_are_clean(spaces: Namespaces) -> None:
    for _ in range(10):
        taken = spaces.take()
        assert seen(taken) == set()
        write(taken, "mark")
        spaces.give_back(taken)


def test_close_leaves_nothing_and_may_come_twice(sandbox: Sandbox, engine: str) -> None:
    found = namespaces(sandbox, engine)
    taken = [found.take(), found.take(loaded=True), found.take()]
    write(taken[0], "mark")
    found.give_back(taken[2])
    found.close()
    found.close()
    assert not [each for each in taken if at_server(each)]
    assert not records(sandbox, engine)
    # PostgreSQL's template is the sandbox's own.
    if engine == "mysql":
        assert not at_server(replace(taken[0], database="sandbox_template"))
    if engine == "redis":
        assert not at_server(replace(taken[0], database=str(DATABASES - 1)))
    with pytest.raises(UsageError, match="closed"):
        found.take()


def test_processes_at_once_never_share(engine: str, spaces: Namespaces) -> None:
    with held(engine, "one", 3) as one, held(engine, "two", 3) as two:
        mine = [spaces.take() for _ in range(3)]
        for each in mine:
            write(each, "three")
        names = [tuple(place) for place in (*one.line(), *two.line())]
        names += [(each.database, each.user) for each in mine]
        assert len(set(names)) == 9
        assert one.end() == [["one"]] * 3
        assert two.end() == [["two"]] * 3
        assert [seen(each) for each in mine] == [{"three"}] * 3


def test_what_a_killed_process_had_is_dropped_by_the_next_and_what_the_living_have_is_not(
    sandbox: Sandbox, engine: str
) -> None:
    with held(engine, "dead", 2) as dead, held(engine, "living", 1) as living:
        admin = sandbox.endpoint(engine)
        lost = [_place(engine, admin, *where) for where in dead.line()]
        (kept,) = [_place(engine, admin, *where) for where in living.line()]
        dead.kill()
        assert all(at_server(each) for each in lost)
        found = namespaces(sandbox, engine)
        try:
            assert not [each for each in lost if at_server(each)]
            assert seen(kept) == {"living"}
            assert len(records(sandbox, engine)) == 2
        finally:
            found.close()
        assert living.end() == [["living"]]
    assert not records(sandbox, engine)


def _place(engine: str, admin: Endpoint, database: str, user: str) -> Endpoint:
    if engine == "aws":
        from sandbox.engines.aws import ENGINE

        return ENGINE.in_account(admin, user)
    if engine == "gremlin":
        return replace(admin, database=database)
    return moved(admin, database)


def test_reset_removes_what_killed_processes_left(sandbox: Sandbox, engine: str) -> None:
    with held(engine, "dead", 1) as dead:
        (where,) = dead.line()
        dead.kill()
        sandbox.reset([engine])
        assert not at_server(_place(engine, sandbox.endpoint(engine), *where))
        assert not records(sandbox, engine)


def test_after_a_reset_namespaces_are_given_out_as_before(
    sandbox: Sandbox, engine: str, spaces: Namespaces
) -> None:
    for loaded in (True, True, False, False):
        spaces.give_back(spaces.take(loaded=loaded))
    deadline = time.monotonic() + 120
    while any(spaces.spares(loaded=loaded) < min(spaces.ahead[loaded], 1) for loaded in (True, False)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # What is ready by now is gone afterwards.
    sandbox.reset([engine])
    assert seen(spaces.take()) == set()
    assert rows(spaces.take(loaded=True)) == COURSE


def test_variables_and_url_point_into_the_namespace(spaces: Namespaces) -> None:
    taken = spaces.take()
    write(taken, "mark")
    engine = engine_named(taken.engine)
    again = engine.from_env(engine.generic_env(taken))
    assert again is not None
    assert (again.database, again.user, again.url) == (taken.database, taken.user, taken.url)
    assert seen(again) == {"mark"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CLIENTS[taken.engine])],
        env={**os.environ, **engine.env(taken), **engine.generic_env(taken)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "mark"), done.stderr


CLIENTS = {
    "postgres": """
        import os, psycopg2
        cursor = psycopg2.connect("").cursor()
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        name = cursor.fetchone()[0]
        cursor = psycopg2.connect(os.environ["DATABASE_URL"]).cursor()
        cursor.execute("select id from mark")
        print(name)
    """,
    "mysql": """
        import os, pymysql, sqlalchemy
        e = os.environ
        made = pymysql.connect(host=e["MYSQL_HOST"], port=int(e["MYSQL_TCP_PORT"]), user=e["MYSQL_USER"],
            password=e["MYSQL_PWD"], database=e["MYSQL_DATABASE"], ssl_disabled=True)
        cursor = made.cursor()
        cursor.execute("select id from mark")
        engine = sqlalchemy.create_engine(e["SANDBOX_MYSQL_SQLALCHEMY_URL"])
        print(*sqlalchemy.inspect(engine).get_table_names())
    """,
    "cassandra": """
        import os
        from cassandra.auth import PlainTextAuthProvider
        from cassandra.cluster import Cluster
        from cassandra.policies import RoundRobinPolicy
        e = os.environ
        cluster = Cluster([e["CASSANDRA_HOST"]], port=int(e["CASSANDRA_PORT"]),
            auth_provider=PlainTextAuthProvider(e["CASSANDRA_USER"], e["CASSANDRA_PASSWORD"]))
        session = cluster.connect(e["CASSANDRA_KEYSPACE"])
        session.execute("SELECT * FROM mark")
        print(*cluster.metadata.keyspaces[e["CASSANDRA_KEYSPACE"]].tables)
        cluster.shutdown()
    """,
    "mongodb": """
        import os, pymongo
        client = pymongo.MongoClient(os.environ["MONGODB_URI"])
        assert client.get_default_database().name == os.environ["MONGODB_DATABASE"]
        print(*client.get_default_database().list_collection_names())
    """,
    "redis": """
        import os, redis
        e = os.environ
        assert redis.from_url(e["REDIS_URL"]).keys() == [b"mark"]
        made = redis.Redis(e["REDIS_HOST"], int(e["REDIS_PORT"]), int(e["REDIS_DB"]), decode_responses=True,
            username=e["REDIS_USER"], password=e["REDIS_PASSWORD"])
        print(*made.keys())
    """,
    "gremlin": """
        import os
        from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
        from gremlin_python.process.anonymous_traversal import traversal
        e = os.environ
        made = DriverRemoteConnection(e["SANDBOX_GREMLIN_URL"], e["SANDBOX_GREMLIN_DATABASE"],
            username=e["SANDBOX_GREMLIN_USER"], password=e["SANDBOX_GREMLIN_PASSWORD"])
        print(*traversal().with_(made).V().label().to_list())
        made.close()
    """,
    "aws": """
        import boto3
        assert boto3.client("sqs").list_queues()["QueueUrls"][0].endswith("/mark")
        print(*boto3.client("dynamodb").list_tables()["TableNames"])
    """,
}


def test_threads_of_one_process_never_share(spaces: Namespaces) -> None:
    found: list[Endpoint] = []
    threads = [threading.Thread(target=lambda: found.append(spaces.take())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(each.database, each.user) for each in found}) == 4


def test_one_namespace_for_a_with_block(sandbox: Sandbox, engine: str) -> None:
    with namespace(sandbox, engine) as taken:
        write(taken, "mark")
        assert seen(taken) == {"mark"}
    assert not at_server(taken)
    assert not records(sandbox, engine)


def test_a_process_that_never_closes_ends_whatever_is_made_in_its_background(engine: str) -> None:
    """Its namespaces are swept by the next."""
    program = f"""
        import threading
        from sandbox.namespaces import namespaces
        from sandbox.sandbox import Sandbox
        spaces = namespaces(Sandbox(name="tests"), {engine!r})
        spaces.give_back(spaces.take())
        spaces.take(loaded=True)
        at_work = threading.Event()
        spaces._background.do(lambda: (at_work.set(), threading.Event().wait()), soon=True)
        at_work.wait()
    """
    # Whoever waited for the background would wait for ever.
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    assert not done.stderr


# -- what single engines add -------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["postgres", "mysql"], indirect=True)
def test_an_open_transaction_does_not_keep_a_database_from_being_dropped(spaces: Namespaces) -> None:
    taken = spaces.take()
    write(taken, "mark")
    # The session is ended by it.
    with _open_transaction(taken, "mark"):
        spaces.give_back(taken)
        assert not at_server(taken)


@contextmanager
def _open_transaction(endpoint: Endpoint, table: str) -> Iterator[None]:
    """A session that reads a table and does not end its transaction; it may be ended by others."""
    with ExitStack() as stack:
        made = stack.enter_context(engine_named(endpoint.engine).connect(endpoint))
        cursor = made.cursor()
        cursor.execute("begin")
        cursor.execute(f"select * from {table}")
        try:
            yield
        finally:
            with suppress(Exception):
                stack.close()


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_nor_does_one_of_a_session_that_is_in_another_database(sandbox: Sandbox, spaces: Namespaces) -> None:
    taken = spaces.take()
    write(taken, "mark")
    with _open_transaction(sandbox.endpoint("mysql"), f"{taken.database}.mark"):
        spaces.give_back(taken)
        assert not at_server(taken)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_a_database_with_a_replication_slot_is_dropped(spaces: Namespaces) -> None:
    taken = spaces.take()
    with engine_named("postgres").connect(taken) as made:
        made.cursor().execute("select pg_create_logical_replication_slot('changes', 'pgoutput')")
    spaces.give_back(taken)
    assert not at_server(taken)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_a_database_that_was_just_being_made_when_its_maker_was_killed_is_dropped(
    sandbox: Sandbox, engine: str
) -> None:
    admin = replace(sandbox.endpoint(engine), database="postgres")
    with (
        engine_named(engine).connect(admin) as made,
        engine_named(engine).connect(admin) as holding,
        made.cursor() as look,
        holding.cursor() as hold,
    ):

        def at(statement: str) -> bool:
            look.execute(
                "select 1 from pg_stat_activity where query like %s and state = 'active'",
                [f"{statement} test%"],
            )
            return look.fetchone() is not None

        def until(true: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 120
            while not true():
                assert time.monotonic() < deadline
                time.sleep(0.01)

        for hold_on in (False, True):
            with held(engine, "dead", 1) as dead:
                # A database cannot be made or dropped as long as that lasts.
                hold.execute("begin; lock table pg_database in share mode")
                until(lambda: at("create database"))
                dead.kill()
            (name,) = _noted(sandbox, engine)
            sweeper = threading.Thread(target=lambda: namespaces(sandbox, engine).close())
            if not hold_on:
                # The server goes on with it while, before or after it is to be dropped.
                hold.execute("commit")
            sweeper.start()
            if hold_on:
                # As long as it is about to be made there is nothing to drop.
                until(lambda: at("drop database if exists"))
                hold.execute("commit")
            sweeper.join()
            assert not at("create database")
            look.execute("select datname from pg_database where datname = %s", [name])
            assert look.fetchall() == []
            assert not records(sandbox, engine)


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_a_loaded_database_has_keys_and_foreign_keys(spaces: Namespaces) -> None:
    import pymysql

    taken = spaces.take(loaded=True)
    with engine_named("mysql").connect(taken) as made, made.cursor() as cursor:
        with pytest.raises(pymysql.err.IntegrityError):
            cursor.execute("delete from customers")
        with pytest.raises(pymysql.err.IntegrityError):
            cursor.execute("insert into customers select * from customers limit 1")


@pytest.mark.parametrize("engine", ["redis"], indirect=True)
def test_numbers_are_above_those_of_attempts(spaces: Namespaces) -> None:
    from sandbox.engines.redis import ATTEMPTS

    assert all(int(spaces.take().database) >= ATTEMPTS for _ in range(5))


@pytest.mark.parametrize("engine", ["redis"], indirect=True)
def test_a_client_left_open_writes_into_nobody_elses_namespace(spaces: Namespaces) -> None:
    import redis

    taken = spaces.take()
    with engine_named("redis").connect(taken) as left:
        left.connection_pool.connection_kwargs["retry"] = None
        raw = left.connection_pool.get_connection()
        raw.send_command("SET", "a", "1")
        raw.read_response()
        spaces.give_back(taken)
        with pytest.raises(redis.exceptions.ConnectionError):
            raw.send_command("SET", "a", "1")
            raw.read_response()
        raw.disconnect()


@pytest.mark.parametrize("engine", ["aws"], indirect=True)
def test_a_copied_account_has_tables_with_indexes_a_stream_and_objects_of_its_own(spaces: Namespaces) -> None:
    spaces.give_back(spaces.take(loaded=True))
    one, other = spaces.take(loaded=True), spaces.take(loaded=True)
    with engine_named("aws").connect(one) as made:
        found = (
            made.resource("dynamodb")
            .Table("customers")
            .query(
                IndexName="by_firstname",
                KeyConditionExpression="firstname = :name",
                ExpressionAttributeValues={":name": "Catherine"},
            )
        )
        assert 293 in {int(each["customerid"]) for each in found["Items"]}
        assert one.user in made.client("dynamodb").describe_table(TableName="orders")["Table"]["TableArn"]
        kinesis = made.client("kinesis")
        shards = kinesis.list_shards(StreamName="orders_stream")["Shards"]
        got = 0
        for shard in shards:
            at = kinesis.get_shard_iterator(
                StreamName="orders_stream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while records_ := kinesis.get_records(ShardIterator=at, Limit=10_000):
                got += len(records_["Records"])
                at = records_["NextShardIterator"]
                if not records_["Records"]:
                    break
        assert got == COURSE["orders"]
        bucket = f"sandbox-course-data-{one.user}"
        body = made.client("s3").get_object(Bucket=bucket, Key="rawData/customers/customers.csv")["Body"]
        assert len(body.read().splitlines()) == COURSE["customers"]
        made.client("s3").delete_object(Bucket=bucket, Key="rawData/customers/customers.csv")
        made.client("dynamodb").delete_item(TableName="customers", Key={"customerid": {"N": "293"}})
    with engine_named("aws").connect(other) as made:
        bucket = f"sandbox-course-data-{other.user}"
        assert made.client("s3").head_object(Bucket=bucket, Key="rawData/customers/customers.csv")
    assert rows(other) == COURSE


@pytest.mark.parametrize("engine", ["aws"], indirect=True)
def test_what_changes_an_item_in_one_account_changes_it_in_no_other(spaces: Namespaces) -> None:
    spaces.give_back(spaces.take(loaded=True))
    one, other = spaces.take(loaded=True), spaces.take(loaded=True)
    key = {"customerid": {"N": "293"}}
    with engine_named("aws").connect(other) as made:
        before = made.client("dynamodb").get_item(TableName="customers", Key=key)["Item"]
    with engine_named("aws").connect(one) as made:
        dynamodb = made.client("dynamodb")
        values = {":name": {"S": "Nobody"}}
        change = "SET lastname = :name REMOVE fullname"
        dynamodb.update_item(
            TableName="customers", Key=key, UpdateExpression=change, ExpressionAttributeValues=values
        )
        dynamodb.execute_statement(
            Statement="UPDATE customers SET firstname = 'No' WHERE customerid = ?", Parameters=[{"N": "293"}]
        )
        update = {"TableName": "customers", "Key": key, "UpdateExpression": "SET a = :name"}
        dynamodb.transact_write_items(
            TransactItems=[{"Update": {**update, "ExpressionAttributeValues": values}}]
        )
        assert dynamodb.get_item(TableName="customers", Key=key)["Item"] == {
            "customerid": {"N": "293"},
            "firstname": {"S": "No"},
            "lastname": {"S": "Nobody"},
            "a": {"S": "Nobody"},
        }
    for each in (other, spaces.take(loaded=True)):
        with engine_named("aws").connect(each) as made:
            assert made.client("dynamodb").get_item(TableName="customers", Key=key)["Item"] == before


@pytest.mark.parametrize("engine", ["mongodb"], indirect=True)
def test_what_changes_a_document_in_one_database_changes_it_in_no_other(spaces: Namespaces) -> None:
    spaces.give_back(spaces.take(loaded=True))
    one, other = spaces.take(loaded=True), spaces.take(loaded=True)

    def customer(endpoint: Endpoint) -> Any:
        with engine_named("mongodb").connect(endpoint) as made:
            return made[endpoint.database].customers.find_one({"_id": 293})

    before = customer(other)
    assert before["orders"][0]["lines"]
    with engine_named("mongodb").connect(one) as made:
        customers = made[one.database].customers
        wanted = {"_id": 293}
        customers.update_one(wanted, {"$set": {"orders.0.lines.0.orderqty": 99}, "$unset": {"fullname": 1}})
        customers.update_one(wanted, {"$push": {"orders.0.lines": {"productid": 1}}})
        customers.find_one_and_update(wanted, {"$pop": {"orders": 1}})
        customers.update_many({}, {"$rename": {"lastname": "name"}, "$inc": {"a": 1}})
        assert customer(one) != before
        customers.replace_one(wanted, {"b": 1})
        assert customer(one) == {"_id": 293, "b": 1}
        stats = made[one.database].command("collStats", "customers")
        assert stats["count"] == COURSE["customers"]
    for each in (other, spaces.take(loaded=True)):
        assert customer(each) == before
        with engine_named("mongodb").connect(each) as made:
            found = made[each.database]
            assert len(found.customers.index_information()) == 3
            with pytest.raises(Exception, match="E11000"):
                found.customers.insert_one({"_id": 293})


@pytest.mark.parametrize("engine", ["cassandra"], indirect=True)
@pytest.mark.parametrize(
    "touch",
    [
        "TRUNCATE employees",
        "DELETE FROM orders WHERE salesorderid = 43668",
        "UPDATE customers SET lastname = 'Nobody' WHERE customerid = 293 IF EXISTS",
        "INSERT INTO employees (employeeid) VALUES (276)",
        "ALTER TABLE customers ADD a int",
        "ALTER TABLE orders WITH default_time_to_live = 60",
    ],
)
def test_a_keyspace_that_was_touched_in_any_way_is_given_out_as_it_was(
    spaces: Namespaces, touch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.engines.cassandra_load import changed, prepare_keyspace
    from sandbox.engines.cassandra_tables import shapes_in

    # Whoever had to wait on a busy machine would have another one made, which might be ready first.
    monkeypatch.setattr("sandbox.namespaces.cassandra._SOON_ENOUGH", math.inf)
    first = spaces.take(loaded=True)
    with engine_named("cassandra").connect(first) as made:
        made.execute(touch)
    spaces.give_back(first)
    again = spaces.take(loaded=True)
    assert again.database == first.database
    with engine_named("cassandra").connect(again) as made:
        assert changed(made, spaces.dataset, shapes_in(again.database)) == []
        assert prepare_keyspace(made, again.database) == []


def test_a_forked_child_neither_takes_nor_drops_what_its_parent_has(spaces: Namespaces) -> None:
    taken = spaces.take()
    write(taken, "mark")
    program = """
        import os, sys
        from sandbox.errors import UsageError
        from sandbox.namespaces import namespaces
        from sandbox.sandbox import Sandbox
        spaces = namespaces(Sandbox(name="tests"), "postgres")
        taken = spaces.take()
        child = os.fork()
        if not child:
            code = 1
            try:
                spaces.take()
            except UsageError:
                code = 0
            spaces.give_back(taken)
            spaces.close()
            os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        from sandbox.engines.postgres import ENGINE
        with ENGINE.connect(taken):
            pass
        spaces.close()
    """
    if taken.engine == "postgres":
        subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


# -- in engines of somebody else ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def theirs() -> Iterator[Sandbox]:
    box = Sandbox(name="theirs")
    yield box
    box.down(delete=True)


@pytest.fixture(params=["postgres", "mysql", "mongodb", "redis"])
def mine(request: pytest.FixtureRequest, theirs: Sandbox) -> Iterator[Sandbox]:
    """A sandbox that uses an engine of another one's, in which it has brought in the dataset."""
    from sandbox.runtimes.external.addresses import SCHEMES, parse
    from sandbox.runtimes.external.guard import Mark

    name = request.param
    assert not theirs.up([name], dataset=Dataset.empty).failed
    there = theirs.endpoint(name)
    guard = importlib.import_module(f"sandbox.runtimes.external.{name}").GUARD("test")
    guard.remove(there, Mark("test"))
    box = Sandbox(name="mine")
    try:
        url = f"{SCHEMES[name][0]}://{there.user}:{there.password}@{there.host}:{there.port}"
        assert not box.up(external={name: parse(f"{name}={url}")}).failed
        yield box
    finally:
        box.down(delete=True)


def test_in_somebody_elses_engine_nothing_but_ones_own_is_made_and_dropped(
    mine: Sandbox, theirs: Sandbox
) -> None:
    (engine,) = mine.external()
    if engine == "redis":
        with pytest.raises(SandboxError, match="no place is surely nobody's"):
            namespaces(mine, engine)
        assert not records(mine, engine)
        return
    before = _databases(theirs, engine)
    found = namespaces(mine, engine)
    try:
        taken = [found.take(), found.take(loaded=True), found.take(loaded=True)]
        assert seen(taken[0]) == set()
        assert rows(taken[2]) == COURSE
        made = _databases(theirs, engine) - before
        assert made
        assert all(name.startswith("test_") for name in made)
    finally:
        found.close()
    assert _databases(theirs, engine) == before


def _databases(box: Sandbox, engine: str) -> set[str]:
    with engine_named(engine).connect(replace(box.endpoint(engine), **_ANYWHERE[engine])) as made:
        if engine == "mongodb":
            return set(made.list_database_names())
        with made.cursor() as cursor:
            cursor.execute(
                "select datname from pg_database"
                if engine == "postgres"
                else "select schema_name from information_schema.schemata"
            )
            return {row[0] for row in cursor.fetchall()}


_ANYWHERE: dict[str, dict[str, Any]] = {
    "postgres": {"database": "postgres"},
    "mysql": {"database": ""},
    "mongodb": {},
}


# -- records, without an engine ----------------------------------------------------------------------------


def test_a_record_keeps_names_over_its_rewriting(tmp_path: Path) -> None:
    claims = Claims(tmp_path, "redis")
    claims.add("kept")
    for number in range(3000):
        claims.add(f"{number}")
        claims.remove(f"{number}")
    claims.add("last")
    (record,) = (tmp_path / "namespaces").glob("redis-*")
    assert record.stat().st_size < 20_000
    seen_by_another: list[set[str]] = []
    other = Claims(tmp_path, "redis")
    other.choose(lambda taken: seen_by_another.append(set(taken)) or "other")  # type: ignore[func-returns-value]
    assert seen_by_another == [{"kept", "last"}]
    assert not claims.alone()
    for one, names in ((other, ["other"]), (claims, ["kept", "last"])):
        for name in names:
            one.remove(name)
        one.end()
    assert not list((tmp_path / "namespaces").glob("redis-*"))


def test_what_cannot_be_dropped_stays_on_record_and_keeps_nobody_from_the_rest(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from sandbox.namespaces.claims import Claims;"
        "claims = Claims(Path(sys.argv[1]), 'redis'); [claims.add(name) for name in 'abc'];"
        # A child that lives on, until we let it end, has nothing of it.
        "os.fork() and os._exit(0); os.close(1); sys.stdin.read()"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with killed:
        assert killed.stdout is not None
        # Its end comes when the child has let go, too.
        killed.stdout.read()
        assert killed.wait(180) == 0
        _sweep_what_is_left(tmp_path)


def _sweep_what_is_left(root: Path) -> None:
    claims = Claims(root, "redis")
    tried: list[str] = []

    def drop(name: str, stubborn: str = "b") -> None:
        tried.append(name)
        if name == stubborn:
            raise RuntimeError

    claims.sweep(drop)
    assert tried == ["a", "b", "c"]
    claims.sweep(lambda name: drop(name, ""))
    assert tried == ["a", "b", "c"] * 2
    claims.sweep(drop)
    assert tried == ["a", "b", "c"] * 2
    claims.end()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "namespaces").write_text("a file")
    with pytest.raises(SandboxError, match="cannot be recorded"):
        Claims(tmp_path, "redis")

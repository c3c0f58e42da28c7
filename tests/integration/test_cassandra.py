"""Cassandra, for real: dataset, passwords, learners, reset, durability, the client."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.clients.base import Result, StatementError
from sandbox.clients.cql import CqlClient
from sandbox.datasets.dataset import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.cassandra import CassandraEngine
from sandbox.engines.cassandra_driver import make_cluster
from sandbox.engines.cassandra_kept import end_kept
from sandbox.engines.cassandra_load import changed
from sandbox.engines.cassandra_nodetool import FORGET, Answer
from sandbox.engines.cassandra_nodetool import run as nodetool
from sandbox.runtimes.native import process
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[CassandraEngine, Endpoint]]
ATTEMPT = Attempt("keyspaces/01-create-insert-query", "t1", 1, {"keyspaces": ["mykeyspace", "shop_*"]})
SECRETS = Credentials("unused", "learners-password")
ONE_COPY = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


@pytest.fixture
def cassandra(engine_up: Up) -> tuple[CassandraEngine, Endpoint]:
    return engine_up("cassandra")


@pytest.fixture
def session(cassandra: tuple[CassandraEngine, Endpoint]) -> Iterator[Any]:
    engine, admin = cassandra
    with engine.connect(admin) as made:
        yield made


@pytest.fixture
def client(cassandra: tuple[CassandraEngine, Endpoint]) -> Iterator[CqlClient]:
    engine, admin = cassandra
    with engine.client(admin) as made:
        assert isinstance(made, CqlClient)
        yield made
    engine.clear(admin, ATTEMPT)


@pytest.fixture
def learner(cassandra: tuple[CassandraEngine, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = cassandra
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


def _run(client: CqlClient, text: str) -> list[Result]:
    statements, rest = client.split(text)
    assert rest == ""
    return [result for statement in statements for result in client.execute(statement)]


@contextmanager
def _refused(words: str) -> Iterator[None]:
    with pytest.raises(StatementError, match=words):
        yield


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(session: Any) -> None:
    def one(statement: str) -> Any:
        return session.execute(statement).one()

    assert one("SELECT fullname FROM customers WHERE customerid = 293").fullname == "Catherine Abel"
    assert one("SELECT fullname FROM customers WHERE customerid = 1221") is None
    johns = [
        row.customerid
        for row in session.execute("SELECT * FROM customers_by_firstname WHERE firstname = 'John'")
    ]
    assert len(johns) == 19
    assert {371, 377} <= set(johns)

    blythe = one("SELECT * FROM employees WHERE employeeid = 275")
    assert (blythe.fullname, blythe.territory, blythe.managerid, blythe.group) == (
        "Michael Blythe", "Northeast", 274, "North America",
    )  # fmt: skip
    assert one("SELECT managerid, country FROM employees WHERE employeeid = 274") == (None, None)
    team = session.execute("SELECT employeeid FROM employees_by_manager WHERE managerid = 274")
    assert {275, 276, 277} <= {row.employeeid for row in team}

    line = one("SELECT * FROM orders WHERE salesorderid = 71782 AND salesorderdetailid = 110667")
    assert (line.orderdate.date(), line.duedate.date()) == (date(2014, 5, 1), date(2014, 5, 13))
    assert (line.customerid, line.employeeid, line.productid, line.orderqty) == (293, 276, 714, 3)
    assert (line.totaldue, line.linetotal) == (Decimal("37497.4457"), Decimal("89.982"))
    line = one(
        "SELECT unitprice FROM orders_by_customer WHERE customerid = 295 AND orderdate = '2011-08-01' "
        "AND salesorderid = 44110 AND salesorderdetailid = 1732"
    )
    assert line.unitprice == Decimal("419.4589")
    day = session.execute("SELECT salesorderid FROM orders_by_day WHERE orderdate = '2011-08-01'")
    assert {44110, 44131} <= {row.salesorderid for row in day}


def test_a_customers_orders_come_newest_first(session: Any) -> None:
    rows = session.execute("SELECT orderdate FROM orders_by_customer WHERE customerid = 293")
    dates = [row.orderdate.date() for row in rows]
    assert dates == sorted(dates, reverse=True)
    assert dates


def test_counts_agree_with_the_manifest_and_each_table_with_its_source(
    cassandra: tuple[CassandraEngine, Endpoint], session: Any
) -> None:
    engine, admin = cassandra
    dataset = Dataset.course()
    assert engine.counts(admin) == dataset.counts
    for table in ("orders_by_customer", "orders_by_day"):
        assert session.execute(f"SELECT count(*) FROM {table}").one()[0] == dataset.count("orders")
    assert changed(session, dataset) == []


def test_loading_twice_gives_the_same_and_removes_what_was_added(
    cassandra: tuple[CassandraEngine, Endpoint], session: Any
) -> None:
    engine, admin = cassandra
    session.execute("INSERT INTO customers (customerid, fullname) VALUES (1221, 'John Doe')")
    dataset = Dataset.course()
    assert engine.load(admin, dataset) == dataset.counts
    assert engine.load(admin, dataset) == dataset.counts
    assert engine.counts(admin) == dataset.counts
    assert changed(session, dataset) == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("UPDATE customers SET lastname = 'X' WHERE customerid = 293", ["customers"]),
        ("DELETE lastname FROM customers WHERE customerid = 293", ["customers"]),
        ("DELETE FROM orders WHERE salesorderid = 71782", ["orders"]),
        ("UPDATE orders SET freight = 1 WHERE salesorderid = 71782", ["orders"]),
        ("INSERT INTO employees_by_manager (managerid, employeeid) VALUES (1, 2)", ["employees_by_manager"]),
        ("UPDATE orders_by_day USING TTL 9999 SET orderqty = 6 WHERE orderdate = '2011-08-01' "
         "AND salesorderid = 44131 AND salesorderdetailid = 2005", ["orders_by_day"]),
        ("TRUNCATE employees", ["employees"]),
    ],
)  # fmt: skip
def test_whatever_changes_a_table_is_noticed_and_reset_restores_it(
    cassandra: tuple[CassandraEngine, Endpoint], session: Any, statement: str, tables: list[str]
) -> None:
    engine, admin = cassandra
    dataset = Dataset.course()
    session.execute(statement)
    assert [shape.name for shape in changed(session, dataset)] == tables
    assert engine.reset(admin, dataset) == dataset.counts
    assert changed(session, dataset) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE customers ADD nickname text",
        "ALTER TABLE customers WITH default_time_to_live = 60",
        "ALTER TABLE customers DROP lastname",
        "CREATE INDEX ON customers (lastname)",
        "CREATE TABLE mine (k int PRIMARY KEY)",
        "CREATE TYPE mine (k int)",
        "DROP TABLE employees",
        "ALTER KEYSPACE sandbox WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}",
    ],
)
def test_reset_restores_the_dataset_whatever_became_of_its_tables(
    cassandra: tuple[CassandraEngine, Endpoint], session: Any, statement: str
) -> None:
    engine, admin = cassandra
    session.execute(statement)
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts
    tables = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'sandbox'")
    assert len(list(tables)) == 7
    columns = session.execute("SELECT * FROM customers LIMIT 1").column_names
    assert sorted(columns) == ["customerid", "firstname", "fullname", "lastname"]


def test_an_empty_dataset_leaves_the_tables_there_and_empty(
    cassandra: tuple[CassandraEngine, Endpoint], session: Any
) -> None:
    engine, admin = cassandra
    assert engine.load(admin, Dataset.empty()) == {"customers": 0, "employees": 0, "orders": 0}
    assert engine.reset(admin, Dataset.empty()) == {"customers": 0, "employees": 0, "orders": 0}
    assert session.execute("SELECT * FROM orders").one() is None
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts


def test_reset_removes_keyspaces_roles_and_rights_that_a_person_made(
    cassandra: tuple[CassandraEngine, Endpoint], session: Any
) -> None:
    engine, admin = cassandra
    session.execute(f'CREATE KEYSPACE "MixedCase" {ONE_COPY}')
    session.execute("CREATE ROLE IF NOT EXISTS boss WITH PASSWORD = 'x' AND LOGIN = true")
    session.execute("GRANT boss TO learner")
    session.execute("GRANT MODIFY ON KEYSPACE sandbox TO learner")
    session.execute("GRANT SELECT ON sandbox.orders TO learner")
    session.execute("GRANT CREATE ON ALL ROLES TO learner")
    session.execute("REVOKE SELECT ON KEYSPACE sandbox FROM learner")
    engine.reset(admin, Dataset.course())
    keyspaces = {row[0] for row in session.execute("SELECT keyspace_name FROM system_schema.keyspaces")}
    assert "MixedCase" not in keyspaces
    assert {row[0] for row in session.execute("SELECT role FROM system_auth.roles")} == {
        "cassandra",
        "learner",
    }
    rights = session.execute(
        "SELECT resource, permissions FROM system_auth.role_permissions WHERE role = 'learner'"
    )
    assert {(row[0], *row[1]) for row in rights} == {
        ("data", "CREATE"),
        ("data/sandbox", "SELECT"),
        ("data/system_traces", "SELECT"),
        ("data/system_views", "SELECT"),
    }


# -- users -------------------------------------------------------------------------------------------


def test_a_wrong_password_is_refused_and_the_first_one_too(
    cassandra: tuple[CassandraEngine, Endpoint],
) -> None:
    engine, admin = cassandra
    for password in ("cassandra", "", admin.password[:-1]):
        with pytest.raises(Exception, match=r"[Pp]assword|username|Bad credentials"):
            engine.probe(replace(admin, password=password))
    engine.probe(admin)


def test_it_listens_on_loopback_only(sandbox: Sandbox, cassandra: tuple[CassandraEngine, Endpoint]) -> None:
    _, admin = cassandra
    running = process.read_record(sandbox.state.root / "run" / "cassandra.pid")
    assert running is not None
    listening = {
        (c.laddr.ip, c.laddr.port)
        for c in psutil.Process(running.pid).net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert {ip.removeprefix("::ffff:") for ip, _ in listening} == {"127.0.0.1"}
    assert len(listening) == 2
    assert admin.port in {port for _, port in listening}


def test_the_learner_owns_the_keyspaces_that_it_makes(
    cassandra: tuple[CassandraEngine, Endpoint], learner: Endpoint
) -> None:
    engine, _ = cassandra
    assert learner.database == ""
    with engine.client(learner) as client:
        found = _run(
            client,
            f"CREATE KEYSPACE mykeyspace {ONE_COPY}; USE mykeyspace;"
            "CREATE TABLE users (user_id uuid PRIMARY KEY, username text);"
            "INSERT INTO users (user_id, username) VALUES (uuid(), 'john_doe');"
            "UPDATE users SET username = 'x' WHERE user_id = 123e4567-e89b-12d3-a456-426614174000;"
            "SELECT count(*) FROM users; TRUNCATE users; DROP TABLE users; DROP KEYSPACE mykeyspace;"
            "SELECT count(*) FROM sandbox.orders;",
        )
    assert [result.rows[0][0] for result in found if result.rows] == [2, 5087]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sandbox.customers (customerid) VALUES (1)",
        "TRUNCATE sandbox.customers",
        "DROP TABLE sandbox.customers",
        "ALTER TABLE sandbox.customers ADD x int",
        "DROP KEYSPACE sandbox",
        "SELECT * FROM system_auth.roles",
        "SELECT * FROM others.secrets",
        "DROP KEYSPACE others",
        "ALTER ROLE cassandra WITH PASSWORD = 'x'",
        "CREATE ROLE mine",
        "GRANT ALL ON ALL KEYSPACES TO learner",
        "LIST ALL PERMISSIONS OF cassandra",
    ],
)
def test_the_learner_may_not_touch_what_is_not_its_own(
    cassandra: tuple[CassandraEngine, Endpoint], learner: Endpoint, session: Any, statement: str
) -> None:
    engine, _ = cassandra
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS others {ONE_COPY}")
    session.execute("CREATE TABLE IF NOT EXISTS others.secrets (k int PRIMARY KEY)")
    try:
        with engine.client(learner) as client, _refused("(?i)permission|privileges|superuser"):
            _run(client, f"{statement};")
    finally:
        session.execute("DROP KEYSPACE others")


def test_clearing_an_attempt_drops_what_it_owns_and_what_it_put_beside_the_dataset(
    cassandra: tuple[CassandraEngine, Endpoint], learner: Endpoint, session: Any
) -> None:
    engine, admin = cassandra
    session.execute(f"CREATE KEYSPACE other {ONE_COPY}")
    with engine.client(learner) as client:
        _run(
            client,
            f"CREATE KEYSPACE shop_1 {ONE_COPY}; CREATE TABLE sandbox.stray (k int PRIMARY KEY, v int);"
            "CREATE MATERIALIZED VIEW sandbox.strays AS SELECT * FROM sandbox.stray "
            "WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k);",
        )
    engine.clear(admin, ATTEMPT)
    keyspaces = {row[0] for row in session.execute("SELECT keyspace_name FROM system_schema.keyspaces")}
    assert "shop_1" not in keyspaces
    assert {"other", "sandbox"} <= keyspaces
    session.execute("DROP KEYSPACE other")
    assert changed(session, Dataset.course()) == []
    tables = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'sandbox'")
    assert "stray" not in {row[0] for row in tables}


def test_secure_can_be_done_again_and_after_it_was_done(cassandra: tuple[CassandraEngine, Endpoint]) -> None:
    engine, admin = cassandra
    others = Credentials("another-password", "learners-other")
    moved = engine.endpoint(admin.host, admin.port, others)
    back = Credentials(admin.password, "learners-password")
    try:
        engine.secure(admin, moved, others)
        engine.probe(moved)
        with pytest.raises(Exception, match=r"(?i)password|credentials"):
            engine.probe(admin)
        engine.secure(admin, moved, others)
        engine.probe(replace(moved, user="learner", password="learners-other"))
    finally:
        engine.secure(moved, admin, back)
    engine.probe(admin)


# -- client ------------------------------------------------------------------------------------------


def test_the_client_answers_as_cqlsh_does(client: CqlClient) -> None:
    assert client.prompt == "cassandra@cqlsh:sandbox> "
    [table] = _run(client, "SELECT customerid, fullname FROM customers WHERE customerid = 293;")
    assert (list(table.columns), table.rows) == (["customerid", "fullname"], [(293, "Catherine Abel")])
    [date_of] = _run(client, "SELECT orderdate FROM orders WHERE salesorderid = 71782 LIMIT 1;")
    assert date_of.rows == [(date(2014, 5, 1),)]
    assert _run(client, f"CREATE KEYSPACE mykeyspace {ONE_COPY}; USE mykeyspace;") == []
    assert client.prompt == "cassandra@cqlsh:mykeyspace> "
    _run(client, "CREATE TABLE t (k int PRIMARY KEY, tags set<text>, m map<text, int>, at time);")
    _run(client, "BEGIN BATCH INSERT INTO t (k, tags, m, at) VALUES (1, {'b', 'a'}, {'x': 1}, '12:00:00'); "
                 "INSERT INTO t (k) VALUES (2); APPLY BATCH;")  # fmt: skip
    [found] = _run(client, "SELECT tags, m, k FROM t WHERE k = 1;")
    assert found.rows == [(["a", "b"], {"x": 1}, 1)]
    [applied] = _run(client, "INSERT INTO t (k) VALUES (1) IF NOT EXISTS;")
    assert (applied.columns[0], applied.rows[0][0]) == ("[applied]", False)
    [everything] = _run(client, "SELECT * FROM sandbox.orders;")
    assert len(everything.rows) == 5087


def test_describe_names_and_creates(client: CqlClient) -> None:
    [keyspaces] = _run(client, "DESCRIBE KEYSPACES")
    assert ("sandbox",) in keyspaces.rows
    [tables] = _run(client, "desc tables;")
    assert ("sandbox", "orders_by_day") in tables.rows
    [table] = _run(client, "DESCRIBE TABLE orders")
    assert table.text.startswith("CREATE TABLE sandbox.orders (")
    assert "PRIMARY KEY (salesorderid, salesorderdetailid)" in table.text
    [keyspace] = _run(client, "DESCRIBE KEYSPACE sandbox")
    assert keyspace.text.count("CREATE TABLE") == 7
    [cluster] = _run(client, "DESCRIBE CLUSTER")
    assert cluster.rows[0][0] == "sandbox"
    with _refused("'nothing' not found"):
        _run(client, "DESCRIBE TABLE nothing")


def test_consistency_holds_for_the_statements_after_it(client: CqlClient) -> None:
    assert _run(client, "CONSISTENCY")[0].text == "Current consistency level is ONE."
    [warned] = _run(client, f"CREATE KEYSPACE mykeyspace {ONE_COPY.replace('1}', '3}')};")
    assert "replication factor 3" in warned.text
    _run(client, "CREATE TABLE mykeyspace.t (k int PRIMARY KEY); INSERT INTO mykeyspace.t (k) VALUES (1);")
    assert _run(client, "consistency quorum")[0].text == "Consistency level set to QUORUM."
    with pytest.raises(StatementError) as refused:
        _run(client, "SELECT * FROM mykeyspace.t;")
    assert "QUORUM" in refused.value.title
    assert "2 replicas must answer, alive: 1" in refused.value.detail
    with _refused("FOO is no consistency level"):
        _run(client, "CONSISTENCY FOO")
    assert _run(client, "SERIAL CONSISTENCY LOCAL_SERIAL")[0].text.endswith("set to LOCAL_SERIAL.")
    with _refused("SERIAL or LOCAL_SERIAL"):
        _run(client, "SERIAL CONSISTENCY ONE")


def test_tracing_shows_what_the_server_did(client: CqlClient) -> None:
    _run(client, "TRACING ON")
    rows, trace = _run(client, "SELECT fullname FROM customers WHERE customerid = 293;")
    assert rows.rows == [("Catherine Abel",)]
    assert any("single-partition query" in activity for activity, *_ in trace.rows)
    assert trace.text.startswith("Tracing session: ")
    _run(client, "TRACING OFF")
    assert len(_run(client, "SELECT fullname FROM customers WHERE customerid = 293;")) == 1


def test_errors_are_the_servers_own_words_with_the_line(client: CqlClient) -> None:
    with pytest.raises(StatementError) as refused:
        _run(client, "SELECT *\nFROM customers\nWHERE customerid == 1;")
    assert refused.value.line == 3
    assert refused.value.title.startswith("line 3:")
    assert "Error from server" not in refused.value.title
    with _refused("ALLOW FILTERING"):
        _run(client, "SELECT * FROM customers WHERE lastname = 'Abel';")
    with _refused("Keyspace 'nothing' does not exist"):
        _run(client, "USE nothing;")
    with _refused("COPY is a command of the program cqlsh"):
        _run(client, "COPY customers TO 'x.csv';")


def test_functions_and_completion(client: CqlClient) -> None:
    _run(client, f"CREATE KEYSPACE mykeyspace {ONE_COPY};")
    _run(client, "CREATE FUNCTION mykeyspace.twice (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java "
                 "AS $$ int b = 2; return a * b; $$;")  # fmt: skip
    [found] = _run(client, "SELECT mykeyspace.twice(customerid) FROM customers WHERE customerid = 293;")
    assert found.rows == [(586,)]
    assert "orders_by_day" in client.complete("SELECT * FROM ord")
    assert "sandbox.customers" in client.complete("SELECT * FROM sandbox.cu")
    assert "select" in client.complete("sel")
    assert client.complete("SELECT count(customer") == [
        "count(customers",
        "count(customers_by_firstname",
        "count(customerid",
    ]


def test_connecting_and_closing_leaks_no_thread(cassandra: tuple[CassandraEngine, Endpoint]) -> None:
    engine, admin = cassandra
    engine.probe(admin)
    before = {t.name for t in threading.enumerate()}
    for _ in range(3):
        engine.probe(admin)
        with engine.connect(admin) as made:
            made.execute("SELECT * FROM customers LIMIT 1")
        with pytest.raises(Exception, match=r"(?i)credentials|NoHostAvailable|Unable"):
            engine.client(replace(admin, password="wrong"))
    deadline = time.monotonic() + 60
    while {t.name for t in threading.enumerate()} - before - {"event_loop"} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {t.name for t in threading.enumerate()} <= before | {"event_loop"}


def test_a_users_own_driver_connects_with_what_env_gives(cassandra: tuple[CassandraEngine, Endpoint]) -> None:
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import Cluster

    engine, admin = cassandra
    env = engine.env(admin)
    cluster = Cluster(
        [env["CASSANDRA_HOST"]],
        port=int(env["CASSANDRA_PORT"]),
        auth_provider=PlainTextAuthProvider(env["CASSANDRA_USER"], env["CASSANDRA_PASSWORD"]),
        connect_timeout=120,
        control_connection_timeout=120,
    )
    try:
        made = cluster.connect(env["CASSANDRA_KEYSPACE"])
        made.default_timeout = 120
        assert made.execute("SELECT release_version FROM system.local").one()[0] == engine.version(admin)
        assert "orders" in cluster.metadata.keyspaces["sandbox"].tables
    finally:
        cluster.shutdown()


def test_the_administrators_connections_serve_one_attempt_after_the_other(
    cassandra: tuple[CassandraEngine, Endpoint],
) -> None:
    engine, admin = cassandra
    end_kept()
    seen = []
    for _ in range(3):
        engine.begin(admin, ATTEMPT, SECRETS)
        with engine.connect_preparing(admin) as made:
            rows = made.execute("SELECT port, username FROM system_views.clients")
            seen.append({row.port for row in rows if row.username == admin.user})
    engine.clear(admin, ATTEMPT)
    # None is new. At first there may be some of others, which the server has not yet seen closed.
    assert seen[0] >= seen[1] >= seen[2] != set()


def test_a_connection_that_was_led_elsewhere_or_has_ended_serves_nobody_else(
    cassandra: tuple[CassandraEngine, Endpoint],
) -> None:
    engine, admin = cassandra
    with engine.connect_guarded(admin) as first:
        first.execute("USE system")
    with engine.connect_guarded(admin) as second:
        assert (second is not first, second.keyspace) == (True, admin.database)
    second.cluster.shutdown()
    with engine.connect_guarded(admin) as third:
        assert third.execute("SELECT fullname FROM customers WHERE customerid = 293").one() is not None
    end_kept()
    assert third.is_shutdown


# -- processes ---------------------------------------------------------------------------------------


def test_durable_keeps_rows_and_schema_over_a_kill_and_nothing_of_what_was_dropped(own_home: Path) -> None:
    box = Sandbox(name="durable")
    result = box.up(["cassandra"], durable=True, dataset=Dataset.empty)
    assert not result.failed
    admin = box.endpoint("cassandra")
    cluster = make_cluster(admin)
    try:
        made = cluster.connect()
        made.execute(f"CREATE KEYSPACE kept {ONE_COPY}")
        made.execute("CREATE TABLE kept.t (k uuid PRIMARY KEY, n int)")
        insert = made.prepare("INSERT INTO kept.t (k, n) VALUES (?, ?)")
        for number in range(50):
            made.execute(insert, (uuid.uuid4(), number))
        # What is dropped stays gone, although its rows are still in the commit log.
        for number in range(2):
            made.execute("CREATE TABLE kept.again (k int PRIMARY KEY)")
            made.execute("INSERT INTO kept.again (k) VALUES (%s)", [number])
            made.execute("DROP TABLE kept.again")
        made.execute("CREATE TABLE kept.again (k int PRIMARY KEY)")
        made.execute("INSERT INTO kept.again (k) VALUES (7)")
        made.execute("ALTER TABLE kept.again ADD note text")
        made.execute("INSERT INTO kept.again (k, note) VALUES (8, 'added')")
        made.execute(f"CREATE KEYSPACE gone {ONE_COPY}")
        made.execute("CREATE TABLE gone.t (k int PRIMARY KEY)")
        made.execute("INSERT INTO gone.t (k) VALUES (1)")
        made.execute("DROP KEYSPACE gone")
        running = process.read_record(box.state.root / "run" / "cassandra.pid")
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
    finally:
        cluster.shutdown()
    deadline = time.monotonic() + 60
    while box.status(["cassandra"], probe=False)[0].state != "died" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not box.up(["cassandra"]).failed
    engine = CassandraEngine()
    with engine.connect(replace(box.endpoint("cassandra"), database="kept")) as made:
        assert {row.n for row in made.execute("SELECT n FROM t")} == set(range(50))
        assert {tuple(row) for row in made.execute("SELECT k, note FROM again")} == {(7, None), (8, "added")}
        keyspaces = made.execute("SELECT keyspace_name FROM system_schema.keyspaces")
        assert "gone" not in {row.keyspace_name for row in keyspaces}


# -- nodetool ----------------------------------------------------------------------------------------


def _snapshots(session: Any) -> set[tuple[str, str]]:
    rows = session.execute("SELECT name, keyspace_name FROM system_views.snapshots")
    return {(row.name, row.keyspace_name) for row in rows}


@pytest.fixture
def shop(learner: Endpoint) -> Iterator[tuple[Endpoint, Any]]:
    """The learner with a keyspace of its own and three rows in it."""
    with make_cluster(learner) as cluster:
        own = cluster.connect()
        own.execute(f"CREATE KEYSPACE shop_backup {ONE_COPY}")
        own.execute("CREATE TABLE shop_backup.orders (id int PRIMARY KEY, total int)")
        for number in (1, 2, 3):
            own.execute("INSERT INTO shop_backup.orders (id, total) VALUES (%s, %s)", (number, number * 10))
        yield learner, own


def _folder(own: Any, snapshot: str) -> str:
    where = own.execute("SELECT value FROM system_views.settings WHERE name = 'data_file_directories'")
    table = own.execute("SELECT id FROM system_schema.tables WHERE keyspace_name = 'shop_backup'").one().id
    return f"{where.one().value.strip('[]')}/shop_backup/orders-{table.hex}/snapshots/{snapshot}"


def test_a_table_that_was_truncated_comes_back_from_its_snapshot(shop: tuple[Endpoint, Any]) -> None:
    learner, own = shop
    assert nodetool(learner, ["snapshot", "-t", "before", "-cf", "orders", "shop_backup"]).code == 0
    own.execute("TRUNCATE shop_backup.orders")
    assert own.execute("SELECT * FROM shop_backup.orders").all() == []
    folder = _folder(own, "before")
    assert nodetool(learner, ["import", "--copy-data", "shop_backup", "orders", folder]) == Answer("", "", 0)
    assert {tuple(row) for row in own.execute("SELECT * FROM shop_backup.orders")} == {
        (1, 10), (2, 20), (3, 30),
    }  # fmt: skip
    assert "before" in nodetool(learner, ["listsnapshots"]).out


def test_only_the_administrator_may_have_snapshots_forgotten(
    cassandra: tuple[CassandraEngine, Endpoint], shop: tuple[Endpoint, Any], session: Any
) -> None:
    from cassandra import Unauthorized

    engine, admin = cassandra
    learner, own = shop
    assert nodetool(learner, ["snapshot", "-t", "kept", "shop_backup"]).code == 0
    with pytest.raises(Unauthorized, match="superuser"):
        own.execute("SELECT key FROM system.local", custom_payload={FORGET: b"shop_backup"})
    assert ("kept", "shop_backup") in _snapshots(session)
    engine.clear(admin, replace(ATTEMPT, owns={"keyspaces": ["shop_backup"]}))
    assert ("kept", "shop_backup") not in _snapshots(session)


def test_snapshots_go_with_the_attempt_and_with_a_reset(
    cassandra: tuple[CassandraEngine, Endpoint], shop: tuple[Endpoint, Any], session: Any
) -> None:
    engine, admin = cassandra
    learner, _ = shop
    assert nodetool(learner, ["snapshot", "-t", "mine", "shop_backup"]).code == 0
    assert nodetool(admin, ["snapshot", "-t", "ours", "sandbox"]).code == 0
    engine.clear(admin, ATTEMPT)
    assert _snapshots(session) == {("ours", "sandbox")}
    engine.reset(admin, Dataset.course())
    assert _snapshots(session) == set()


HARM = [
    "snapshot -t x",
    "snapshot -t x sandbox",
    "snapshot -t ../x shop_backup",
    "snapshot -t x -kt sandbox.orders",
    "clearsnapshot --all",
    "clearsnapshot --all -- sandbox",
    "flush",
    "compact system_auth",
    "refresh sandbox orders",
    "import sandbox orders /tmp",
    "import shop_backup orders /",
    "import shop_backup orders {folder}/../../../../sandbox",
    "import shop_backup orders {folder}",
    "stopdaemon",
    "drain",
    "disablebinary",
    "decommission",
    "nothing",
    "",
]


def test_a_learner_does_no_harm_with_nodetool(shop: tuple[Endpoint, Any], session: Any) -> None:
    learner, own = shop
    before, folder = _snapshots(session), _folder(own, "none")
    for words in HARM:
        answer = nodetool(learner, words.format(folder=folder).split(" "))
        assert answer.code in (1, 2), words
        assert answer.err, words
    # Where the program nodetool would end itself with an error, the server goes on.
    assert "does not exist" in nodetool(learner, ["status", "no_such_keyspace"]).out
    assert _snapshots(session) == before
    assert own.execute("SELECT count(*) FROM shop_backup.orders").one()[0] == 3


def test_nodetool_counts_what_a_table_was_asked(shop: tuple[Endpoint, Any]) -> None:
    learner, own = shop
    for _ in range(7):
        own.execute("SELECT * FROM shop_backup.orders WHERE id = 1")
    told = nodetool(learner, ["tablestats", "shop_backup.orders"]).out
    assert "Local read count: 7\n" in told
    assert "Local write count: 3\n" in told

"""MySQL (MariaDB in its place), for real: dataset, passwords, learners, durability, TLS, the client."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pymysql
import pytest

from sandbox.clients.base import Result, StatementError
from sandbox.clients.sql import MySqlClient
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.mysql import MySqlEngine
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[MySqlEngine, Endpoint]]
ATTEMPT = Attempt("aurora-mysql/01-create-insert-query", "t1", 1, {"databases": ["demo_db"]})
SECRETS = Credentials("unused", "learners-password")


@pytest.fixture
def mysql(engine_up: Up) -> tuple[MySqlEngine, Endpoint]:
    return engine_up("mysql")


@pytest.fixture
def learner(mysql: tuple[MySqlEngine, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = mysql
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


@pytest.fixture
def client(mysql: tuple[MySqlEngine, Endpoint]) -> Iterator[MySqlClient]:
    engine, admin = mysql
    with engine.client(admin) as client:
        assert isinstance(client, MySqlClient)
        yield client
    engine.reset(admin, Dataset.course())


def _rows(endpoint: Endpoint, *statements: str) -> list[tuple[Any, ...]]:
    with MySqlEngine().connect(endpoint) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def _run(client: MySqlClient, text: str) -> list[Result]:
    statements, rest = client.split(text)
    assert rest == ""
    return [result for statement in statements for result in client.execute(statement)]


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    _, admin = mysql
    assert _rows(admin, "select * from customers where customerid = 293") == [
        (293, "Catherine", "Abel", "Catherine Abel")
    ]
    assert _rows(admin, "select count(*) from customers where firstname = 'John'") == [(19,)]
    assert _rows(admin, "select 1 from customers where customerid = 1221") == []
    assert _rows(admin, "select fullname, territory, `group` from employees where employeeid = 276") == [
        ("Linda Mitchell", "Southwest", "North America")
    ]
    assert _rows(admin, "select count(*) from employees where managerid is null and `group` is null") == [
        (3,)
    ]
    line = "select * from orders where salesorderid = 71782 and salesorderdetailid = 110667"
    assert _rows(admin, line) == [
        (71782, 110667, date(2014, 5, 1), date(2014, 5, 13), date(2014, 5, 8), 276, 293,
         Decimal("33319.9860"), Decimal("3182.8264"), Decimal("994.6333"), Decimal("37497.4457"), 714, 3,
         Decimal("29.9940"), Decimal("0.0000"), Decimal("89.9820"))
    ]  # fmt: skip


def test_names_of_all_languages_come_through(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    _, admin = mysql
    expected = {row[4] for row in Dataset.course().rows("employees")}
    assert {name for (name,) in _rows(admin, "select fullname from employees")} == expected


def test_counts_agree_with_the_manifest(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    assert engine.counts(admin) == Dataset.course().counts


def test_keys_and_foreign_keys_hold(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    _, admin = mysql
    with pytest.raises(pymysql.err.IntegrityError, match="Duplicate entry"):
        _rows(admin, "insert into orders select * from orders limit 1")
    with pytest.raises(pymysql.err.IntegrityError, match="foreign key constraint"):
        _rows(admin, "delete from customers where customerid = 293")


def test_loading_twice_leaves_the_dataset_once_and_other_tables_alone(
    mysql: tuple[MySqlEngine, Endpoint],
) -> None:
    engine, admin = mysql
    _rows(admin, "create table mine as select 1", "delete from orders", "alter table customers drop fullname")
    assert engine.load(admin, Dataset.course()) == Dataset.course().counts
    assert engine.counts(admin) == Dataset.course().counts
    assert _rows(admin, "select fullname from customers where customerid = 293") == [("Catherine Abel",)]
    assert _rows(admin, "select count(*) from mine") == [(1,)]
    engine.reset(admin, Dataset.course())


def test_an_empty_dataset_leaves_the_tables_empty(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    assert engine.load(admin, Dataset.empty()) == {"customers": 0, "employees": 0, "orders": 0}
    assert engine.counts(admin) == {"customers": 0, "employees": 0, "orders": 0}
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts


def test_rows_that_the_server_does_not_take_are_an_error(
    mysql: tuple[MySqlEngine, Endpoint], tmp_path: Path
) -> None:
    """Files are checked before; should one be changed afterwards, nothing is left out silently."""
    import shutil

    engine, admin = mysql
    shutil.copytree(Dataset.course().folder, tmp_path / "broken")
    orders = tmp_path / "broken" / "orders.csv"
    orders.write_text(orders.read_text().replace("6/1/2011", "13/32/2011", 1))
    with pytest.raises(Exception, match=r"orders|orderdate|datetime"):
        engine.load(admin, Dataset(tmp_path / "broken"))
    engine.reset(admin, Dataset.course())


def test_reset_takes_away_what_a_person_made_and_restores_the_dataset(
    mysql: tuple[MySqlEngine, Endpoint],
) -> None:
    engine, admin = mysql
    _rows(admin, "create database `their``s`", "create view v as select 1", "drop table orders")
    _rows(admin, "create user friend@localhost identified by 'x'", "grant all on *.* to friend@localhost")
    _rows(admin, "create role boss", "grant boss to learner@'%'", "grant all on *.* to learner@'%'")
    _rows(admin, "set global long_query_time = 3", "set global general_log = on")
    session = pymysql.connect(host=admin.host, port=admin.port, user=admin.user, password=admin.password)
    session.cursor().execute("select * from sandbox.customers")
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts
    assert {n for (n,) in _rows(admin, "show databases")} == {
        "information_schema", "mysql", "performance_schema", "sandbox", "sys",
    }  # fmt: skip
    assert set(_rows(admin, "select user, host from mysql.user where user <> 'PUBLIC'")) == {
        ("admin", "%"), ("learner", "%"), ("mariadb.sys", "localhost"),
    }  # fmt: skip
    grants = " ".join(g for (g,) in _rows(admin, "show grants for learner@'%'"))
    assert "ALL" not in grants
    assert "boss" not in grants
    assert _rows(admin, "select @@global.long_query_time, @@global.general_log") == [(Decimal(10), 0)] or (
        _rows(admin, "select @@global.long_query_time, @@global.general_log") == [(10.0, 0)]
    )
    assert _rows(admin, "show full tables where table_type = 'VIEW'") == []


def test_a_dropped_database_is_no_dead_server_and_comes_back(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    _rows(admin, "drop database sandbox")
    engine.probe(admin)
    assert engine.counts(admin) == {}
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts


# -- who may do what ---------------------------------------------------------------------------------


def test_a_wrong_password_none_and_another_user_are_refused(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    for user, password in ((admin.user, "wrong"), (admin.user, ""), ("root", ""), ("", "")):
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            engine.probe(replace(admin, user=user, password=password))


def test_the_password_is_in_no_log_and_on_no_command_line(
    mysql: tuple[MySqlEngine, Endpoint], sandbox: Sandbox
) -> None:
    engine, admin = mysql
    seat = sandbox.seat("mysql")
    general = seat.work / "general.log"
    _rows(admin, f"set global general_log_file = '{general}'", "set global general_log = on")
    learner = engine.begin(admin, ATTEMPT, SECRETS)
    engine.secure(admin, admin, Credentials(admin.password, learner.password))
    logged = general.read_text()
    engine.reset(admin, Dataset.course())
    general.unlink()
    assert "learner" in logged
    pid = int(seat.run.read_text().split()[0])
    texts = [logged, seat.log.read_text(), Path(f"/proc/{pid}/cmdline").read_text()]
    texts += [file.read_text() for file in seat.work.iterdir() if file.is_file() and file.suffix != ".sock"]
    assert not [p for p in (admin.password, learner.password) for text in texts if p in text]


def test_a_learner_makes_what_the_exercise_owns_and_reads_the_dataset(
    mysql: tuple[MySqlEngine, Endpoint], learner: Endpoint
) -> None:
    engine, admin = mysql
    assert _rows(learner, "select count(*) from employees") == [(17,)]
    _rows(learner, "create database demo_db", "create table demo_db.employees (id int)")
    engine.clear(admin, ATTEMPT)
    assert ("demo_db",) not in _rows(admin, "show databases")


@pytest.mark.parametrize(
    "statement",
    [
        "delete from customers", "drop table orders", "create table t (a int)", "create database other",
        "create database demoXdb", "create user friend", "grant all on *.* to learner@'%'",
        "set password for admin@'%' = password('x')", "select * from mysql.global_priv",
        "select * from mysql.user", "select 1 into outfile '/tmp/x'", "flush logs",
        "set global general_log = on", "shutdown", "flush tables", "show grants for admin@'%'",
        "load data infile '/etc/passwd' into table customers", "kill 1", "install soname 'x'",
    ],
)  # fmt: skip
def test_a_learner_is_refused_what_is_not_theirs(learner: Endpoint, statement: str) -> None:
    with pytest.raises(pymysql.err.Error) as caught:
        _rows(learner, statement)
    denied = {1044, 1045, 1095, 1142, 1227, 1094, 1370, 1410, 1698}
    assert caught.value.args[0] in denied, caught.value


def test_a_learner_reads_no_files_of_the_server(learner: Endpoint) -> None:
    assert _rows(learner, "select load_file('/etc/passwd')") == [(None,)]


def test_a_learner_sees_no_sessions_but_the_own(learner: Endpoint) -> None:
    users = {row[0] for row in _rows(learner, "select user from information_schema.processlist")}
    assert users == {"learner"}


def test_a_learner_may_be_given_tables_routines_and_users(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    owns = {
        "tables": ["bonus"], "views": ["best"], "routines": ["raise_all"],
        "users": ["reader*"], "databases": ["hr_*"],
    }  # fmt: skip
    attempt = Attempt("x", "t2", 1, owns)
    learner = engine.begin(admin, attempt, SECRETS)
    _rows(learner, "create table bonus (a int)", "create view best as select * from customers")
    _rows(learner, "create procedure raise_all() select 1", "create database hr_one")
    _rows(learner, "create user reader_one", "grant select on hr_one.* to reader_one")
    engine.clear(admin, attempt)
    assert len(_rows(admin, "show tables")) == 3
    assert _rows(admin, "select 1 from information_schema.routines where routine_schema = 'sandbox'") == []
    assert _rows(admin, "select 1 from mysql.user where user = 'reader_one'") == []
    assert ("hr_one",) not in _rows(admin, "show databases")


def test_after_an_attempt_the_learners_sessions_are_gone(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    session = engine.client(engine.begin(admin, ATTEMPT, SECRETS))
    _run(session, "start transaction; select count(*) from customers;")
    engine.clear(admin, ATTEMPT)
    assert _rows(admin, "select count(*) from information_schema.processlist where user = 'learner'") == [
        (0,)
    ]
    session.close()


def test_accounts_of_an_exercise_go_with_their_sessions_and_what_these_have_locked(
    mysql: tuple[MySqlEngine, Endpoint],
) -> None:
    engine, admin = mysql
    attempt = Attempt("x", "t3", 1, {"tables": ["stock", "witness_*"], "accounts": ["shop_*"]})
    learner = engine.begin(admin, attempt, SECRETS)
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        _rows(learner, "create user shop_mine")
    _rows(admin, "create table stock (a int primary key)", "create sequence witness_tries")
    _rows(admin, "create user shop_one identified by 'x'", "grant all on sandbox.* to shop_one")
    shop = pymysql.connect(
        host=admin.host, port=admin.port, user="shop_one", password="x", database="sandbox"
    )
    with shop.cursor() as cursor:
        cursor.execute("insert into stock values (1)")
    engine.clear(admin, attempt)
    assert len(_rows(admin, "show tables")) == 3
    assert _rows(admin, "select 1 from mysql.user where user = 'shop_one'") == []
    with pytest.raises(pymysql.err.OperationalError):
        shop.ping(reconnect=False)


def test_who_uses_a_table_in_an_open_transaction_can_be_seen(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    engine, admin = mysql
    with engine.connect(admin) as connection, connection.cursor() as cursor:
        cursor.execute("start transaction")
        cursor.execute("select count(*) from employees")
        found = _rows(
            admin,
            "select processlist_id from performance_schema.metadata_locks"
            " join performance_schema.threads on thread_id = owner_thread_id"
            " where object_name = 'employees'",
        )
        assert found == [(connection.thread_id(),)]


def test_it_listens_on_the_loopback_address_only_and_on_no_socket_file(
    mysql: tuple[MySqlEngine, Endpoint], sandbox: Sandbox
) -> None:
    server = psutil.Process(int(sandbox.seat("mysql").run.read_text().split()[0]))
    found = server.net_connections("all")
    assert {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    assert not [c.laddr for c in found if isinstance(c.laddr, str) and c.laddr]


def test_tls_is_offered_and_its_certificate_can_be_checked(
    mysql: tuple[MySqlEngine, Endpoint], sandbox: Sandbox
) -> None:
    _, admin = mysql
    certificate = sandbox.seat("mysql").work / "server-cert.pem"
    with pymysql.connect(
        host=admin.host, port=admin.port, user=admin.user, password=admin.password,
        ssl_ca=str(certificate), ssl_verify_cert=True, ssl_verify_identity=True,
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute("show status like 'Ssl_version'")
        row = cursor.fetchone()
    assert row is not None
    assert row[1] == "TLSv1.3"


def test_monitoring_is_on(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    _, admin = mysql
    # The server keeps a bounded number of kinds of statements, and other tests have sent many.
    _rows(admin, "truncate performance_schema.events_statements_summary_by_digest")
    _rows(admin, "select count(*) from orders where orderqty > 3")
    found = _rows(admin, "select query from sys.statement_analysis where query like '%`orderqty`%'")
    assert found


@pytest.mark.parametrize("program", ["mysql", "mariadb"])
def test_the_clients_of_the_server_find_it_by_the_environment(
    mysql: tuple[MySqlEngine, Endpoint], sandbox: Sandbox, program: str
) -> None:
    engine, admin = mysql
    path = os.pathsep.join([*map(str, sandbox.bin(["mysql"])), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": "/nonexistent", **engine.env(admin)}

    def call(*argv: str) -> str:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    assert call(program, "-Ne", "select count(*) from customers", "sandbox") == "635\n"
    assert call(program, "--no-defaults", "-Ne", "select 1") == "1\n"
    dump = {"mysql": "mysqldump", "mariadb": "mariadb-dump"}[program]
    assert "CREATE TABLE `orders`" in call(dump, "--no-data", "sandbox")
    argv, variables = engine.program(admin)
    environment |= variables
    assert call(*argv, "-Ne", "select database()") == "sandbox\n"


def test_sqlalchemy_takes_the_url_made_for_it(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    import sqlalchemy

    engine, admin = mysql
    again = engine.from_env(engine.generic_env(admin))
    assert again is not None
    made = sqlalchemy.create_engine(again.options["sqlalchemy_url"])
    with made.connect() as connection:
        assert connection.execute(sqlalchemy.text("select count(*) from customers")).scalar() == 635
    made.dispose()


# -- durability --------------------------------------------------------------------------------------


def _kill(box: Sandbox) -> None:
    pid = int(box.seat("mysql").run.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "mysql" in box.running():
        time.sleep(0.01)


@pytest.mark.parametrize("durable", [False, True])
def test_committed_rows_outlive_a_kill_and_a_clean_restart(own_home: Path, durable: bool) -> None:
    engine = MySqlEngine()
    box = Sandbox(name="killed")
    try:
        assert not box.up(["mysql"], durable=durable).failed
        endpoint = box.endpoint("mysql")
        flush = "select @@innodb_flush_log_at_trx_commit"
        assert _rows(endpoint, flush) == [(1 if durable else 2,)]
        with engine.connect(endpoint) as connection, connection.cursor() as cursor:
            cursor.execute("create table kept (a int primary key)")
            for number in range(500):
                cursor.execute("insert into kept values (%s)", [number])
            cursor.execute("begin")
            cursor.execute("insert into kept values (1000)")
            _kill(box)
        assert not box.up(["mysql"]).failed
        assert _rows(box.endpoint("mysql"), "select count(*) from kept") == [(500,)]
        box.down(["mysql"])
        assert not box.up(["mysql"]).failed
        assert _rows(box.endpoint("mysql"), "select count(*) from kept") == [(500,)]
        assert engine.counts(box.endpoint("mysql")) == Dataset.course().counts
    finally:
        box.down(delete=True)


# -- the client --------------------------------------------------------------------------------------


def test_a_script_runs_in_one_session_and_follows_use(client: MySqlClient) -> None:
    results = _run(
        client,
        "create database demo_db;\nuse demo_db\ncreate table t (id int auto_increment primary key, a text);\n"
        "insert into t (a) values ('x;y'), (\"it\\'s\"); select * from t;",
    )
    assert [r.text for r in results[:-1]] == [
        "Query OK, 1 row affected", "Database changed", "Query OK, 0 rows affected",
        "Query OK, 2 rows affected\nRecords: 2  Duplicates: 0  Warnings: 0",
    ]  # fmt: skip
    assert (list(results[-1].columns), list(results[-1].rows)) == (["id", "a"], [(1, "x;y"), (2, "it's")])
    assert client.prompt == "mysql [demo_db]> "


def test_load_data_local_reads_a_file_of_the_person(client: MySqlClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"1,one\r\n2,two\r\n")
    results = _run(
        client,
        "create database demo_db; use demo_db; create table t (id int primary key, a text);"
        f"load data local infile '{path}' into table t fields terminated by ',' lines terminated by '\\r\\n';"
        "select * from t;",
    )
    assert list(results[-1].rows) == [(1, "one"), (2, "two")]


def test_a_procedure_is_made_with_delimiter_and_gives_all_its_tables(client: MySqlClient) -> None:
    text = (
        "DELIMITER //\ncreate procedure p()\nbegin\n  select 1 as a;\n  select 2 as b;\nend //\nDELIMITER ;\n"
    )
    results = _run(client, text + "call p();")
    assert [(r.columns, list(r.rows)) for r in results if r.columns] == [(["a"], [(1,)]), (["b"], [(2,)])]
    assert client.delimiter == ";"


def test_a_refused_statement_gives_the_servers_own_words_and_the_line(client: MySqlClient) -> None:
    with pytest.raises(StatementError) as caught:
        _run(client, "select 1\nfrom nowhere\nwhere and;")
    assert caught.value.title.startswith("ERROR 1064: You have an error in your SQL syntax")
    assert caught.value.line == 3
    with pytest.raises(StatementError, match=r"ERROR 1146: Table 'sandbox.nowhere' doesn't exist"):
        _run(client, "select * from nowhere;")


def test_per_cent_signs_and_backslashes_reach_the_server_as_they_are(client: MySqlClient) -> None:
    [result] = _run(client, r"select '%s %(a)s 100%' as a, 'a\tb' as b, 5 % 3 as c;")
    assert list(result.rows) == [("%s %(a)s 100%", "a\tb", 2)]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("show tables;", "orders"), ("describe customers;", "lastname"), ("show databases;", "sandbox"),
        ("status", "11.4"), ("help", "SHOW TABLES"), ("\\u mysql", "Database changed"),
        ("show engines\\G", "InnoDB"),
        ("explain select * from orders;", "orders"), ("show create table orders;", "FOREIGN KEY"),
    ],
)  # fmt: skip
def test_commands_that_people_type(client: MySqlClient, command: str, found: str) -> None:
    told = "\n".join([r.text for r in _run(client, command)] + [str(r.rows) for r in _run(client, command)])
    assert found in told


def test_a_dump_is_read_back(
    mysql: tuple[MySqlEngine, Endpoint], client: MySqlClient, sandbox: Sandbox
) -> None:
    engine, admin = mysql
    program = sandbox.bin(["mysql"])[0] / "mysqldump"
    environment = {"PATH": os.environ["PATH"], **engine.env(admin)}
    dump = subprocess.run(
        [program, "--routines", "sandbox"], env=environment, capture_output=True, text=True, check=True
    )
    _run(client, "create database again; use again\n" + dump.stdout)
    assert list(_run(client, "select count(*) from orders;")[0].rows) == [(Dataset.course().count("orders"),)]


def test_habits_of_psql_get_advice(client: MySqlClient) -> None:
    with pytest.raises(StatementError) as caught:
        _run(client, "\\dt")
    assert "SHOW TABLES" in caught.value.detail


def test_a_lost_connection_is_told_and_made_again(
    mysql: tuple[MySqlEngine, Endpoint], client: MySqlClient
) -> None:
    _, admin = mysql
    [result] = _run(client, "select connection_id();")
    _rows(admin, f"kill {result.rows[0][0]}")
    with pytest.raises(StatementError, match=r"Lost connection|gone away|closed"):
        _run(client, "select 1;")
    assert list(_run(client, "select 1;")[0].rows) == [(1,)]


def test_names_are_completed_from_the_catalogue(client: MySqlClient) -> None:
    assert client.complete("select * from cust") == ["customerid", "customers"]
    assert "SELECT" in client.complete("SEL")

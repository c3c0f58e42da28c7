"""PostgreSQL, for real: dataset, passwords, learners, durability, the client."""

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
import psycopg2
import pytest

from sandbox.clients.base import Result, StatementError
from sandbox.clients.sql import PostgresClient
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.postgres import PostgresEngine
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[PostgresEngine, Endpoint]]
ATTEMPT = Attempt("rds-postgresql/01-create-insert-query", "t1", 1, {"databases": ["demo_db"]})
SECRETS = Credentials("unused", "learners-password")


@pytest.fixture
def postgres(engine_up: Up) -> tuple[PostgresEngine, Endpoint]:
    return engine_up("postgres")


@pytest.fixture
def learner(postgres: tuple[PostgresEngine, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = postgres
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


@pytest.fixture
def client(postgres: tuple[PostgresEngine, Endpoint]) -> Iterator[PostgresClient]:
    engine, admin = postgres
    with engine.client(admin) as client:
        assert isinstance(client, PostgresClient)
        yield client
    engine.reset(admin, Dataset.course())


def _rows(endpoint: Endpoint, statement: str, *, database: str = "") -> list[tuple[Any, ...]]:
    target = replace(endpoint, database=database) if database else endpoint
    with PostgresEngine().connect(target) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def _run(client: PostgresClient, text: str) -> list[Result]:
    statements, rest = client.split(text)
    assert rest == ""
    return [result for statement in statements for result in client.execute(statement)]


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(postgres: tuple[PostgresEngine, Endpoint]) -> None:
    _, admin = postgres
    assert _rows(admin, "select * from customers where customerid = 293") == [
        (293, "Catherine", "Abel", "Catherine Abel")
    ]
    assert _rows(admin, "select count(*) from customers where firstname = 'John'") == [(19,)]
    assert _rows(admin, "select 1 from customers where customerid = 1221") == []
    assert _rows(admin, 'select fullname, territory, "group" from employees where employeeid = 276') == [
        ("Linda Mitchell", "Southwest", "North America")
    ]
    assert _rows(admin, "select count(*) from employees where managerid is null") == [(3,)]
    line = "select * from orders where salesorderid = 71782 and salesorderdetailid = 110667"
    assert _rows(admin, line) == [
        (71782, 110667, date(2014, 5, 1), date(2014, 5, 13), date(2014, 5, 8), 276, 293,
         Decimal("33319.9860"), Decimal("3182.8264"), Decimal("994.6333"), Decimal("37497.4457"), 714, 3,
         Decimal("29.9940"), Decimal("0.0000"), Decimal("89.9820"))
    ]  # fmt: skip


def test_counts_agree_with_the_manifest(postgres: tuple[PostgresEngine, Endpoint]) -> None:
    engine, admin = postgres
    assert engine.counts(admin) == Dataset.course().counts


def test_keys_and_foreign_keys_hold(postgres: tuple[PostgresEngine, Endpoint]) -> None:
    _, admin = postgres
    with pytest.raises(psycopg2.errors.UniqueViolation):
        _rows(admin, "insert into orders select * from orders limit 1")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        _rows(admin, "delete from customers where customerid = 293")
    indexes = _rows(admin, "select count(*) from pg_indexes where schemaname = 'public'")
    assert indexes == [(8,)]


def test_loading_twice_leaves_the_dataset_once_and_other_tables_alone(
    postgres: tuple[PostgresEngine, Endpoint],
) -> None:
    engine, admin = postgres
    _rows(
        admin, "create table mine as select 1; delete from orders; alter table customers drop column fullname"
    )
    assert engine.load(admin, Dataset.course()) == Dataset.course().counts
    assert engine.counts(admin) == Dataset.course().counts
    assert _rows(admin, "select fullname from customers where customerid = 293") == [("Catherine Abel",)]
    assert _rows(admin, "select count(*) from mine") == [(1,)]
    engine.reset(admin, Dataset.course())


def test_another_dataset_takes_the_place_of_the_first_and_reset_keeps_to_what_it_is_given(
    postgres: tuple[PostgresEngine, Endpoint],
) -> None:
    engine, admin = postgres
    empty = Dataset.empty()
    assert engine.load(admin, empty) == {"customers": 0, "employees": 0, "orders": 0}
    assert engine.counts(admin) == {"customers": 0, "employees": 0, "orders": 0}
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts


def test_reset_takes_away_what_a_person_made_and_restores_the_dataset(
    postgres: tuple[PostgresEngine, Endpoint],
) -> None:
    engine, admin = postgres
    _rows(
        admin, "create schema s; create view v as select 1; delete from orders; drop table employees cascade"
    )
    _rows(admin, "create role friend login password 'x' superuser")
    _rows(admin, "create database theirs owner friend template sandbox_template")
    _rows(admin, "create table t (a int); grant select on t to friend", database="postgres")
    _rows(admin, "create function f() returns int return 1", database="template1")
    _rows(admin, "alter system set work_mem = '1MB'")
    _rows(admin, "alter role learner superuser; grant pg_monitor to learner")
    _rows(admin, "alter role learner set search_path = nowhere")
    _rows(admin, "select pg_create_logical_replication_slot('slot', 'test_decoding')")
    open_elsewhere = psycopg2.connect(admin.url)
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts
    open_elsewhere.close()
    assert [n for (n,) in _rows(admin, "select datname from pg_database order by 1")] == [
        "postgres", "sandbox", "sandbox_template", "template0", "template1",
    ]  # fmt: skip
    roles = "select rolname, rolsuper from pg_roles where rolname !~ '^pg_' order by 1"
    assert _rows(admin, roles) == [("learner", False), ("postgres", True)]
    assert _rows(admin, "select 1 from pg_auth_members where member = 'learner'::regrole") == []
    assert _rows(admin, "select 1 from pg_db_role_setting") == []
    assert _rows(admin, "select 1 from pg_class where relname in ('v', 't')") == []
    assert _rows(admin, "select 1 from pg_class where relname = 't'", database="postgres") == []
    assert _rows(admin, "select 1 from pg_proc where proname = 'f'", database="template1") == []
    assert _rows(admin, "show work_mem") == [("4MB",)]
    assert _rows(admin, "select count(*) from pg_replication_slots") == [(0,)]


def test_reset_brings_a_dropped_database_and_a_dropped_learner_back(
    postgres: tuple[PostgresEngine, Endpoint],
) -> None:
    engine, admin = postgres
    _rows(admin, "drop database sandbox", database="postgres")
    engine.probe(admin)
    _rows(admin, "alter database sandbox_template is_template false", database="postgres")
    _rows(admin, "drop database sandbox_template", database="postgres")
    _rows(admin, "drop role learner", database="postgres")
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts
    learner = engine.begin(admin, ATTEMPT, SECRETS)
    assert _rows(learner, "select count(*) from employees") == [(17,)]
    engine.clear(admin, ATTEMPT)


# -- who may do what ---------------------------------------------------------------------------------


def test_a_wrong_password_and_none_are_refused(postgres: tuple[PostgresEngine, Endpoint]) -> None:
    engine, admin = postgres
    for password in ("wrong", ""):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            engine.probe(replace(admin, password=password))


def test_the_password_is_in_no_log_and_on_no_command_line(
    postgres: tuple[PostgresEngine, Endpoint], sandbox: Sandbox
) -> None:
    engine, admin = postgres
    seat = sandbox.seat("postgres")
    _rows(admin, "alter system set log_statement = 'all'")
    # The server has read them again before it takes the next connection.
    _rows(admin, "select pg_reload_conf()")
    learner = engine.begin(admin, ATTEMPT, SECRETS)
    engine.secure(admin, admin, Credentials(admin.password, learner.password))
    assert "alter role" in seat.log.read_text()
    engine.reset(admin, Dataset.course())
    pid = int(seat.run.read_text().split()[0])
    texts = [seat.log.read_text(), Path(f"/proc/{pid}/cmdline").read_text()]
    texts += [file.read_text() for file in seat.work.iterdir() if file.is_file()]
    assert not [p for p in (admin.password, learner.password) for text in texts if p in text]


def test_a_learner_makes_what_the_exercise_owns_and_reads_the_dataset(
    postgres: tuple[PostgresEngine, Endpoint], learner: Endpoint
) -> None:
    engine, admin = postgres
    assert _rows(learner, "select count(*) from employees") == [(17,)]
    _rows(learner, "create database demo_db")
    _rows(learner, "create table employees (id int); insert into employees values (1)", database="demo_db")
    engine.clear(admin, ATTEMPT)
    assert _rows(admin, "select 1 from pg_database where datname = 'demo_db'") == []


@pytest.mark.parametrize(
    "statement",
    [
        "delete from customers", "drop table orders", "create table t (a int)", "create schema s",
        "create role friend", "alter role learner superuser", "alter role postgres password 'x'",
        "select * from pg_authid", "select * from pg_shadow", "select pg_read_file('postgresql.auto.conf')",
        "copy customers to '/tmp/x'", "copy customers to program 'id'", "alter system set work_mem = '1MB'",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
        "create extension file_fdw", "drop database postgres", "select pg_reload_conf()", "checkpoint",
    ],
)  # fmt: skip
def test_a_learner_is_refused_what_is_not_theirs(learner: Endpoint, statement: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        _rows(learner, statement)
    assert isinstance(caught.value, psycopg2.errors.InsufficientPrivilege)


def test_a_learner_may_be_given_tables_and_roles_of_the_dataset_s_database(
    postgres: tuple[PostgresEngine, Endpoint],
) -> None:
    engine, admin = postgres
    owns = {"tables": ["bonus*"], "views": ["best"], "schemas": ["hr"], "roles": ["reader"]}
    attempt = Attempt("x", "t2", 1, owns)
    learner = engine.begin(admin, attempt, SECRETS)
    _rows(admin, "create table bonuses (a int); create materialized view best as select 1")
    _rows(learner, "create table bonus (a int); create schema hr; create table hr.t (a int)")
    _rows(learner, "create role reader; grant select on bonus to reader; create role another")
    engine.clear(admin, attempt)
    assert _rows(admin, "select relname from pg_class where relname in ('bonus', 'bonuses', 'best')") == []
    assert _rows(admin, "select 1 from pg_namespace where nspname = 'hr'") == []
    assert _rows(admin, "select rolname from pg_roles where rolname in ('reader', 'another')") == []
    assert engine.counts(admin) == Dataset.course().counts


def test_after_an_attempt_settings_memberships_extensions_and_roles_are_gone_wherever_they_left_something(
    postgres: tuple[PostgresEngine, Endpoint],
) -> None:
    engine, admin = postgres
    attempt = Attempt(
        "aurora-postgresql/any", "t3", 1, {"roles": ["clerk"], "extensions": ["pg_stat_statements"]}
    )
    learner = engine.begin(admin, attempt, SECRETS)
    try:
        _rows(admin, "create extension pg_stat_statements")
        _rows(admin, "grant pg_read_all_stats to learner")
        _rows(learner, "create role clerk")
        _rows(learner, "grant clerk to learner")
        for database in ("postgres", "template1"):
            _rows(learner, "set role clerk; select lo_create(0)", database=database)
        _rows(learner, "alter role learner in database sandbox set search_path = nowhere")
        _rows(learner, "alter role learner set default_transaction_read_only = on")
    finally:
        engine.clear(admin, attempt)
    assert _rows(admin, "select 1 from pg_extension where extname = 'pg_stat_statements'") == []
    assert _rows(admin, "select 1 from pg_roles where rolname = 'clerk'") == []
    assert _rows(admin, "select 1 from pg_auth_members where member = 'learner'::regrole") == []
    assert _rows(admin, "select 1 from pg_db_role_setting where setrole = 'learner'::regrole") == []


def test_after_an_attempt_the_learners_sessions_are_gone(postgres: tuple[PostgresEngine, Endpoint]) -> None:
    engine, admin = postgres
    session = engine.client(engine.begin(admin, ATTEMPT, SECRETS))
    _run(session, "begin; lock table customers in access share mode;")
    engine.clear(admin, ATTEMPT)
    assert _rows(admin, "select count(*) from pg_stat_activity where usename = 'learner'") == [(0,)]
    session.close()


def test_it_listens_on_the_loopback_address_only_and_on_no_socket_file(
    postgres: tuple[PostgresEngine, Endpoint], sandbox: Sandbox
) -> None:
    server = psutil.Process(int(sandbox.seat("postgres").run.read_text().split()[0]))
    found = [
        c for c in server.net_connections("all") if c.status == psutil.CONN_LISTEN or isinstance(c.laddr, str)
    ]
    assert {c.laddr.ip for c in found if not isinstance(c.laddr, str)} == {"127.0.0.1"}
    assert not [c.laddr for c in found if isinstance(c.laddr, str) and c.laddr]


def test_psql_and_pg_dump_of_the_same_version_find_the_server_by_the_environment(
    postgres: tuple[PostgresEngine, Endpoint], sandbox: Sandbox
) -> None:
    engine, admin = postgres
    [folder] = sandbox.bin(["postgres"])
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **engine.env(admin)}

    def call(*argv: str) -> str:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert call("psql", "-Atc", "select count(*) from customers") == "635\n"
    assert call("psql", admin.url, "-Atc", "select count(*) from employees") == "17\n"
    assert "CREATE TABLE public.orders" in call("pg_dump", "--schema-only")


def test_sqlalchemy_takes_the_url_made_for_it(postgres: tuple[PostgresEngine, Endpoint]) -> None:
    import sqlalchemy

    engine, admin = postgres
    again = engine.from_env(engine.generic_env(admin))
    assert again is not None
    assert again.options == admin.options
    made = sqlalchemy.create_engine(again.options["sqlalchemy_url"])
    with made.connect() as connection:
        assert connection.execute(sqlalchemy.text("select count(*) from customers")).scalar() == 635
    made.dispose()


# -- durability --------------------------------------------------------------------------------------


def _kill(box: Sandbox) -> None:
    pid = int(box.seat("postgres").run.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "postgres" in box.running():
        time.sleep(0.01)


@pytest.mark.parametrize("durable", [False, True])
def test_committed_rows_outlive_a_kill_and_a_clean_restart(own_home: Path, durable: bool) -> None:
    engine = PostgresEngine()
    box = Sandbox(name="killed")
    try:
        assert not box.up(["postgres"], durable=durable).failed
        endpoint = box.endpoint("postgres")
        assert _rows(endpoint, "show fsync") == [("on" if durable else "off",)]
        with engine.connect(endpoint) as connection, connection.cursor() as cursor:
            cursor.execute("create table kept (a int primary key)")
            for number in range(500):
                cursor.execute("insert into kept values (%s)", [number])
            cursor.execute("begin; insert into kept values (1000)")
            _kill(box)
        assert not box.up(["postgres"]).failed
        endpoint = box.endpoint("postgres")
        assert _rows(endpoint, "select count(*) from kept") == [(500,)]
        box.down(["postgres"])
        assert not box.up(["postgres"]).failed
        assert _rows(box.endpoint("postgres"), "select count(*) from kept") == [(500,)]
        assert engine.counts(box.endpoint("postgres")) == Dataset.course().counts
    finally:
        box.down(delete=True)


# -- the client --------------------------------------------------------------------------------------


def test_a_script_runs_in_one_session_and_follows_its_own_connect(client: PostgresClient) -> None:
    results = _run(
        client,
        "create database demo_db;\n\\c demo_db\ncreate table t (a int, b text);\n"
        "copy t from stdin;\n1\tx;y\n2\t\\N\n\\.\nselect * from t order by a;",
    )
    assert [r.text for r in results[:-1]] == [
        "CREATE DATABASE", 'You are now connected to database "demo_db" as user "postgres".',
        "CREATE TABLE", "COPY 2",
    ]  # fmt: skip
    assert (list(results[-1].columns), list(results[-1].rows)) == (["a", "b"], [(1, "x;y"), (2, None)])
    assert client.prompt == "demo_db=# "


def test_the_prompt_shows_the_state_of_the_transaction(client: PostgresClient) -> None:
    _run(client, "begin;")
    assert client.prompt == "sandbox=*# "
    with pytest.raises(StatementError):
        _run(client, "select 1/0;")
    assert client.prompt == "sandbox=!# "
    _run(client, "rollback;")
    assert client.prompt == "sandbox=# "


def test_a_refused_statement_gives_the_servers_own_words_and_the_line(client: PostgresClient) -> None:
    with pytest.raises(StatementError) as caught:
        _run(client, "select fullname\nfrom customers\nwhere nothing = 1;")
    assert caught.value.title == 'ERROR:  column "nothing" does not exist'
    assert caught.value.line == 3
    assert caught.value.detail.splitlines()[:2] == ["LINE 3: where nothing = 1", "              ^"]
    with pytest.raises(StatementError) as caught:
        _run(client, "delete from customers where customerid = 293;")
    assert 'still referenced from table "orders"' in caught.value.detail


def test_notices_are_shown_before_the_status(client: PostgresClient) -> None:
    [result] = _run(client, "do $$ begin raise notice 'hello'; end $$;")
    assert result.text == "NOTICE:  hello\nDO"


def test_per_cent_signs_and_backslashes_reach_the_server_as_they_are(client: PostgresClient) -> None:
    [result] = _run(client, r"select '%s %(a)s 100%' as a, '\n' as b, 5 % 3 as c;")
    assert list(result.rows) == [("%s %(a)s 100%", r"\n", 2)]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("\\dt", "orders"), ("\\d", "customers"), ("\\d orders", "linetotal"), ("\\l", "sandbox"),
        ("\\d+ employees", "managerid"), ("\\du", "learner"), ("\\dn", "public"), ("\\dx", "plpgsql"),
        ("\\di", "orders_pkey"),
        ("\\dt cust*", "customers"), ("\\dp customers", "learner=r"), ("\\df", ""), ("\\conninfo", "port"),
        ("\\?", "\\dt"), ("\\echo hello", "hello"), ("\\z orders", "learner=r"), ("\\timing on", ""),
    ],
)  # fmt: skip
def test_commands_of_psql_that_people_type(client: PostgresClient, command: str, found: str) -> None:
    results = _run(client, command)
    told = "\n".join([r.text for r in results] + [str(row) for r in results for row in r.rows])
    assert found in told


def test_an_unknown_backslash_command_says_so(client: PostgresClient) -> None:
    for command in ("\\nonsense", "\\d nowhere", "\\c nowhere"):
        with pytest.raises(StatementError):
            _run(client, command)
    assert client.prompt == "sandbox=# "


def test_a_file_is_read_and_a_missing_one_told(client: PostgresClient, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("select 1 as one;\n\\q\nselect 2 as two;")
    results = _run(client, f"\\i {tmp_path}/a.sql")
    assert [r.columns for r in results if r.columns] == [["one"]]
    with pytest.raises(StatementError, match="No such file"):
        _run(PostgresClient(client.endpoint), "\\i /nowhere.sql")


def test_a_dump_is_read_back(
    postgres: tuple[PostgresEngine, Endpoint], client: PostgresClient, sandbox: Sandbox
) -> None:
    engine, admin = postgres
    [folder] = sandbox.bin(["postgres"])
    dump = subprocess.run(
        [folder / "pg_dump", "sandbox"], env=engine.env(admin), capture_output=True, text=True, check=True
    )
    _run(client, "create database again;\n\\c again\n" + dump.stdout)
    assert _run(client, "select count(*) from public.orders;")[0].rows == [
        (Dataset.course().count("orders"),)
    ]


def test_rows_come_from_and_go_to_files_of_the_client(client: PostgresClient, tmp_path: Path) -> None:
    (tmp_path / "it's.csv").write_text("a,b\n1,x;y\n2,\n")
    name = str(tmp_path / "it''s.csv")
    results = _run(
        client,
        f"create table t (a int, b text);\n\\copy t (a, b) from '{name}' csv header\n"
        f"\\copy (select a from t order by a) to '{tmp_path}/out' csv header\n",
    )
    assert [r.text for r in results] == ["CREATE TABLE", "COPY 2", "COPY 3"]
    assert (tmp_path / "out").read_text() == "a\n1\n2\n"
    with pytest.raises(StatementError, match="No such file"):
        _run(client, "\\copy t from '/nowhere.csv' csv")


def test_gx_asks_for_records_one_below_the_other(client: PostgresClient) -> None:
    [result] = _run(client, "select 1 as a \\gx\n")
    assert result.extra["vertical"] is True


def test_a_lost_connection_is_told_and_made_again(
    postgres: tuple[PostgresEngine, Endpoint], client: PostgresClient
) -> None:
    _, admin = postgres
    [result] = _run(client, "select pg_backend_pid();")
    _rows(admin, f"select pg_terminate_backend({result.rows[0][0]}, 60000)")
    with pytest.raises(StatementError, match=r"terminating connection|closed the connection"):
        _run(client, "select 1;")
    assert client.prompt
    assert _run(client, "select 1;")[0].rows == [(1,)]


def test_names_are_completed_from_the_catalogue(client: PostgresClient) -> None:
    assert client.complete("select * from cust") == ["customerid", "customers"]
    assert client.complete("select c.fulln") == ["c.fullname"]
    assert "SELECT" in client.complete("SEL")
    _run(client, "create table custard (a int);")
    assert "custard" in client.complete("select * from cust")

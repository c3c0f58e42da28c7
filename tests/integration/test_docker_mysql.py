"""MySQL in Docker, where it is MySQL itself and not MariaDB: logins, learners, settings, TLS, durability."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.mysql import MySqlEngine
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.sandbox import Sandbox
from tests.integration.plain_compose import composed

pytestmark = pytest.mark.docker

Up = Callable[[str], tuple[MySqlEngine, Endpoint]]
ATTEMPT = Attempt(
    "aurora-mysql/10-users-roles-and-tls", "d1", 1, {"databases": ["desk"], "users": ["counts", "bea"]}
)
SECRETS = Credentials("unused", "learners-password")


@pytest.fixture
def mysql(docker_up: Up) -> tuple[MySqlEngine, Endpoint]:
    return docker_up("mysql")


@pytest.fixture
def learner(mysql: tuple[MySqlEngine, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = mysql
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


def _rows(endpoint: Endpoint, *statements: str, **how: Any) -> list[tuple[Any, ...]]:
    connection = pymysql.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
        autocommit=True,
        connect_timeout=120,
        **({"ssl_disabled": True} | how),
    )
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def test_it_is_mysql_and_says_its_version(
    mysql: tuple[MySqlEngine, Endpoint], docker_sandbox: Sandbox
) -> None:
    engine, admin = mysql
    assert engine.version(admin).startswith("MySQL ")
    (status,) = docker_sandbox.status(["mysql"])
    assert (status.product, status.approximation) == (engine.version(admin), "")


def test_logins_by_caching_sha2_work_with_tls_and_without(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    _, admin = mysql
    question = "select plugin from mysql.user where user = 'admin'"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    for how in ({"ssl_disabled": True}, {"ssl": tls, "ssl_disabled": False}):
        # A password that was not yet asked for since this is exchanged whole, encrypted by the server's key.
        _rows(admin, "flush privileges")
        assert _rows(admin, question, **how) == [("caching_sha2_password",)]


def test_only_the_administrator_and_the_learner_come_from_outside(
    mysql: tuple[MySqlEngine, Endpoint],
) -> None:
    _, admin = mysql
    outside = _rows(admin, "select user from mysql.user where host <> 'localhost' order by user")
    assert outside == [("admin",), ("learner",)]
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        _rows(replace(admin, user="root"), "select 1")


def test_the_certificate_can_be_checked(
    mysql: tuple[MySqlEngine, Endpoint], docker_sandbox: Sandbox, tmp_path: Path
) -> None:
    _, admin = mysql
    ((path,),) = _rows(admin, "select @@ssl_cert")
    found = client().containers.get(container_name(docker_sandbox.seat("mysql")))
    trusted = ssl.create_default_context(cadata=found.exec_run(["cat", path]).output.decode())
    ((cipher,),) = [
        row[1:] for row in _rows(admin, "show status like 'Ssl_cipher'", ssl=trusted, ssl_disabled=False)
    ]
    assert cipher


def test_a_learner_who_makes_users_gives_roles_but_not_the_administrator(
    mysql: tuple[MySqlEngine, Endpoint], learner: Endpoint
) -> None:
    _rows(
        learner,
        "create database desk",
        "create table desk.notes (id int)",
        "create role counts",
        "grant select on desk.notes to counts",
        "create user bea identified by 'Heron-Lake-42'",
        "grant counts to bea",
        "set default role counts to bea",
    )
    bea = replace(learner, user="bea", password="Heron-Lake-42")
    assert _rows(bea, "select count(*) from desk.notes") == [(0,)]
    for statement in (
        "grant admin to learner",
        "alter user admin identified by 'mine'",
        "drop user admin",
        "grant select on mysql.* to bea",
        "select * from mysql.user",
    ):
        with pytest.raises(pymysql.err.Error, match="denied"):
            _rows(learner, statement)


def test_reset_takes_away_users_roles_databases_and_changed_settings(
    mysql: tuple[MySqlEngine, Endpoint],
) -> None:
    engine, admin = mysql
    engine.begin(admin, ATTEMPT, SECRETS)
    _rows(
        admin,
        "create database mine",
        "create user somebody",
        "create role something",
        "grant something to learner",
        "set persist long_query_time = 3",
        "set global local_infile = off",
        "drop table sandbox.orders",
    )
    assert engine.reset(admin, Dataset.course()) == dict(Dataset.course().counts)
    users = _rows(admin, "select user, host from mysql.user order by 1")
    assert [user for user, host in users if host != "localhost"] == ["admin", "learner"]
    assert [user for user, host in users if host == "localhost"] == [
        "mysql.infoschema",
        "mysql.session",
        "mysql.sys",
        "root",
    ]
    assert _rows(admin, "select count(*) from mysql.role_edges") == [(0,)]
    assert _rows(admin, "select count(*) from performance_schema.persisted_variables") == [(0,)]
    assert _rows(admin, "select @@global.long_query_time, @@global.local_infile") == [(10, 1)]
    assert ("mine",) not in _rows(admin, "show databases")


def test_the_dataset_comes_in_also_where_the_server_takes_no_files(
    mysql: tuple[MySqlEngine, Endpoint],
) -> None:
    engine, admin = mysql
    line = "select * from sandbox.orders where salesorderid = 71782 order by salesorderdetailid"
    before = _rows(admin, line)
    try:
        _rows(admin, "set global local_infile = off", "drop table sandbox.orders")
        assert engine.load(admin, Dataset.course()) == dict(Dataset.course().counts)
        # It is for its administrator to say.
        assert _rows(admin, "select @@global.local_infile") == [(0,)]
    finally:
        _rows(admin, "set global local_infile = on")
    assert engine.counts(admin) == dict(Dataset.course().counts)
    assert _rows(admin, line) == before


def test_its_defaults_are_those_of_aurora(mysql: tuple[MySqlEngine, Endpoint]) -> None:
    _, admin = mysql
    ((mode, collation, log, schema, explain),) = _rows(
        admin,
        "select @@sql_mode, @@collation_server, @@log_bin, @@performance_schema, @@explain_format",
    )
    assert "ONLY_FULL_GROUP_BY" in mode
    assert "STRICT_TRANS_TABLES" in mode
    assert (collation, log, schema, explain) == ("utf8mb4_0900_ai_ci", 1, 1, "TRADITIONAL")


def test_the_password_is_on_no_command_line(
    mysql: tuple[MySqlEngine, Endpoint], docker_sandbox: Sandbox
) -> None:
    _, admin = mysql
    found = client().containers.get(container_name(docker_sandbox.seat("mysql")))
    assert admin.password not in str(found.top())
    assert admin.password not in found.logs().decode()


def test_the_images_own_clients_find_it_by_the_environment(
    mysql: tuple[MySqlEngine, Endpoint], learner: Endpoint, docker_sandbox: Sandbox, tmp_path: Path
) -> None:
    engine, _ = mysql
    path = os.pathsep.join([*map(str, docker_sandbox.bin(["mysql"])), os.environ["PATH"]])
    (tmp_path / "notes.csv").write_text("1\n2\n")
    script = """
        set -e
        mysql -e 'create database desk; create table desk.notes (id int)'
        mysql -e "load data local infile 'notes.csv' into table desk.notes"
        mysqldump --no-tablespaces desk > desk.sql
        mysql -e 'drop table desk.notes'
        mysql desk < desk.sql
        mysql -NBe 'select user(), sum(id) from desk.notes'
        mysqladmin --version
    """
    done = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": path, "HOME": str(tmp_path), **engine.env(learner)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"learner@\S+\t3\n.*mysqladmin +Ver [89]", done.stdout, re.DOTALL)
    assert "GTID" not in (tmp_path / "desk.sql").read_text()


@pytest.mark.parametrize("durable", [False, True])
def test_committed_rows_outlive_a_kill(own_home: Path, durable: bool) -> None:
    box = Sandbox(name="killed")
    assert not box.up(["mysql"], runtime="docker", durable=durable).failed
    admin = box.endpoint("mysql")
    ((level,),) = _rows(admin, "select @@innodb_flush_log_at_trx_commit")
    assert level == (1 if durable else 2)
    engine = MySqlEngine()
    with engine.connect(admin) as connection, connection.cursor() as cursor:
        cursor.execute("create table kept (n int primary key)")
        for number in range(200):
            cursor.execute("insert into kept values (%s)", [number])
        box.runtime.kill(box.seat("mysql"))
    assert not box.up(["mysql"]).failed
    assert _rows(box.endpoint("mysql"), "select count(*) from sandbox.kept") == [(200,)]


def test_the_compose_file_alone_gives_a_server_for_its_user() -> None:
    with composed("mysql") as (port, project):
        admin = Endpoint("mysql", "127.0.0.1", port, user="admin", password="sandbox", database="sandbox")
        assert _rows(admin, "create table sandbox.mine (id int)", "select count(*) from sandbox.mine") == [
            (0,)
        ]
        published = subprocess.run(
            ["docker", "port", f"{project}-mysql-1"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
        assert published.stdout.strip() == f"3306/tcp -> 127.0.0.1:{port}"


def test_the_compose_file_alone_gives_a_replica_that_follows() -> None:
    with composed("mysql", profile="replicas") as (port, project):
        primary = Endpoint("mysql", "127.0.0.1", port, user="admin", password="sandbox", database="sandbox")
        container = client().containers.get(f"{project}-mysql-replica-1")
        (place,) = container.attrs["HostConfig"]["PortBindings"]["3306/tcp"]
        assert place["HostIp"] == "127.0.0.1"
        replica = replace(primary, port=int(place["HostPort"]))
        _rows(primary, "create table sandbox.mine (id int)", "insert into sandbox.mine values (7)")
        ((done,),) = _rows(primary, "select @@global.gtid_executed")
        assert _rows(replica, f"select wait_for_executed_gtid_set('{done}', 120)") == [(0,)]
        assert _rows(replica, "select id, @@read_only from sandbox.mine") == [(7, 1)]
        assert _rows(primary, "select @@server_id") != _rows(replica, "select @@server_id")

"""Cassandra in Docker: our settings and classes inside of the official image, its data on a volume."""

from __future__ import annotations

import io
import tarfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.datasets.dataset import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.cassandra import CassandraEngine
from sandbox.engines.cassandra_driver import Wire, make_cluster
from sandbox.engines.cassandra_nodetool import run as nodetool
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.runtimes.native.cassandra import AMENDED, RECIPE
from sandbox.sandbox import Sandbox
from tests.integration.plain_compose import composed

pytestmark = pytest.mark.docker

Up = Callable[[str], tuple[CassandraEngine, Endpoint]]
ATTEMPT = Attempt("keyspaces/01-create-insert-query", "t1", 1, {"keyspaces": ["shop_*"]})
ONE_COPY = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


@pytest.fixture
def cassandra(docker_up: Up) -> tuple[CassandraEngine, Endpoint]:
    return docker_up("cassandra")


@pytest.fixture
def learner(cassandra: tuple[CassandraEngine, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = cassandra
    yield engine.begin(admin, ATTEMPT, Credentials("unused", "learners-password"))
    engine.clear(admin, ATTEMPT)


def test_the_first_password_is_refused(cassandra: tuple[CassandraEngine, Endpoint]) -> None:
    _, admin = cassandra
    # With more patience than a probe's, for which a server that stands still refuses as well.
    with pytest.raises(Exception, match="incorrect"), Wire(replace(admin, password="cassandra"), seconds=120):
        pass


def test_the_servers_version_is_told_and_not_the_images_tag(
    cassandra: tuple[CassandraEngine, Endpoint], docker_sandbox: Sandbox
) -> None:
    engine, admin = cassandra
    [status] = docker_sandbox.status(["cassandra"])
    assert status.version == engine.version(admin)
    assert status.version.startswith("5.0.")


def test_nodetool_counts_tables_and_takes_and_imports_snapshots_over_the_one_port(
    cassandra: tuple[CassandraEngine, Endpoint], learner: Endpoint
) -> None:
    _, admin = cassandra
    assert "UN  127.0.0.1" in nodetool(admin, ["status"]).out
    assert "Table: orders_by_day" in nodetool(admin, ["tablestats", "sandbox.orders_by_day"]).out
    with make_cluster(learner) as cluster:
        own: Any = cluster.connect()
        own.execute(f"CREATE KEYSPACE shop_backup {ONE_COPY}")
        own.execute("CREATE TABLE shop_backup.orders (id int PRIMARY KEY, total int)")
        own.execute("INSERT INTO shop_backup.orders (id, total) VALUES (1, 10)")
        assert nodetool(learner, ["snapshot", "-t", "monday", "shop_backup"]).code == 0
        own.execute("TRUNCATE shop_backup.orders")
        where = own.execute("SELECT value FROM system_views.settings WHERE name = 'data_file_directories'")
        table = (
            own.execute("SELECT id FROM system_schema.tables WHERE keyspace_name = 'shop_backup'").one().id
        )
        root = where.one().value.strip("[]")
        assert root.startswith("/var/lib/cassandra/")
        folder = f"{root}/shop_backup/orders-{table.hex}/snapshots/monday"
        answer = nodetool(learner, ["import", "--copy-data", "shop_backup", "orders", folder])
        assert answer.code == 0, answer
        assert own.execute("SELECT total FROM shop_backup.orders WHERE id = 1").one().total == 10
        assert nodetool(learner, ["snapshot", "-t", "mine", "sandbox"]).code != 0


def test_the_server_is_not_root_and_no_password_is_in_the_containers_settings(
    cassandra: tuple[CassandraEngine, Endpoint], docker_sandbox: Sandbox
) -> None:
    _, admin = cassandra
    container = client().containers.get(container_name(docker_sandbox.seat("cassandra")))
    code, said = container.exec_run(["id", "-un"])
    assert (code, said) == (0, b"cassandra\n")
    assert admin.password not in str(container.attrs["Config"]["Entrypoint"])


def test_the_amended_classes_are_put_in_where_the_image_has_the_known_release(
    cassandra: tuple[CassandraEngine, Endpoint], docker_sandbox: Sandbox
) -> None:
    engine, admin = cassandra
    container = client().containers.get(container_name(docker_sandbox.seat("cassandra")))
    chunks, _ = container.get_archive("/opt/sandbox/sandbox.jar")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        found = tar.extractfile("sandbox.jar")
        assert found is not None
        names = set(zipfile.ZipFile(io.BytesIO(found.read())).namelist())
    assert "sandbox/cassandra/NodeTools.class" in names
    assert (set(AMENDED) <= names) == (engine.version(admin) == RECIPE.version)


def test_durable_keeps_every_acknowledged_row_over_a_kill(own_home: Path) -> None:
    box = Sandbox(name="durable")
    result = box.up(["cassandra"], durable=True, dataset=Dataset.empty, runtime="docker")
    assert not result.failed
    with make_cluster(box.endpoint("cassandra")) as cluster:
        made = cluster.connect()
        made.execute(f"CREATE KEYSPACE kept {ONE_COPY}")
        made.execute("CREATE TABLE kept.t (k uuid PRIMARY KEY, n int)")
        insert = made.prepare("INSERT INTO kept.t (k, n) VALUES (?, ?)")
        for number in range(50):
            made.execute(insert, (uuid.uuid4(), number))
        assert box.runtime.kill(box.seat("cassandra"))
    assert not box.up(["cassandra"]).failed
    engine = CassandraEngine()
    with engine.connect(replace(box.endpoint("cassandra"), database="kept")) as made:
        assert {row.n for row in made.execute("SELECT n FROM t")} == set(range(50))


def test_the_compose_file_alone_gives_one_node_without_passwords() -> None:
    from cassandra.cluster import Cluster

    patience = {"connect_timeout": 120, "control_connection_timeout": 120}
    with composed("cassandra") as (port, _), Cluster(["127.0.0.1"], port=port, **patience) as cluster:
        asked = "SELECT cluster_name, release_version FROM system.local"
        row = cluster.connect().execute(asked, timeout=120).one()
        assert row.cluster_name == "sandbox"
        assert row.release_version.startswith("5.0.")

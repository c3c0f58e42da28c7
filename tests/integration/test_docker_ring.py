"""Three nodes of Cassandra in Docker: one ring, of which any one may stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import preflight
from sandbox.datasets.dataset import Dataset
from sandbox.engines.cassandra import CassandraEngine
from sandbox.engines.cassandra_driver import make_cluster
from sandbox.engines.cassandra_nodetool import run as nodetool
from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.runtimes.docker.client import ROOT_LABEL, client
from sandbox.runtimes.docker.compose import container_name
from sandbox.runtimes.docker.replicas import network_name
from sandbox.sandbox import Sandbox
from sandbox.snapshots.saving import save
from tests import docker

pytestmark = pytest.mark.docker

NODES = ["cassandra", "cassandra-replica-1", "cassandra-replica-2"]
COURSE = dict(Dataset.course().counts)


@pytest.fixture(scope="module")
def ring(session_home: Path) -> Iterator[Sandbox]:
    """A node with a keyspace of its user's, which two others joined afterwards."""
    box = Sandbox(name="ring")
    try:
        bring(box, runtime="docker")
        one = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        ask(box, f"CREATE KEYSPACE mine WITH replication = {one}")
        ask(box, "CREATE TABLE mine.t (k int PRIMARY KEY)")
        for number in range(20):
            ask(box, f"INSERT INTO mine.t (k) VALUES ({number})")
        steps = bring(box, replicas=2)
        assert {"cassandra stop", "cassandra start", *(f"{name} create" for name in NODES[1:])} <= set(steps)
        yield box
    finally:
        box.down(delete=True)


def bring(box: Sandbox, **wish: Any) -> list[str]:
    """Bring it up and return the steps, as ``engine action``."""
    result = box.up(["cassandra"], **wish)
    for problem in result.failed.values():
        raise problem
    return [f"{s.engine} {s.action}" for s in result.steps]


def ask(box: Sandbox, statement: str, consistency: str = "ONE", node: int = 0) -> list[Any]:
    """Rows that one of the nodes answers; 0 is the first one."""
    from cassandra import ConsistencyLevel
    from cassandra.query import SimpleStatement

    endpoint = box.replicas("cassandra")[node - 1] if node else box.endpoint("cassandra")
    with make_cluster(endpoint) as cluster:
        level = getattr(ConsistencyLevel, consistency)
        return list(cluster.connect().execute(SimpleStatement(statement, consistency_level=level)))


def until(seen: Callable[[], object], wanted: object) -> None:
    """Nodes learn of each other by and by, and a probe does not wait for one that stands still."""
    deadline = time.monotonic() + 180
    while (last := seen()) != wanted:
        assert time.monotonic() < deadline, f"{last}, not {wanted}"
        time.sleep(0.2)


def states(box: Sandbox) -> list[str]:
    return [s.state for s in box.status(["cassandra"])]


def nodes(box: Sandbox, node: int = 0) -> list[str]:
    """What all nodes are for one of them: ``UN`` is up, ``DN`` is down."""
    endpoint = box.replicas("cassandra")[node - 1] if node else box.endpoint("cassandra")
    said = nodetool(endpoint, ["status"])
    assert said.code == 0, said
    return sorted(line[:2] for line in said.out.splitlines() if line[:2] in ("UN", "DN", "UJ", "UL", "DL"))


def test_three_nodes_know_of_each_other_and_status_shows_them(ring: Sandbox) -> None:
    for node in range(3):
        assert len(ask(ring, "SELECT peer FROM system.peers_v2", node=node)) == 2
        until(lambda node=node: nodes(ring, node), ["UN"] * 3)
    until(lambda: states(ring), ["running"] * 3)
    found = ring.status(["cassandra"])
    assert [s.name for s in found] == NODES
    assert [s.replica_of for s in found] == ["", "cassandra", "cassandra"]
    assert all(s.memory_bytes and s.memory_bytes < 512 * 2**20 for s in found)


def test_a_driver_that_is_given_one_node_finds_the_others_on_their_ports(ring: Sandbox) -> None:
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import Cluster

    first = ring.endpoint("cassandra")
    login = PlainTextAuthProvider(first.user, first.password)
    with Cluster([first.host], port=first.port, auth_provider=login) as cluster:
        cluster.connect()
        found = {(host.endpoint.address, host.endpoint.port) for host in cluster.metadata.all_hosts()}
    assert found == {(e.host, e.port) for e in (first, *ring.replicas("cassandra"))}


def test_what_was_there_before_others_joined_is_still_there_and_the_dataset_has_three_copies(
    ring: Sandbox,
) -> None:
    assert {row.k for row in ask(ring, "SELECT k FROM mine.t", "ALL")} == set(range(20))
    assert ask(ring, "SELECT count(*) FROM sandbox.customers", "ALL") == [(COURSE["customers"],)]
    for endpoint in ring.replicas("cassandra"):
        assert CassandraEngine().counts(endpoint) == COURSE


def test_with_a_node_stopped_a_quorum_reads_and_writes_and_the_node_gets_what_it_missed(
    ring: Sandbox,
) -> None:
    from cassandra import ReadTimeout
    from cassandra.cluster import NoHostAvailable

    ask(ring, "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
    ask(ring, "CREATE TABLE shop.t (k int PRIMARY KEY, v int)")
    ask(ring, "INSERT INTO shop.t (k, v) VALUES (1, 1)", "QUORUM")
    assert ring.runtime.kill(ring.seat("cassandra-replica-1"))
    # Until then the first node would ask the one that is gone, and wait for it.
    until(lambda: nodes(ring), ["DN", "UN", "UN"])
    assert ask(ring, "SELECT v FROM shop.t WHERE k = 1", "QUORUM") == [(1,)]
    assert ask(ring, "SELECT count(*) FROM sandbox.orders", "QUORUM") == [(COURSE["orders"],)]
    ask(ring, "INSERT INTO shop.t (k, v) VALUES (2, 2)", "QUORUM")
    with pytest.raises((ReadTimeout, NoHostAvailable), match=r"consistency level ALL|timed out"):
        ask(ring, "SELECT v FROM shop.t WHERE k = 1", "ALL")
    until(lambda: states(ring), ["running", "died", "running"])
    assert [f"cassandra-replica-1 {what}" in bring(ring) for what in ("start", "keep")] == [True, True]
    until(lambda: nodes(ring), ["UN"] * 3)
    assert {row.v for row in ask(ring, "SELECT v FROM shop.t", "ALL")} == {1, 2}


def test_reset_leaves_the_dataset_with_three_copies(ring: Sandbox) -> None:
    ask(ring, "TRUNCATE sandbox.customers")
    ask(
        ring, "ALTER KEYSPACE sandbox WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    ring.reset(["cassandra"])
    assert ask(ring, "SELECT count(*) FROM sandbox.customers", "ALL") == [(COURSE["customers"],)]
    assert all(CassandraEngine().counts(endpoint) == COURSE for endpoint in ring.replicas("cassandra"))


def addresses(box: Sandbox) -> set[str]:
    """Those of all nodes in their network."""
    network = network_name(box.seat("cassandra"))
    found = [client().containers.get(container_name(box.seat(name))) for name in NODES]
    return {each.attrs["NetworkSettings"]["Networks"][network]["IPAddress"] for each in found}


def known(box: Sandbox, node: int) -> set[str]:
    """The addresses that one of the nodes knows, its own among them."""
    own = ask(box, "SELECT broadcast_address FROM system.local", node=node)
    others = ask(box, "SELECT peer FROM system.peers_v2", node=node)
    return {str(row[0]) for row in (*own, *others)}


def test_nodes_are_stopped_and_started_together_and_find_each_other_again(ring: Sandbox) -> None:
    ask(ring, "CREATE KEYSPACE kept WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
    ask(ring, "CREATE TABLE kept.t (k int PRIMARY KEY)")
    ask(ring, "INSERT INTO kept.t (k) VALUES (1)", "ALL")
    before = [e.port for e in ring.replicas("cassandra")]
    assert set(ring.down()) == set(NODES)
    # Their old addresses must not become those of somebody else's machines.
    assert client().networks.list(names=[network_name(ring.seat("cassandra"))])
    bring(ring)
    assert [e.port for e in ring.replicas("cassandra")] == before
    for node in range(3):
        until(lambda node=node: nodes(ring, node), ["UN"] * 3)
        # And of nobody who has an old address now.
        until(lambda node=node: known(ring, node), addresses(ring))
    assert ask(ring, "SELECT k FROM kept.t", "ALL") == [(1,)]
    until(lambda: states(ring), ["running"] * 3)


def test_a_first_node_that_was_killed_finds_the_others_again(ring: Sandbox) -> None:
    assert ring.runtime.kill(ring.seat("cassandra"))
    until(lambda: nodes(ring, 1), ["DN", "UN", "UN"])
    assert ask(ring, "SELECT count(*) FROM sandbox.customers", "QUORUM", node=1) == [(COURSE["customers"],)]
    bring(ring)
    until(lambda: nodes(ring), ["UN"] * 3)
    assert ask(ring, "SELECT count(*) FROM sandbox.customers", "ALL") == [(COURSE["customers"],)]


def test_nodes_are_not_taken_away_alone(ring: Sandbox) -> None:
    for fewer in (1, 0):
        with pytest.raises(UsageError) as refused:
            ring.up(["cassandra"], replicas=fewer)
        assert refused.value.code == "nodes-stay"
        assert "sandbox down cassandra --delete" in refused.value.actions[0]
    assert len(ring.replicas("cassandra")) == 2


def test_several_nodes_have_no_snapshot_and_say_so(ring: Sandbox) -> None:
    for names in (None, ["cassandra"]):
        with pytest.raises(EnvironmentRefusedError) as refused:
            save(ring, "three", names)
        assert refused.value.code == "snapshot-ring"


def test_down_with_delete_leaves_no_container_no_volume_and_no_network(ring: Sandbox) -> None:
    ring.down(delete=True)
    label = {"label": f"{ROOT_LABEL}={ring.root}"}
    engine = client()
    assert engine.containers.list(all=True, filters=label) == []
    assert engine.volumes.list(filters=label) == []
    assert engine.networks.list(filters=label) == []


def test_too_little_memory_for_three_nodes_is_told_with_what_is_missing_and_nothing_is_started(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, free = Sandbox(), 700
    monkeypatch.setattr(preflight, "available_memory", lambda: free * 2**20)
    with pytest.raises(EnvironmentRefusedError) as refused:
        box.up(["cassandra"], replicas=2, runtime="docker")
    assert refused.value.code == "memory-short"
    needed = 3 * box.runtime.facts(box.seat("cassandra")).memory_mib
    assert f"{needed} MiB of memory are needed, {free} MiB are free" in refused.value.title
    assert f"{needed + preflight.RESERVE_MIB - free} MiB too few" in refused.value.detail
    assert all(name in refused.value.detail for name in NODES)
    assert "sandbox up cassandra --replicas 0" in " ".join(refused.value.actions)
    assert docker.remove_left(own_home) == []

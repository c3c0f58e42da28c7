"""Instances: second processes of an engine that one attempt has for itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from sandbox import memory_folder
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.instances import instance
from sandbox.sandbox import Sandbox

ENGINES = ("postgres", "mysql", "redis")

# Holds an instance until it is killed.
HOLD = """
import sys, time
from sandbox.instances import instance
from sandbox.sandbox import Sandbox
with instance(Sandbox(name=sys.argv[1]), "redis", "left", replicas=1) as made:
    print(made.endpoint.port, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def parent(session_home: Path) -> Iterator[Sandbox]:
    box = Sandbox(name="parent")
    # Who else runs here would take those as soon as an engine of ours has ended, and it is started again.
    box.prefers_default_ports = False
    result = box.up(ENGINES)
    assert not result.failed
    yield box
    box.down(delete=True)


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has asked about yet may be dead and there."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def leave_one(parent: Sandbox) -> list[int]:
    """Kill a command that holds an instance; the processes that it left."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, parent.name], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip().isdigit()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    left = pids(parent, "redis-left")
    assert len(left) == 2
    assert all(lives(pid) for pid in left)
    return left


def pids(parent: Sandbox, label: str) -> list[int]:
    """The processes of an instance's engines."""
    records = (parent.root / "instances" / label / "run").glob("*.pid")
    return [int(record.read_text().split()[0]) for record in records]


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_an_instance_is_apart_from_the_sandboxs_own_engine_and_gone_afterwards(
    parent: Sandbox, name: str
) -> None:
    engine, own = engine_named(name), parent.endpoint(name)
    before = parent.status([name], probe=False)[0].pid
    with instance(parent, name, "apart", dataset=True) as made:
        assert made.endpoint.port != own.port
        assert made.endpoint.password != own.password
        assert engine.counts(made.endpoint) == engine.counts(own)
        assert made.place.endpoint == made.endpoint
        root = made.place.home
        processes = pids(parent, f"{name}-apart")
        assert processes
        assert all(lives(pid) for pid in processes)
    assert not root.exists()
    assert not any(lives(pid) for pid in processes)
    assert parent.status([name], probe=False)[0].pid == before
    assert [s.name for s in parent.status(probe=False)] == list(ENGINES)


def test_an_instance_keeps_its_data_and_its_port_over_kill_and_start(parent: Sandbox, name: str) -> None:
    engine = engine_named(name)
    with instance(parent, name, "crash", dataset=True) as made:
        before, whole = made.endpoint, engine.counts(made.endpoint)
        for end in (made.kill, made.stop):
            end()
            with pytest.raises(EnvironmentRefusedError):
                _ = made.endpoint
            made.start()
            assert made.endpoint == before
            assert engine.counts(made.endpoint) == whole


def test_an_instance_of_redis_is_empty_unless_the_dataset_is_asked_for(parent: Sandbox) -> None:
    with (
        instance(parent, "redis", "empty") as made,
        engine_named("redis").connect(made.endpoint) as connection,
    ):
        assert connection.dbsize() == 0


def test_options_are_settings_of_the_instance_and_outlive_its_restart(parent: Sandbox) -> None:
    with instance(parent, "redis", "small", options={"maxmemory": "2mb"}) as made:
        for _ in range(2):
            with engine_named("redis").connect(made.endpoint) as connection:
                assert connection.config_get("maxmemory")["maxmemory"] == str(2 * 2**20)
            made.restart()
    with (
        instance(parent, "postgres", "small", options={"work_mem": "1MB"}) as made,
        engine_named("postgres").connect(made.endpoint) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("show work_mem")
        assert cursor.fetchone()[0] == "1MB"


def test_an_instance_has_the_replicas_that_are_asked_for(parent: Sandbox, name: str) -> None:
    engine = engine_named(name)
    with instance(parent, name, "pair", replicas=1, dataset=True) as made:
        (replica,) = made.replicas
        until(lambda: engine.replication(replica, made.endpoint).level, "the replica did not catch up")
        assert engine.counts(replica) == engine.counts(made.endpoint)
        made.kill()
        assert made.replicas == [replica]
        engine.probe(replica)


def test_what_a_killed_command_left_is_ended_by_the_next_instance_of_that_key(parent: Sandbox) -> None:
    left = leave_one(parent)
    with instance(parent, "redis", "left") as made:
        engine_named("redis").probe(made.endpoint)
        assert not any(lives(pid) for pid in left)


@pytest.mark.parametrize("how", ["up", "down", "status"])
def test_what_a_killed_command_left_is_ended_by_up_down_and_status(own_home: Path, how: str) -> None:
    parent = Sandbox(name="parent")
    assert not parent.up(["redis"]).failed
    left = leave_one(parent)
    if how == "up":
        parent.up(["redis"])
    elif how == "down":
        parent.down()
    else:
        parent.status(["redis"])
    assert not any(lives(pid) for pid in left)
    parent.down(delete=True)
    assert not parent.root.exists()


def test_an_instance_in_use_is_left_alone_by_up_and_status_and_taken_by_down(own_home: Path) -> None:
    parent = Sandbox(name="parent")
    assert not parent.up(["redis"]).failed
    with instance(parent, "redis", "used") as made:
        Sandbox(name="parent").up(["redis"])
        Sandbox(name="parent").status()
        engine_named("redis").probe(made.endpoint)
        Sandbox(name="parent").down(delete=True)
        with pytest.raises(EnvironmentRefusedError):
            _ = made.endpoint
    parent.down(delete=True)


def test_an_instance_can_be_had_where_the_sandboxs_own_engine_does_not_run(own_home: Path) -> None:
    parent = Sandbox(name="nothing")
    with instance(parent, "redis", "alone") as made:
        engine_named("redis").probe(made.endpoint)
    parent.down(delete=True)


def test_a_killed_postgres_leaves_no_shared_memory(parent: Sandbox) -> None:
    def segments(maker: int) -> set[str]:
        # Other servers of this machine, which come and go, have some, too.
        lines = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
        return {line[1] for line in lines if int(line[4]) == maker}

    with instance(parent, "postgres", "shm") as made:
        (pid,) = pids(parent, "postgres-shm")
        before = segments(pid)
        assert len(before) == 1
        made.kill()
        assert segments(pid) <= before
    assert segments(pid) == set()


def test_an_engine_that_an_answer_killed_is_revived_on_its_data(parent: Sandbox, name: str) -> None:
    place = parent.place(name)
    (status,) = parent.status([name], probe=False)
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    until(lambda: name not in parent.running(), "it survived")
    assert place.revive is not None
    place.revive()
    assert parent.endpoint(name) == place.endpoint
    engine_named(name).probe(place.endpoint)


@pytest.mark.parametrize("delete", [False, True], ids=["kept", "deleted"])
def test_an_engine_that_a_person_took_down_is_not_revived(own_home: Path, delete: bool) -> None:
    box = Sandbox(name="parent")
    assert not box.up(["redis"]).failed
    place = box.place("redis")
    Sandbox(name="parent").down(delete=delete)
    assert place.revive is not None
    with pytest.raises(EnvironmentRefusedError) as caught:
        place.revive()
    assert caught.value.code == "taken-down"
    assert Sandbox(name="parent").running() == []
    assert box.root.exists() is not delete
    box.down(delete=True)


def test_work_on_an_instance_that_a_person_took_down_ends_with_an_error_that_says_so(own_home: Path) -> None:
    parent = Sandbox(name="parent")
    assert not parent.up(["redis"]).failed
    with pytest.raises(EnvironmentRefusedError) as caught, instance(parent, "redis", "used") as made:
        Sandbox(name="parent").down()
        made.start()
    assert caught.value.code == "taken-down"
    with pytest.raises(EnvironmentRefusedError) as caught, instance(parent, "redis", "used") as made:
        Sandbox(name="parent").down()
        (parent.root / "instances" / "redis-used" / "state.json").read_text()
    assert caught.value.code == "taken-down"
    parent.down(delete=True)


def test_a_place_gives_instances_of_its_engine_and_its_neighbours(parent: Sandbox) -> None:
    place = parent.place("redis")
    assert place.neighbour is not None
    assert place.neighbour("postgres").endpoint == parent.endpoint("postgres")
    assert place.instance is not None
    with place.instance("viaplace", replicas=0, options={}, dataset=False) as made:
        assert made.place.engine is place.engine
        assert made.place.neighbour is not None
        assert made.place.neighbour("mysql").endpoint == parent.endpoint("mysql")


@pytest.mark.parametrize("key", ["", "../x", "A", "a-b", "a" * 25])
def test_a_key_that_is_no_key_is_refused(parent: Sandbox, key: str) -> None:
    with pytest.raises(UsageError), instance(parent, "redis", key):
        pass


def test_an_instance_lies_in_memory_where_there_is_room_and_else_on_disk(
    parent: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever is free on this machine now.
    monkeypatch.setattr(memory_folder, "ROOM", 1)
    with instance(parent, "redis", "memory") as made:
        folder = (parent.root / "instances" / "redis-memory").resolve()
        assert folder.parent == memory_folder.MEMORY
    assert not folder.exists()
    monkeypatch.setattr(memory_folder, "ROOM", 2**60)
    with instance(parent, "redis", "memory") as made:
        assert not (parent.root / "instances" / "redis-memory").is_symlink()
        engine_named("redis").probe(made.endpoint)


def test_an_instance_that_fills_the_memory_is_killed(
    parent: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_folder, "ROOM", 1)
    monkeypatch.setattr(memory_folder, "MOST", 8 * 2**20)
    with instance(parent, "redis", "full") as made:
        deadline = time.monotonic() + 120
        with (
            pytest.raises(redis.ConnectionError),
            engine_named("redis").connect(made.endpoint) as connection,
        ):
            while time.monotonic() < deadline:
                connection.set("big", b"x" * 2**20)
                # Not all of the memory, however long nobody looks.
                time.sleep(0.02)
        made.start()
        engine_named("redis").probe(made.endpoint)

"""Replicas: second processes of an engine that follow the first one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Engine, Replication
from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import UsageError
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.runtimes.registry import facts
from sandbox.sandbox import Sandbox

REPLICATED = ("postgres", "mysql", "redis")
IN_DOCKER = [
    pytest.param((name, "docker"), marks=pytest.mark.docker, id=f"{name}-docker")
    for name in REPLICATED
    if facts(name, "docker").replicates
]


@pytest.fixture(scope="module")
def boxes(session_home: Path) -> Iterator[Callable[..., Sandbox]]:
    """``boxes("postgres")``: a sandbox of this module with that engine and one replica of it, both up."""
    made: dict[tuple[str, str], Sandbox] = {}

    def box(name: str, runtime: str = "native") -> Sandbox:
        found = made.setdefault((name, runtime), Sandbox(name=f"replicas-{name}-{runtime}"))
        # Who else runs here would take those as soon as an engine of ours has ended, and it is started again.
        found.prefers_default_ports = False
        bring(found, name, replicas=1, runtime=runtime)
        return found

    yield box
    for one in made.values():
        one.down(delete=True)


@pytest.fixture(params=[*(pytest.param((n, "native"), id=n) for n in REPLICATED), *IN_DOCKER])
def seated(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An engine and what runs it."""
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def name(seated: tuple[str, str]) -> str:
    return seated[0]


@pytest.fixture
def box(boxes: Callable[..., Sandbox], seated: tuple[str, str]) -> Sandbox:
    return boxes(*seated)


def bring(box: Sandbox, name: str, **wish: Any) -> list[str]:
    """Bring it up and return the steps, as ``engine action``."""
    result = box.up([name], **wish)
    for problem in result.failed.values():
        raise problem
    return [f"{s.engine} {s.action}" for s in result.steps]


def replication(box: Sandbox, name: str) -> Replication:
    engine = engine_named(name)
    return engine.replication(box.replicas(name)[0], box.endpoint(name))


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def write(engine: Engine, endpoint: Endpoint, value: str) -> None:
    with engine.connect(endpoint) as connection:
        if engine.name == "redis":
            connection.set("seen", value)
            return
        with connection.cursor() as cursor:
            cursor.execute("create table if not exists seen (value varchar(20))")
            cursor.execute("insert into seen values (%s)", [value])


def read(engine: Engine, endpoint: Endpoint) -> list[str]:
    with engine.connect(endpoint) as connection:
        if engine.name == "redis":
            return [str(connection.get("seen"))]
        with connection.cursor() as cursor:
            try:
                cursor.execute("select value from seen")
            except Exception:  # noqa: BLE001 - the table has not arrived yet
                return []
            return [row[0] for row in cursor.fetchall()]


def arrived(box: Sandbox, name: str, value: str) -> bool:
    """Whether the replica has it by now; one that is just copying refuses to tell."""
    try:
        return value in read(engine_named(name), box.replicas(name)[0])
    except Exception:  # noqa: BLE001 - of any driver
        return False


def catch_up(box: Sandbox, name: str) -> None:
    """Until the replica has what was written so far. It may fall behind again: servers write unasked."""

    def level() -> bool:
        try:
            return replication(box, name).level
        except Exception:  # noqa: BLE001 - of any driver; it stands still on a busy machine
            return False

    until(level, "the replica did not catch up")


def counted(engine: Engine, replica: Endpoint) -> dict[str, int]:
    try:
        return engine.counts(replica)
    except Exception:  # noqa: BLE001 - a table may go while it is counted
        return {}


def promote(engine: Engine, endpoint: Endpoint) -> None:
    with engine.connect(endpoint) as connection:
        if engine.name == "redis":
            connection.replicaof("NO", "ONE")
            return
        with connection.cursor() as cursor:
            if engine.name == "postgres":
                cursor.execute("select pg_promote()")
            else:
                cursor.execute("stop replica")
                cursor.execute("reset replica all")
                cursor.execute("set global read_only = 0")


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that nobody has asked about yet may be dead and there."""
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def listens_on(process: psutil.Process) -> set[str]:
    """The addresses that a process listens on; none of one that has ended: servers have some that come and
    go."""
    try:
        found = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return set()
    return {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN}


def pid_of(box: Sandbox, row: str) -> int:
    (pid,) = (s.pid for s in box.status(probe=False) if s.name == row)
    assert pid is not None
    return pid


def test_what_is_written_to_the_primary_can_be_read_from_its_replica(box: Sandbox, name: str) -> None:
    engine, (replica,) = engine_named(name), box.replicas(name)
    catch_up(box, name)
    assert engine.counts(replica) == engine.counts(box.endpoint(name))
    write(engine, box.endpoint(name), "first")
    until(lambda: arrived(box, name, "first"), "the row did not arrive")


def test_the_lesser_user_reads_from_the_replica_with_the_same_password_and_writes_nothing(
    box: Sandbox, name: str
) -> None:
    from dataclasses import replace

    engine, (replica,) = engine_named(name), box.replicas(name)
    place = box.place(name)
    attempt = Attempt("some/01-exercise", "abc123", 1, {"tables": ["mine"]})
    learner = engine.begin(place.endpoint, attempt, place.credentials)
    try:
        catch_up(box, name)
        there = replace(learner, port=replica.port)
        with engine.connect(there) as connection:
            if name == "redis":
                assert connection.execute_command("ACL WHOAMI") == learner.user
                assert connection.get("mine") is None
                with pytest.raises(Exception, match="read only"):
                    connection.set("mine", "1")
                connection.select(0)
                assert connection.hgetall("customer:293")
                return
            with connection.cursor() as cursor:
                cursor.execute("select count(*) from customers")
                assert cursor.fetchone()[0] == 635
                with pytest.raises(Exception, match=r"read-only"):
                    cursor.execute("create table mine (a int)")
    finally:
        engine.clear(place.endpoint, attempt)


def test_status_shows_the_replica_after_its_primary_with_how_far_it_is_behind(
    box: Sandbox, name: str
) -> None:
    told = []

    def level() -> bool:
        told[:] = box.status([name])
        return told[1].healthy and bool({told[1].lag_bytes, told[1].lag_seconds} & {0})

    until(level, "the replica did not catch up")
    primary, replica = told
    assert (primary.name, primary.replica_of) == (name, "")
    assert (replica.name, replica.replica_of) == (f"{name}-replica-1", name)
    assert replica.port != primary.port


def test_reset_and_load_of_the_primary_reach_the_replica(box: Sandbox, name: str) -> None:
    engine, (replica,) = engine_named(name), box.replicas(name)
    write(engine, box.endpoint(name), "gone after reset")
    whole = engine.counts(box.endpoint(name))
    box.reset([name])
    catch_up(box, name)
    assert engine.counts(replica) == whole
    assert "gone after reset" not in read(engine, replica)
    box.load([name], Dataset.empty())
    until(lambda: counted(engine, replica) == dict.fromkeys(whole, 0), "the empty dataset did not arrive")
    box.load([name], Dataset.course())
    until(lambda: counted(engine, replica) == whole, "the dataset did not arrive")


def test_a_replica_that_was_killed_is_seen_and_started_again(box: Sandbox, name: str) -> None:
    row = f"{name}-replica-1"
    box.runtime.kill(box.seat(row))
    until(lambda: not box.replicas(name), "the replica survived")
    assert [s.state for s in box.status([name]) if s.name == row] == ["died"]
    write(engine_named(name), box.endpoint(name), "meanwhile")
    steps = bring(box, name)
    assert f"{row} start" in steps
    assert f"{name} keep" in steps
    catch_up(box, name)
    assert "meanwhile" in read(engine_named(name), box.replicas(name)[0])


def test_a_replica_follows_a_primary_that_was_killed_and_started_again(box: Sandbox, name: str) -> None:
    box.runtime.kill(box.seat(name))
    until(lambda: not box.running(), "the primary survived")
    assert f"{name}-replica-1 keep" in bring(box, name)
    write(engine_named(name), box.endpoint(name), "after it")
    until(lambda: arrived(box, name, "after it"), "it does not follow")


def test_a_replica_finds_a_primary_that_moved_to_another_port(box: Sandbox, name: str) -> None:
    from sandbox.runtimes import ports

    port = ports.any_free()
    bring(box, name, asked_ports={name: port})
    assert box.endpoint(name).port == port
    write(engine_named(name), box.endpoint(name), "moved")
    until(lambda: arrived(box, name, "moved"), "it does not follow")


def test_down_stops_replicas_and_up_starts_them_again_on_their_ports(box: Sandbox, name: str) -> None:
    (before,) = box.replicas(name)
    process = psutil.Process(pid_of(box, f"{name}-replica-1"))
    assert set(box.down()) == {name, f"{name}-replica-1"}
    assert not lives(process)
    assert f"{name}-replica-1 start" in bring(box, name)
    assert box.replicas(name) == [before]
    catch_up(box, name)


def test_a_promoted_replica_is_left_alone_until_a_replica_is_asked_for(box: Sandbox, name: str) -> None:
    engine, (replica,), row = engine_named(name), box.replicas(name), f"{name}-replica-1"
    promote(engine, replica)
    write(engine, replica, "its own")
    assert replication(box, name).promoted
    (status,) = (s for s in box.status([name]) if s.name == row)
    assert (status.state, "promoted" in status.problem) == ("running", True)
    assert f"{row} keep" in bring(box, name)
    assert "its own" in read(engine, replica)
    assert bring(box, name, replicas=1).count(f"{row} delete") == 1
    catch_up(box, name)
    assert "its own" not in read(engine, box.replicas(name)[0])


def test_replicas_are_added_and_taken_away_one_by_one(box: Sandbox, name: str) -> None:
    steps = bring(box, name, replicas=2)
    assert f"{name}-replica-2 create" in steps
    assert len(box.replicas(name)) == 2
    env = box.env([name])
    prefix = f"SANDBOX_{name.upper()}_REPLICA"
    assert [env[f"{prefix}_PORT"], env[f"{prefix}_2_PORT"]] == [str(r.port) for r in box.replicas(name)]
    assert env[f"{prefix}_URL"] == box.replicas(name)[0].url
    found = engine_named(name).from_env(env)
    assert found == box.endpoint(name)
    assert f"{name}-replica-2 delete" in bring(box, name, replicas=1)
    assert len(box.replicas(name)) == 1
    assert f"{name}-replica-1 delete" in bring(box, name, replicas=0)
    assert box.replicas(name) == []
    assert not (box.root / "engines" / f"{name}-replica-1").exists()
    assert f"{name} keep" in bring(box, name)


def test_what_postgres_keeps_for_a_replica_goes_with_it(boxes: Callable[..., Sandbox]) -> None:
    box = boxes("postgres")

    def slots() -> list[str]:
        with engine_named("postgres").connect(box.endpoint("postgres")) as c, c.cursor() as cursor:
            cursor.execute("select slot_name from pg_replication_slots order by 1")
            return [row[0] for row in cursor.fetchall()]

    assert slots() == ["postgres_replica_1"]
    box.down()
    bring(box, "postgres", replicas=0)
    assert slots() == []


def test_replicas_and_primaries_listen_on_the_loopback_address_only(box: Sandbox, name: str) -> None:
    if box.seat(name).record.runtime == "docker":
        for status in box.status([name], probe=False):
            container = client().containers.get(container_name(box.seat(status.name)))
            for bindings in container.attrs["HostConfig"]["PortBindings"].values():
                assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]
        return
    for status in box.status([name], probe=False):
        assert status.pid is not None
        process = psutil.Process(status.pid)
        listening = {ip for p in (process, *process.children(recursive=True)) for ip in listens_on(p)}
        assert listening == {"127.0.0.1"}, status.name


def test_no_password_of_replication_stands_in_a_command_line(box: Sandbox, name: str) -> None:
    secret = box.seat(name).credentials.admin
    for status in box.status([name], probe=False):
        assert status.pid is not None
        assert secret not in " ".join(psutil.Process(status.pid).cmdline())
        assert secret not in "\n".join(box.logs(status.name, lines=1000))


@pytest.mark.parametrize("other", [n for n in NAMES if n not in REPLICATED])
def test_engines_without_replicas_say_so_before_anything_is_started(own_home: Path, other: str) -> None:
    assert not facts(other).replicates
    with pytest.raises(UsageError) as refused:
        Sandbox().up([other], replicas=1)
    assert refused.value.code == "no-replicas"
    assert not (own_home / "default").exists()


def test_replicas_need_a_named_engine_and_a_sane_number(own_home: Path) -> None:
    for names, count, code in (
        (None, 1, "replicas-without-engine"),
        (["redis"], -1, "bad-replicas"),
        (["redis"], 6, "bad-replicas"),
    ):
        with pytest.raises(UsageError) as refused:
            Sandbox().up(names, replicas=count)
        assert refused.value.code == code

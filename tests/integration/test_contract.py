"""What holds for every engine alike: start, load, counts, passwords, loopback, kill, recover, stop."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from sandbox import config
from sandbox.clients.render import render
from sandbox.clients.shell import statements
from sandbox.datasets import Dataset
from sandbox.engines.registry import NAMES, engine
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.runtimes.native import process
from sandbox.runtimes.native.launch import Launch
from sandbox.runtimes.registry import facts
from sandbox.sandbox import Sandbox
from sandbox.status import EngineStatus
from sandbox.up import BringUp
from tests import docker
from tests.integration.free_port import free_port

KEPT = {
    "postgres": ("create table kept as select 42 as answer;", "select answer from kept;"),
    "mysql": (
        "create table kept (answer int); insert into kept values (42);",
        "select answer from kept;",
    ),
    "cassandra": (
        "CREATE TABLE sandbox.kept (id int PRIMARY KEY, answer int);"
        "INSERT INTO sandbox.kept (id, answer) VALUES (1, 42);",
        "SELECT answer FROM sandbox.kept WHERE id = 1;",
    ),
    "mongodb": ("db.kept.insertOne({answer: 42})", "db.kept.findOne().answer"),
    "redis": ("SET kept 42", "GET kept"),
    "gremlin": ("g.addV('kept').property('answer', 42).iterate()", "g.V().hasLabel('kept').values('answer')"),
    "aws": (
        "aws dynamodb create-table --table-name kept "
        "--attribute-definitions AttributeName=id,AttributeType=S "
        "--key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST\n"
        """aws dynamodb put-item --table-name kept --item '{"id": {"S": "42"}}'""",
        "aws dynamodb scan --table-name kept --query 'Items[0].id.S' --output text",
    ),
}
"""By engine: what keeps a value, what reads it again."""


def said(box: Sandbox, name: str, text: str) -> str:
    """What the engine's own client prints for some statements."""
    one = engine(name)
    with one.client(box.endpoint(name)) as client:
        return "\n".join(
            render(result) for statement in statements(client, text) for result in client.execute(statement)
        )


def up(box: Sandbox, name: str) -> int:
    """Bring an engine up; its pid."""
    result = box.up([name])
    if result.failed:
        raise result.failed[name]
    pid = box.status([name])[0].pid
    assert pid is not None
    return pid


def healthy(box: Sandbox, name: str) -> EngineStatus:
    """Its status, once a probe was answered in time: on a busy machine one may wait for too short."""
    deadline = time.monotonic() + 120
    while not (status := box.status([name])[0]).healthy and time.monotonic() < deadline:
        time.sleep(0.2)
    assert status.healthy, status.problem
    return status


RUNTIMES = ["native", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture
def box(own_home: Path) -> Sandbox:
    return Sandbox(name="contract")


def listening(box: Sandbox, name: str, pid: int) -> set[str]:
    """The addresses at which an engine can be reached from this machine."""
    seat = box.seat(name)
    if seat.record.runtime == "docker":
        bound = client().containers.get(container_name(seat)).attrs["HostConfig"]["PortBindings"]
        return {binding["HostIp"] for bindings in bound.values() for binding in bindings}
    leader, sockets = psutil.Process(pid), []
    for one_process in (leader, *leader.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has done its work
            sockets += one_process.net_connections("inet")
    return {c.laddr.ip for c in sockets if c.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NAMES)
def test_an_engine_starts_loaded_keeps_what_was_written_and_leaves_nothing(
    name: str, runtime: str, box: Sandbox, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_RUNTIME", runtime)
    one, found = engine(name), facts(name, runtime)
    pid = up(box, name)

    endpoint = box.endpoint(name)
    assert one.counts(endpoint) == dict(Dataset.course().counts)
    assert one.version(endpoint)
    status = healthy(box, name)
    assert status.memory_bytes is not None
    assert status.memory_bytes < (found.memory_mib * 1.6) * 2**20, "the recipe says too little memory"

    assert status.runtime == runtime
    assert listening(box, name, pid) == {"127.0.0.1"}
    if os.geteuid() == 0 and runtime == "native":
        assert psutil.Process(pid).uids().real != 0, "an engine runs as root"

    if found.no_password:
        assert endpoint.port != one.default_port or not found.prefers_default_port
    else:
        with pytest.raises(Exception) as refused:
            one.probe(
                replace(endpoint, password="wrong", url=endpoint.url.replace(endpoint.password, "wrong"))
            )
        assert not isinstance(refused.value, TypeError | AttributeError | KeyError), refused.value

    write, read = KEPT[name]
    said(box, name, write)
    assert "42" in said(box, name, read)
    # A clean stop keeps everything, always.
    assert box.down([name]) == [name]
    assert process.strays(box.seat(name).mark) == []
    pid = up(box, name)
    assert "42" in said(box, name, read)

    # A kill -9 keeps what was committed, where the recipe does not say otherwise; the dataset in any case.
    box.runtime.kill(box.seat(name))
    deadline = time.monotonic() + 120
    while box.status([name], probe=False)[0].state != "died" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert box.status([name])[0].state == "died"
    with pytest.raises(EnvironmentRefusedError, match="does not run"):
        box.endpoint(name)
    up(box, name)
    assert one.counts(box.endpoint(name)) == dict(Dataset.course().counts)
    if "durability" not in found.lacks:
        assert "42" in said(box, name, read)

    assert list(box.logs(name, lines=5)) or runtime == "native", "it wrote nothing that logs could show"
    assert box.down([name], delete=True) == [name]
    assert not box.state.root.exists()
    assert docker.remove_left(own_home) == []


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NAMES)
def test_reset_and_load_bring_the_dataset_back_and_are_idempotent(
    name: str, runtime: str, request: pytest.FixtureRequest
) -> None:
    sandbox = request.getfixturevalue("sandbox" if runtime == "native" else "docker_sandbox")
    request.getfixturevalue("engine_up" if runtime == "native" else "docker_up")(name)
    one = engine(name)
    write, _ = KEPT[name]
    said(sandbox, name, write)
    for _ in range(2):
        rows = sandbox.reset([name])
        assert {r["table"]: r["rows"] for r in rows} == dict(Dataset.course().counts)
    with one.client(sandbox.endpoint(name)) as client:
        # What was written is gone: writing it again is no conflict.
        for statement in statements(client, write):
            list(client.execute(statement))
    sandbox.load([name], Dataset.course())
    assert one.counts(sandbox.endpoint(name)) == dict(Dataset.course().counts)
    sandbox.reset([name])


@pytest.fixture
def holder(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What takes the port of an engine after it was chosen. Nobody can connect to it."""
    choose = BringUp._choose_ports

    def choose_and_lose(self: BringUp, to_start: list[str]) -> None:
        choose(self, to_start)
        chosen = self.box.seat(to_start[0]).record.ports
        # Of the chosen one there may be closed connections of an earlier test, so that it is free to servers
        # alone; nobody else can have one that the kernel gives.
        taken.bind(("127.0.0.1", chosen["main"] if self.asked else 0))
        chosen["main"] = taken.getsockname()[1]

    with socket.socket() as taken:
        monkeypatch.setattr(BringUp, "_choose_ports", choose_and_lose)
        yield taken


@pytest.fixture
def brief_holder(holder: socket.socket, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The same, and it lets go as soon as the engine has died of it."""
    died = Launch._died

    def let_go(self: Launch, code: int) -> EnvironmentRefusedError:
        holder.close()
        return died(self, code)

    monkeypatch.setattr(Launch, "_died", let_go)
    return holder


@pytest.mark.parametrize("name", ["redis", "postgres", "mysql", "gremlin"])
def test_a_port_that_is_taken_between_choice_and_start_costs_one_more_start(
    name: str, box: Sandbox, holder: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who connects to it hears nothing: the wait for the engine must not become a wait for this one.
    start = Launch.start

    def start_with_a_listener(self: Launch) -> process.Child:
        if holder.getsockname()[1] == self.context.ports["main"]:
            holder.listen()
        return start(self)

    monkeypatch.setattr(Launch, "start", start_with_a_listener)
    result = box.up([name])
    assert result.failed == {}
    assert box.endpoint(name).port != holder.getsockname()[1]
    healthy(box, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_port_that_is_free_again_when_its_engine_has_died_of_it_costs_one_more_start(
    name: str, box: Sandbox, brief_holder: socket.socket
) -> None:
    result = box.up([name])
    assert result.failed == {}
    assert brief_holder.fileno() == -1, "it did not die of the port"
    healthy(box, name)


def test_an_asked_port_is_tried_once_more_when_who_took_it_has_let_go(
    box: Sandbox, brief_holder: socket.socket
) -> None:
    port = free_port()
    result = box.up(["redis"], asked_ports={"redis": port})
    assert result.failed == {}
    assert brief_holder.fileno() == -1, "it did not die of the port"
    assert box.endpoint("redis").port == port


def test_a_prepared_folder_that_does_not_hold_the_whole_dataset_is_removed_and_told(
    box: Sandbox, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = own_home / "cache"
    cache.mkdir()
    for part in ("artifacts", "installs"):
        (cache / part).symlink_to(config.cache() / part)
    box.runtime.cache = cache
    assert box.up(["redis"]).failed == {}
    (meta,) = (cache / "golden" / "redis").glob("*/meta.json")
    # The copy for the next sandbox is made in the background: who still writes into a folder keeps it there.
    deadline = time.monotonic() + 120
    while not (meta.parent / "spare").exists():
        assert time.monotonic() < deadline, "no spare was made"
        time.sleep(0.05)
    box.down(["redis"], delete=True)
    # As if the engine had not kept over its clean stop what it acknowledged.
    document = json.loads(meta.read_text())
    document["rows"]["orders"] += 1
    meta.write_text(json.dumps(document))
    (meta.parent / "checked").unlink()
    failed = box.up(["redis"]).failed["redis"]
    assert failed.code == "golden-incomplete"
    assert not meta.parent.exists()
    assert box.up(["redis"]).failed == {}
    assert engine("redis").counts(box.endpoint("redis")) == dict(Dataset.course().counts)

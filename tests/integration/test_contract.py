"""What holds for every engine alike: start, load, counts, passwords, loopback, kill, recover, stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
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
from sandbox.runtimes.native import process
from sandbox.runtimes.native.registry import recipe
from sandbox.sandbox import Sandbox
from sandbox.up import BringUp

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


@pytest.fixture
def box(own_home: Path) -> Sandbox:
    return Sandbox(name="contract")


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_starts_loaded_keeps_what_was_written_and_leaves_nothing(name: str, box: Sandbox) -> None:
    one, found = engine(name), recipe(name)
    pid = up(box, name)

    endpoint = box.endpoint(name)
    assert one.counts(endpoint) == dict(Dataset.course().counts)
    assert one.version(endpoint)
    (status,) = box.status([name])
    assert status.healthy
    assert status.memory_bytes is not None
    assert status.memory_bytes < (found.memory_mib * 1.6) * 2**20, "the recipe says too little memory"

    leader = psutil.Process(pid)
    sockets = []
    for one_process in (leader, *leader.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has done its work
            sockets += one_process.net_connections("inet")
    assert {c.laddr.ip for c in sockets if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    if os.geteuid() == 0:
        assert leader.uids().real != 0, "an engine runs as root"

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
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while box.status([name], probe=False)[0].state != "died" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert box.status([name])[0].state == "died"
    with pytest.raises(EnvironmentRefusedError, match="does not run"):
        box.endpoint(name)
    up(box, name)
    assert one.counts(box.endpoint(name)) == dict(Dataset.course().counts)
    if "durability" not in found.lacks:
        assert "42" in said(box, name, read)

    assert box.down([name], delete=True) == [name]
    assert not box.state.root.exists()


@pytest.mark.parametrize("name", NAMES)
def test_reset_and_load_bring_the_dataset_back_and_are_idempotent(
    name: str, sandbox: Sandbox, engine_up: object
) -> None:
    engine_up(name)  # type: ignore[operator]
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


@pytest.mark.parametrize("name", ["redis", "postgres", "gremlin"])
def test_a_port_that_is_taken_between_choice_and_start_costs_one_more_start(
    name: str, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    holders = []
    choose = BringUp._choose_ports

    def choose_and_lose(self: BringUp, to_start: list[str]) -> None:
        choose(self, to_start)
        port = self.box.seat(name).record.ports["main"]
        holders.append(socket.create_server(("127.0.0.1", port)))

    monkeypatch.setattr(BringUp, "_choose_ports", choose_and_lose)
    try:
        result = box.up([name])
        assert result.failed == {}
        assert box.endpoint(name).port != holders[0].getsockname()[1]
        assert box.status([name])[0].healthy
    finally:
        for holder in holders:
            holder.close()


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

"""Gremlin Server in Docker: our main class inside of the official image, its graphs on a volume."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gremlin_python.driver.protocol import GremlinServerError

from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt
from sandbox.engines.gremlin import Gremlin
from sandbox.engines.gremlin_driver import open_client
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.runtimes.docker.gremlin import GRAPHS
from sandbox.sandbox import Sandbox
from tests.integration.plain_compose import composed

pytestmark = pytest.mark.docker

Up = Callable[[str], tuple[Gremlin, Endpoint]]


@pytest.fixture
def gremlin(docker_up: Up) -> tuple[Gremlin, Endpoint]:
    return docker_up("gremlin")


def _ask(endpoint: Endpoint, script: str) -> list[Any]:
    with open_client(endpoint, seconds=120) as one:
        return list(one.submit(script).all().result())


def test_groovy_is_refused_and_no_file_of_the_container_can_be_read(
    gremlin: tuple[Gremlin, Endpoint],
) -> None:
    _, admin = gremlin
    for script in ("System.getenv()", "g.io('/opt/sandbox/gremlin-server.json').read().iterate()"):
        with pytest.raises(GremlinServerError):
            _ask(admin, script)


def test_a_learner_reads_the_dataset_and_writes_to_a_graph_of_the_attempt_only(
    gremlin: tuple[Gremlin, Endpoint], docker_sandbox: Sandbox
) -> None:
    engine, admin = gremlin
    attempt = Attempt("neptune/01-create-insert-query", "t1", 1, {"graphs": ["g"]})
    seen = engine.begin(admin, attempt, docker_sandbox.seat("gremlin").credentials)
    assert seen.user == "learner"
    assert _ask(seen, "g.addV('mine').count()") == [1]
    assert _ask(replace(seen, database="g"), "g.V('customer-293').values('fullname')") == ["Catherine Abel"]
    with pytest.raises(GremlinServerError, match="read only"):
        _ask(replace(seen, database="g"), "g.addV('mine')")
    engine.clear(admin, attempt)
    assert _ask(replace(admin, database=seen.database), "g.V().count()") == [0]


def test_the_server_is_not_root_and_its_password_is_in_no_command_line(
    gremlin: tuple[Gremlin, Endpoint], docker_sandbox: Sandbox
) -> None:
    _, admin = gremlin
    container = client().containers.get(container_name(docker_sandbox.seat("gremlin")))
    code, said = container.exec_run(["id", "-un"])
    assert (code, said) == (0, b"gremlin\n")
    assert admin.password not in str(container.attrs["Config"])


def test_what_was_written_outlives_a_clean_restart_and_but_for_a_moment_a_kill(own_home: Path) -> None:
    box = Sandbox(name="killed")

    def mine() -> Endpoint:
        return replace(box.endpoint("gremlin"), database="g_mine")

    assert not box.up(["gremlin"], runtime="docker").failed
    _ask(mine(), "g.addV('first').property('word', 'ü').property(list, 'many', 1, 'meta', 2)")
    assert box.down(["gremlin"]) == ["gremlin"]
    assert not box.up(["gremlin"]).failed
    assert _ask(mine(), "g.V().hasLabel('first').values('word')") == ["ü"]
    assert _ask(mine(), "g.V().properties('many').values('meta')") == [2]
    _ask(mine(), "g.addV('last').property('word', 1)")
    # The page says: within a fraction of a second, once nothing runs. On a busy machine it may take longer.
    container = client().containers.get(container_name(box.seat("gremlin")))
    look, deadline = ["grep", "-q", "last", f"{GRAPHS}/g_mine.graph"], time.monotonic() + 120
    while container.exec_run(look).exit_code != 0:
        assert time.monotonic() < deadline, "the graph is not saved while it runs"
        time.sleep(0.2)
    assert box.runtime.kill(box.seat("gremlin"))
    assert not box.up(["gremlin"]).failed
    assert _ask(mine(), "g.V().has('last', 'word', 1).count()") == [1]
    assert Gremlin().counts(box.endpoint("gremlin")) == Dataset.course().counts


def test_durable_keeps_every_acknowledged_write_over_a_kill(own_home: Path) -> None:
    box = Sandbox(name="durable")
    assert not box.up(["gremlin"], durable=True, dataset=Dataset.empty, runtime="docker").failed
    for number in range(5):
        _ask(replace(box.endpoint("gremlin"), database="g_mine"), f"g.addV('n').property('number', {number})")
    assert box.runtime.kill(box.seat("gremlin"))
    assert not box.up(["gremlin"]).failed
    found = _ask(replace(box.endpoint("gremlin"), database="g_mine"), "g.V().values('number')")
    assert sorted(found) == list(range(5))


def test_the_compose_file_alone_gives_the_server_as_shipped() -> None:
    with composed("gremlin") as (port, _):
        plain = Endpoint("gremlin", "127.0.0.1", port, "", "", "g", f"ws://127.0.0.1:{port}/gremlin")
        assert _ask(plain, "g.addV('person').property('name', 'John').values('name')") == ["John"]
        assert _ask(plain, "[1, 2].collect { it * 2 }") == [2, 4], "it does not run Groovy"

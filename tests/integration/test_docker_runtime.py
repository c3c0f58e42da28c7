"""The Docker runtime where things go wrong, and what it leaves: with Redis, which starts fastest."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.datasets import Dataset
from sandbox.doctor import examine
from sandbox.engines.registry import engine
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.events import Event, Said
from sandbox.runtimes import ports
from sandbox.runtimes.docker import compose, memory
from sandbox.runtimes.docker.client import ROOT_LABEL, client, host
from sandbox.runtimes.docker.recipe import recipe
from sandbox.sandbox import Sandbox
from tests import docker

pytestmark = pytest.mark.docker
COURSE = dict(Dataset.course().counts)


@pytest.fixture
def box(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("SANDBOX_RUNTIME", "docker")
    found = Sandbox(name="docker")
    yield found
    found.down(delete=True)


def failure(box: Sandbox, name: str = "redis", **wish: object) -> SandboxError:
    """The error of an ``up`` that must fail, after which nothing runs and nothing is left."""
    problem = box.up([name], **wish).failed[name]  # type: ignore[arg-type]
    assert box.running() == []
    assert docker.remove_left(box.root.parent) == []
    return problem


def test_a_container_that_ends_is_told_with_its_code_and_its_last_lines(box: Sandbox) -> None:
    box.state.seat("redis", "docker").record.options = {"no-such-setting": "1"}
    box.state.save()
    problem = failure(box)
    assert problem.code == "engine-died"
    assert "exit code 1" in problem.title
    assert "no-such-setting" in problem.detail
    assert any("no-such-setting" in line for line in box.logs("redis"))


def test_a_container_that_takes_too_much_memory_is_told_with_its_limit_and_the_remedy(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_REDIS_MEMORY", "7m")
    problem = failure(box)
    assert "137" in problem.title
    assert "7 MiB" in problem.title
    assert "export SANDBOX_REDIS_MEMORY=256m" in problem.actions
    monkeypatch.delenv("SANDBOX_REDIS_MEMORY")
    assert box.up(["redis"]).failed == {}
    assert engine("redis").counts(box.endpoint("redis")) == COURSE


def test_memory_is_that_which_the_docker_engine_measures_without_a_wait_for_its_next_round(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.up(["redis"])
    (container,) = client().containers.list(filters={"label": f"{ROOT_LABEL}={box.root}"})
    assert memory._of_its_group(container), "the files were not found"
    apart, deadline = 2**40, time.monotonic() + 60
    # Of two moments, between which a server that has just read its data may give some back.
    while apart >= 4 * 2**20:
        assert time.monotonic() < deadline, f"the two are {apart} bytes apart"
        with monkeypatch.context() as without:
            without.setattr(memory, "_asked", lambda _container: None)
            told = memory.memory(container)
        with monkeypatch.context() as without:
            without.setattr(memory, "_GROUPS", Path("/nowhere"))
            asked = memory.memory(container)
        assert told is not None
        assert asked is not None
        apart = abs(told - asked)
    # Its number is another process's here when the container runs on another machine.
    container.attrs["State"]["Pid"] = os.getpid()
    assert memory._of_its_group(container) is None


def test_an_image_that_is_missing_is_named_with_the_command_that_pulls_it(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_REDIS_IMAGE", "redis:0-is-nowhere")
    with pytest.raises(EnvironmentRefusedError, match="redis:0-is-nowhere") as refused:
        box.up(["redis"], offline=True)
    assert refused.value.code == "docker-image-missing"
    assert refused.value.actions[0].startswith("sandbox pull redis --runtime docker")


def test_an_image_with_an_entrypoint_of_its_own_is_started_by_that(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"sandbox-test/redis:{uuid.uuid4().hex[:8]}"
    own = 'echo once >>/tmp/own; exec docker-entrypoint.sh "$@"'
    text = f"FROM {recipe('redis').image}\nENTRYPOINT {json.dumps(['sh', '-c', own, 'own'])}\n"
    client().images.build(fileobj=io.BytesIO(text.encode()), tag=other, rm=True)
    try:
        monkeypatch.setenv("SANDBOX_REDIS_IMAGE", other)
        assert box.up(["redis"]).failed == {}
        container = client().containers.get(compose.container_name(box.seat("redis")))
        assert container.exec_run(["cat", "/tmp/own"]).output == b"once\n"
        box.save_snapshot("one")
        box.restore_snapshot("one")
        assert container.exec_run(["cat", "/tmp/own"]).output == b"once\nonce\n"
        assert box.status(["redis"])[0].healthy
    finally:
        box.down(["redis"], delete=True)
        client().images.remove(other, force=True)


def test_data_of_an_image_that_was_named_are_not_opened_by_the_official_one_unasked(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    official, other = recipe("redis").image, f"sandbox-test/redis:{uuid.uuid4().hex[:8]}"
    client().images.get(official).tag(other)
    try:
        monkeypatch.setenv("SANDBOX_REDIS_IMAGE", other)
        assert box.up(["redis"]).failed == {}
        box.down(["redis"])
        monkeypatch.delenv("SANDBOX_REDIS_IMAGE")
        problem = box.up(["redis"]).failed["redis"]
        assert problem.code == "docker-other-image"
        assert f"export SANDBOX_REDIS_IMAGE={other}" in problem.actions[0]
        for named in (other, official):
            monkeypatch.setenv("SANDBOX_REDIS_IMAGE", named)
            assert box.up(["redis"]).failed == {}
            assert (
                client().containers.get(compose.container_name(box.seat("redis"))).attrs["Config"]["Image"]
                == named
            )
            box.down(["redis"])
        # The official one by its name is no other.
        monkeypatch.delenv("SANDBOX_REDIS_IMAGE")
        assert box.up(["redis"]).failed == {}
    finally:
        box.down(["redis"])
        client().images.remove(other)


def test_volumes_that_somebody_removed_are_made_and_loaded_again(box: Sandbox) -> None:
    box.up(["redis"])
    box.down(["redis"])
    for name in compose.volume_names(box.seat("redis")):
        client().volumes.get(name).remove()
    assert box.up(["redis"]).failed == {}
    assert engine("redis").counts(box.endpoint("redis")) == COURSE


def test_a_container_that_somebody_removed_is_made_again_on_its_data(box: Sandbox) -> None:
    box.up(["redis"])
    with engine("redis").connect(box.endpoint("redis")) as connection:
        connection.set("kept", "42")
    client().containers.get(compose.container_name(box.seat("redis"))).remove(force=True)
    assert box.status(["redis"])[0].state == "died"
    assert box.up(["redis"]).failed == {}
    with engine("redis").connect(box.endpoint("redis")) as connection:
        assert connection.get("kept") == "42"


def test_a_port_that_is_lost_at_the_last_moment_costs_one_more_try(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    seat = box.state.seat("redis", "docker")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        seat.record.ports["main"] = taken
        # As if it had been free a moment ago; the next one really is.
        free = ports.free
        monkeypatch.setattr(ports, "free", lambda port: port == taken or free(port))
        result = box.up(["redis"])
    assert result.failed == {}
    assert box.endpoint("redis").port != taken


def test_an_up_that_is_killed_is_finished_by_the_next_one(box: Sandbox, own_home: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "up", "redis", "--name", box.name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    name = compose.container_name(box.blank_seat("redis"))
    deadline = time.monotonic() + 180
    while not any(c.name == name for c in client().containers.list(all=True, ignore_removed=True)):
        assert time.monotonic() < deadline, "it made no container"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = Sandbox(name=box.name)
    assert again.up(["redis"]).failed == {}
    assert engine("redis").counts(again.endpoint("redis")) == COURSE
    ours = client().containers.list(all=True, filters={"label": f"{ROOT_LABEL}={again.root}"})
    assert len(ours) == 1


def test_two_commands_at_once_do_one_start(box: Sandbox) -> None:
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(Sandbox(name=box.name).up(["redis"])))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.failed for result in results] == [{}, {}]
    assert sum(len(result.started) for result in results) == 1


def test_an_engine_stays_with_its_runtime(box: Sandbox) -> None:
    box.up(["redis"])
    with pytest.raises(UsageError) as refused:
        box.up(["redis"], runtime="native")
    assert refused.value.code == "runtime-differs"
    box.down(["redis"], delete=True)
    assert box.up(["redis"], runtime="native").engines[0].runtime == "native"


@pytest.mark.parametrize("asked", ["auto", None])
def test_auto_takes_docker_where_the_image_is_there_and_says_so_and_is_the_default(
    own_home: Path, asked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SANDBOX_RUNTIME")
    said: list[Event] = []
    box = Sandbox(name="auto", sink=said.append)
    assert box.up(["redis"], runtime=asked).engines[0].runtime == "docker"
    assert any(isinstance(e, Said) and e.text.startswith("In Docker") and "redis" in e.text for e in said)
    box.down(delete=True)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("SANDBOX_REDIS_IMAGE", "redis:0-is-nowhere", "Docker has no image redis:0-is-nowhere"),
        ("DOCKER_HOST", "unix:///no/such/socket", "No Docker engine answers at unix:///no/such/socket"),
        ("DOCKER_CONFIG", "/no/such/folder", "The Compose plugin of Docker"),
    ],
)
def test_auto_falls_back_to_native_with_one_line_that_says_why(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    said: list[Event] = []
    box = Sandbox(name="auto", sink=said.append)
    with monkeypatch.context() as meanwhile:
        meanwhile.setenv(variable, value)
        assert box.up(["redis"], runtime="auto").engines[0].runtime == "native"
        assert [e.text for e in said if isinstance(e, Said) and why in e.text]
        box.down(delete=True)


def _findings() -> dict[str, tuple[str, str, str]]:
    return {f.subject: (f.level, f.text, f.remedy) for f in examine() if f.subject in _SUBJECTS}


_SUBJECTS = ("docker", "compose", "images")


def test_the_current_context_of_the_docker_command_counts_and_docker_host_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for words in (["create", "far", "--docker", "host=ssh://me@big-machine"], ["use", "far"]):
        subprocess.run(["docker", "context", *words], check=True, capture_output=True)
    assert host() == "ssh://me@big-machine"
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/mine.sock")
    assert host() == "unix:///run/mine.sock"


def test_doctor_finds_nothing_wrong_where_all_is_there() -> None:
    found = _findings()
    assert {level for level, _, _ in found.values()} == {"ok"}, found
    assert set(found) == set(_SUBJECTS)


@pytest.mark.parametrize(
    ("variable", "value", "subject", "text"),
    [
        ("DOCKER_HOST", "unix:///no/such/socket", "docker", "No Docker engine answers"),
        ("DOCKER_CONFIG", "/no/such/folder", "compose", "is not installed"),
        ("SANDBOX_REDIS_IMAGE", "redis:0-is-nowhere", "images", "redis:0-is-nowhere"),
    ],
)
def test_doctor_explains_what_is_missing_and_its_remedy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, subject: str, text: str
) -> None:
    monkeypatch.setenv(variable, value)
    level, told, remedy = _findings()[subject]
    assert level in ("note", "warning")
    assert text in told
    assert remedy


def test_doctor_explains_a_socket_that_this_user_may_not_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    # A socket of root's, closed to others, asked for by nobody.
    path = Path("/tmp") / f"sandbox-test-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        os.seteuid(65534)
        try:
            _, told, remedy = _findings()["docker"]
        finally:
            os.seteuid(0)
            path.unlink()
    assert "may not use" in told
    assert "usermod" in remedy


@pytest.mark.parametrize("name", ["postgres", "redis", "mysql", "cassandra", "mongodb", "gremlin", "aws"])
def test_the_compose_file_is_what_plain_compose_takes(name: str) -> None:
    text = compose.file_of(name).read_text()
    assert f"{{SANDBOX_{name.upper()}_IMAGE:-{recipe(name).image}}}" in text
    assert "start_interval" not in text
    for needed in ("127.0.0.1:", "mem_limit", "memswap_limit", "healthcheck", "init: true", "\nvolumes:\n"):
        assert needed in text, needed
    from sandbox.runtimes.docker.client import plugin

    subprocess.run([*plugin(), "-f", str(compose.file_of(name)), "config", "-q"], check=True)

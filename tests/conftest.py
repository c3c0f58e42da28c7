"""What all tests share: a home of their own, one sandbox for the session, and proof of a clean end."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.runtimes.native import process
from sandbox.sandbox import Sandbox
from tests import docker

if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under nohup. What a test starts would inherit it, and never hear the SIGHUP that the test sends; a
    # handler is not inherited, and keeps this process as deaf.
    signal.signal(signal.SIGHUP, lambda *_: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # In the background of a shell that is not a person's.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _folder(name: str) -> Path:
    # Not pytest's own tmp_path: its parents are closed to the lesser user as whom engines run under root.
    folder = Path(tempfile.mkdtemp(prefix=f"sandbox-test-{name}-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session", autouse=True)
def session_home() -> Iterator[Path]:
    """SANDBOX_HOME for everything that the session starts; nothing of it is left alive at the end."""
    home = _folder("home")
    before = {k: os.environ.get(k) for k in ("SANDBOX_HOME", "SANDBOX_NAME", "SANDBOX_RUNTIME")}
    os.environ["SANDBOX_HOME"] = str(home)
    os.environ.pop("SANDBOX_NAME", None)
    # What a test does not say otherwise runs natively, wherever there is a Docker engine.
    os.environ["SANDBOX_RUNTIME"] = "native"
    yield home
    left_in_docker = docker.remove_left(home)
    left = _marked(home)
    for stray in left:
        process.stop(stray, seconds=1)
    shutil.rmtree(home, ignore_errors=True)
    for key, value in before.items():
        if value is not None:
            os.environ[key] = value
    assert not left, f"processes of the tests were left alive: {left}"
    assert not left_in_docker, f"the tests left in Docker: {left_in_docker}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked ``docker`` need an engine; where SANDBOX_REQUIRE_DOCKER is set they fail without one."""
    if item.get_closest_marker("docker") is None or docker.answers():
        return
    if os.environ.get("SANDBOX_REQUIRE_DOCKER"):
        pytest.fail("SANDBOX_REQUIRE_DOCKER is set, and no Docker engine answers")
    pytest.skip("no Docker engine answers")


def _marked(home: Path) -> list[process.Process]:
    found = []
    for record in (*home.glob("*/run/*.pid"), *home.glob("*/instances/*/run/*.pid")):
        one = process.read_record(record)
        if one is not None and one.alive():
            found.append(one)
    for root in (*home.glob("*"), *home.glob("*/instances/*")):
        for engine in NAMES:
            for name in (engine, f"{engine}-replica-1"):
                found.extend(p for p in process.strays(f"{root}:{name}") if p not in found)
    return found


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own, for tests that break things; what it leaves running is ended and told."""
    home = _folder("own")
    monkeypatch.setenv("SANDBOX_HOME", str(home))
    yield home
    for root in home.glob("*"):
        if root.is_dir():
            Sandbox(name=root.name).down(delete=True)
    left = _marked(home)
    for stray in left:
        process.stop(stray, seconds=1)
    left_in_docker = docker.remove_left(home)
    shutil.rmtree(home, ignore_errors=True)
    assert not left, f"processes were left alive: {left}"
    assert not left_in_docker, f"left in Docker: {left_in_docker}"


@pytest.fixture(scope="session")
def sandbox(session_home: Path) -> Iterator[Sandbox]:
    """One sandbox for the whole session; engines join it when a test first asks for them."""
    box = Sandbox(name="tests")
    yield box
    box.down(delete=True)


@pytest.fixture(scope="session")
def engine_up(sandbox: Sandbox) -> Callable[[str], tuple[Engine, Endpoint]]:
    """``engine_up("postgres")``: the engine, up and loaded in the session's sandbox, and its endpoint."""
    return _bringing(sandbox)


@pytest.fixture(scope="session")
def docker_sandbox(session_home: Path) -> Iterator[Sandbox]:
    """One sandbox in Docker for the whole session."""
    box = Sandbox(name="in-docker")
    yield box
    box.down(delete=True)


@pytest.fixture(scope="session")
def docker_up(docker_sandbox: Sandbox) -> Callable[[str], tuple[Engine, Endpoint]]:
    """As ``engine_up``, in Docker."""
    return _bringing(docker_sandbox, "docker")


def _bringing(box: Sandbox, runtime: str | None = None) -> Callable[[str], tuple[Engine, Endpoint]]:
    def up(name: str) -> tuple[Engine, Endpoint]:
        if name not in box.running():
            result = box.up([name], runtime=runtime)
            if result.failed:
                raise result.failed[name]
        return engine_named(name), box.endpoint(name)

    return up

"""What all tests share: a home of their own, one sandbox for the session, and proof of a clean end."""

from __future__ import annotations

import os
import shutil
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


def _folder(name: str) -> Path:
    # Not pytest's own tmp_path: its parents are closed to the lesser user as whom engines run under root.
    folder = Path(tempfile.mkdtemp(prefix=f"sandbox-test-{name}-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session", autouse=True)
def session_home() -> Iterator[Path]:
    """SANDBOX_HOME for everything that the session starts; nothing of it is left alive at the end."""
    home = _folder("home")
    before = {k: os.environ.get(k) for k in ("SANDBOX_HOME", "SANDBOX_NAME")}
    os.environ["SANDBOX_HOME"] = str(home)
    os.environ.pop("SANDBOX_NAME", None)
    yield home
    left = _marked(home)
    for stray in left:
        process.stop(stray, seconds=1)
    shutil.rmtree(home, ignore_errors=True)
    for key, value in before.items():
        if value is not None:
            os.environ[key] = value
    assert not left, f"processes of the tests were left alive: {left}"


def _marked(home: Path) -> list[process.Process]:
    found = []
    for record in home.glob("*/run/*.pid"):
        one = process.read_record(record)
        if one is not None and one.alive():
            found.append(one)
    for root in home.glob("*"):
        for engine in NAMES:
            found.extend(p for p in process.strays(f"{root}:{engine}") if p not in found)
    return found


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own, for tests that break things; what it leaves running is ended and told."""
    home = _folder("own")
    monkeypatch.setenv("SANDBOX_HOME", str(home))
    yield home
    for root in home.glob("*"):
        if root.is_dir():
            Sandbox(name=root.name).down()
    left = _marked(home)
    for stray in left:
        process.stop(stray, seconds=1)
    shutil.rmtree(home, ignore_errors=True)
    assert not left, f"processes were left alive: {left}"


@pytest.fixture(scope="session")
def sandbox(session_home: Path) -> Iterator[Sandbox]:
    """One sandbox for the whole session; engines join it when a test first asks for them."""
    box = Sandbox(name="tests")
    yield box
    box.down(delete=True)


@pytest.fixture(scope="session")
def engine_up(sandbox: Sandbox) -> Callable[[str], tuple[Engine, Endpoint]]:
    """``engine_up("postgres")``: the engine, up and loaded in the session's sandbox, and its endpoint."""

    def up(name: str) -> tuple[Engine, Endpoint]:
        if name not in sandbox.running():
            result = sandbox.up([name])
            if result.failed:
                raise result.failed[name]
        return engine_named(name), sandbox.endpoint(name)

    return up

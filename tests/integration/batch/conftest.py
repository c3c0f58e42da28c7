"""A small class, on the engines of the session's sandbox."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.grading.exercise import Exercise, find
from sandbox.sandbox import Sandbox
from tests.classroom import CACHE, MEMORY, RDS, hand_in, wrong

EngineUp = Callable[[str], tuple[Engine, Endpoint]]


@pytest.fixture
def exercises() -> list[Exercise]:
    return [find(name) for name in (CACHE, MEMORY, RDS)]


@pytest.fixture
def room() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sandbox-test-class-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def handed_in(room: Path) -> Path:
    """Four students: all right, all wrong, only begun, and one who has handed in nothing."""
    folder = room / "class"
    for exercise in (RDS, CACHE, MEMORY):
        hand_in(folder, "ada", exercise, "solution")
        hand_in(folder, "bob", exercise, wrong(exercise))
    hand_in(folder, "eve", RDS, "starter")
    (folder / "zoë").mkdir()
    folder.chmod(0o700)
    return folder


@pytest.fixture
def box(sandbox: Sandbox, engine_up: EngineUp) -> Sandbox:
    for name in ("postgres", "redis"):
        engine_up(name)
    return sandbox

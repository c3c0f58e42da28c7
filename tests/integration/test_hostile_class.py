"""Answers that try to cheat or to harm: none gains a point or a look, and the engine and the next attempt are
whole afterwards. As root, where answers run as users of their own, and as a normal user, behind a fence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox import config
from sandbox.grading import limits
from sandbox.grading.keeping import landlock
from tests.integration.hostile_class import ANSWERS, FENCED

PROGRAM = Path(__file__).with_name("hostile_class.py")


@cache
def _graded(home: str, way: str) -> dict[str, Any]:
    if way == "as-root" or os.geteuid() != 0:
        done = subprocess.run(
            [sys.executable, str(PROGRAM)],
            env={**os.environ, "SANDBOX_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
        said, errors = done.stdout, done.stderr
    else:
        # Under root the whole sandbox is run as an answer is: as another user, within larger limits.
        folder = limits.Folder.make()
        (folder.work / "class.py").write_text(PROGRAM.read_text())
        env = {
            **folder.environment(),
            **limits.python_environment(),
            "PATH": os.defpath,
            "SANDBOX_HOME": str(folder.work / "state"),
            "SANDBOX_CACHE": str(folder.work / "cache"),
        }
        (folder.work / "cache").mkdir()
        for name in ("artifacts", "installs"):
            (folder.work / "cache" / name).symlink_to(config.cache() / name)
        strongest = limits.strongest_isolation()
        outer = replace(strongest, landlock=0, show=(*strongest.show, str(config.resources("exercises"))))
        large = limits.Limits(1800, 1500, 6 << 30, 1000, 2 << 30, 3 << 30, 8 << 20)
        ended = limits.run([sys.executable, "class.py"], folder, env, limits=large, isolation=outer)
        said, errors = ended.output, ended.errors + ended.problem
    assert said, errors
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.fixture(scope="module", params=["as-root", "as-user"])
def graded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What became of each answer."""
    if request.param == "as-root" and os.geteuid() != 0:
        pytest.skip("needs root")
    if request.param == "as-user" and landlock.abi() < limits.SCOPES_FROM:
        pytest.skip("this kernel has no fence for a normal user's answers")
    return _graded(f"{tempfile.gettempdir()}/sandbox-test-hostile-{os.getpid()}", request.param)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_answer_gains_nothing_and_leaves_all_whole(graded: dict[str, Any], name: str) -> None:
    if name not in graded:
        pytest.skip("PostgreSQL does not run under a user id without a name")
    seen = graded[name]
    if name in FENCED and "landlock" not in seen["isolation"]:
        pytest.skip("this kernel has no fence")
    assert seen["points"] == 0, seen
    assert "GAINED" not in seen["output"], seen
    assert "unknown" not in seen["outcomes"], seen
    assert seen["healthy"], seen
    assert seen["again"] == [seen["again"][1], seen["again"][1], ""], seen


def test_the_report_names_the_isolation(graded: dict[str, Any]) -> None:
    (name,) = {seen["isolation"] for seen in graded.values()}
    assert name in ("user", "user+landlock", "landlock", "landlock+namespaces")

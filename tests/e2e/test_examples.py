"""The examples work as they stand, with their tests spread over workers; the workflow is the page's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import pages

EXAMPLES = pages.ROOT / "examples"
FOLDERS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("name", FOLDERS)
def test_the_tests_of_the_example_pass(name: str, tmp_path: Path, own_home: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "SANDBOX_NAME"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-W", "error", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = len(re.findall(r"^def test_", "".join(p.read_text() for p in folder.glob("test_*.py")), re.M))
    passed = re.search(r"^(\d+) passed", done.stdout, re.M)
    assert passed, done.stdout
    assert int(passed[1]) >= written > 3
    assert not list(own_home.glob("*/"))


def test_every_example_is_in_the_table() -> None:
    told = re.findall(r"^\| `(\w+)/` \|", (EXAMPLES / "README.md").read_text(), re.M)
    assert sorted(told) == FOLDERS


def test_the_workflow_is_the_one_that_the_page_shows() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    page = pages.read(pages.ROOT / "docs" / "testing.md")
    (shown,) = (block.text for block in page.blocks if block.kind == "yaml")
    assert yaml.safe_load(shown)["jobs"] == workflow["jobs"]
    steps = workflow["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step][-1] == "pytest -n 4"

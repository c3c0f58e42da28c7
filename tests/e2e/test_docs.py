"""Every command that the documentation shows is run, as shown. The rules are in ``tests/pages.py``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.sandbox import Sandbox
from tests import pages

EngineUp = Callable[[str], tuple[Engine, Endpoint]]
MINUTES = 10
FIRST = "01-create-insert-query"

PAGES = [
    pytest.param(
        page, id=f"{path.relative_to(pages.ROOT)}{'-docker' * docker}", marks=[pytest.mark.docker] * docker
    )
    for path in pages.pages()
    for docker in (False, True)
    if (page := pages.only(pages.read(path), docker=docker)).runnable
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the commands of one page run, with the files that pages call the reader's own."""
    made = Path(tempfile.mkdtemp(prefix="sandbox-test-page-"))
    # Answers run as a lesser user when we are root: they must be able to come here.
    made.chmod(0o755)
    exercises = config.resources("exercises")
    shutil.copytree(config.resources("fixtures"), made / "my-csv-files")
    shutil.copy(exercises / "neptune" / FIRST / "solution.gremlin", made / "my.gremlin")
    answers = made / "answers"
    answers.mkdir()
    shutil.copy(exercises / "rds-postgresql" / FIRST / "solution.sql", answers / "ada.sql")
    shutil.copy(exercises / "rds-postgresql" / FIRST / "starter.sql", answers / "bob.sql")
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_works_and_prints_what_the_page_shows(
    page: pages.Page, engine_up: EngineUp, sandbox: Sandbox, folder: Path
) -> None:
    together = [b for b in page.runnable if not b.alone]
    if together:
        for name in page.engines:
            engine_up(name)
    try:
        for block in together:
            _run(block, folder, {"SANDBOX_NAME": sandbox.name})
    finally:
        if together:
            _restore(sandbox, page.engines)
    for block in page.runnable:
        if block.alone:
            _alone(block, folder)


def _alone(block: pages.Block, folder: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="sandbox-test-alone-"))
    home.chmod(0o755)
    own = {"SANDBOX_HOME": str(home)}
    if block.docker and not (folder / "compose").exists():
        (folder / "compose").symlink_to(config.resources("compose"))
    try:
        _run(block, folder, own)
    finally:
        _ran(["sandbox", "down", "--all", "--delete"], folder, own)
        shutil.rmtree(home)


def _restore(sandbox: Sandbox, engines: list[str]) -> None:
    """The dataset `course` again for the tests that follow, and nothing that the page made."""
    from sandbox.datasets import Dataset

    sandbox.state.read()
    other = [n for n in engines if sandbox.seat(n).record.dataset_label != "course"]
    if other:
        sandbox.load(other, Dataset.course())
    sandbox.reset(engines)


def _run(block: pages.Block, folder: Path, variables: dict[str, str]) -> None:
    for command in block.commands:
        done = _ran(_argv(block, command), folder, variables)
        allowed = block.exits if command is block.commands[-1] else (0,)
        told = f"{block.place}: {command.text}\n{done.stdout}{done.stderr}"
        assert done.returncode in allowed, f"{told}\nexit code {done.returncode}"
        missing = pages.missing_output(command.shown, done.stdout + done.stderr)
        assert missing is None, f"{told}\nthe page shows a line that was not printed: {missing!r}"


def _argv(block: pages.Block, command: pages.Command) -> list[str]:
    if block.kind != "python":
        return ["bash", "-eu", "-c", command.text]
    return [*([] if block.alone else ["sandbox", "exec", "--"]), "python", "-c", command.text]


def _ran(argv: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", **variables}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Popen looks for programs on our own PATH, on which the environment of the tests need not be.
    found = shutil.which(argv[0], path=environment["PATH"])
    assert found, argv[0]
    return subprocess.run(
        [found, *argv[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
        check=False,
    )

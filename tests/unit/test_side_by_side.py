"""The parts in which the tests on real engines run at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import side_by_side
from tests.side_by_side import ALL, PARTS, ROOT, Part

FILES = sorted(str(p.relative_to(ROOT)) for folder in ALL for p in (ROOT / folder).rglob("test_*.py"))


@pytest.mark.parametrize("docker", [True, False])
def test_each_test_is_in_exactly_one_part(docker: bool) -> None:
    assert FILES
    for file in FILES:
        holders = [part.name for part in PARTS if part.docker == docker and part.holds(file)]
        assert len(holders) == 1, (file, holders)


def test_what_a_part_names_is_there() -> None:
    for part in PARTS:
        assert all((ROOT / path).exists() for path in (*part.paths, *part.but)), part.name


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Part]]:
    """``parts(good="...", bad="...")``: parts of one file each, run by pytest without our plugins."""
    monkeypatch.setattr(side_by_side, "ROOT", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = docker\n")

    def made(**texts: str) -> list[Part]:
        found = []
        for name, text in texts.items():
            (tmp_path / f"test_{name}.py").write_text(textwrap.dedent(text))
            found.append(Part(name, (f"test_{name}.py",), docker=False))
        return found

    return made


GOOD = "def test_it(): pass\n"


def test_a_part_that_fails_fails_the_run_and_the_others_come_to_their_end(
    parts: Callable[..., list[Part]], capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        assert side_by_side.run(parts(bad="def test_it(): assert 0\n", good=GOOD), 2) == 1
        out = capfd.readouterr().out
        assert "exit code 1: 1 failed" in out
        # Once more at the end, where it is not between the lines of the others.
        again = out.rpartition(">>> bad\n")[2]
        assert again.startswith("====")
        assert "def test_it(): assert 0" in again
        assert "exit code 0: 1 passed" in out
        assert side_by_side.run(parts(good=GOOD, empty=""), 1) == 0
        assert side_by_side.run(parts(empty=""), 1) == side_by_side.NO_TESTS
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_has_every_part_end_what_it_started_and_no_other_begin(
    tmp_path: Path, parts: Callable[..., list[Part]], number: signal.Signals
) -> None:
    slow = """
        import time, pathlib, pytest

        @pytest.fixture
        def engine():
            yield
            time.sleep(0.3)
            pathlib.Path(__file__).with_suffix(".ended").touch()

        def test_it(engine):
            pathlib.Path(__file__).with_suffix(".begun").touch()
            time.sleep(600)
    """
    parts(one=slow, two=slow, three=slow)
    program = f"""
        import pathlib, sys
        from tests import side_by_side
        from tests.side_by_side import Part
        side_by_side.ROOT = pathlib.Path({str(tmp_path)!r})
        names = ("one", "two", "three")
        sys.exit(side_by_side.run([Part(n, (f"test_{{n}}.py",), docker=False) for n in names], 2))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 180
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, _ = process.communicate(timeout=180)
    assert process.returncode == 2, out
    assert {path.stem for path in tmp_path.glob("*.ended")} == {"test_one", "test_two"}
    assert "three            | exit code 2: not begun" in out

"""Generated datasets: the same bytes everywhere, known rows at any seed and scale, flat memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.datasets import TABLES, Dataset
from sandbox.datasets.check import check
from sandbox.datasets.generator import generate
from sandbox.datasets.known import EMPLOYEE_ROWS, KNOWN_CUSTOMERS, KNOWN_ORDER_LINES
from sandbox.errors import EnvironmentRefusedError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_scale_1_is_what_is_committed(tmp_path: Path) -> None:
    generate(tmp_path, scale=1)
    course = _files(Dataset.course().folder)
    assert _files(tmp_path) == {
        name: course[name] for name in (*(t.file for t in TABLES.values()), "manifest.toml")
    }


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_generates_the_same_bytes(tmp_path: Path, version: str) -> None:
    python = _python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    code = (
        "import sys, pathlib, sandbox.datasets.generator as g; g.generate(pathlib.Path(sys.argv[1]), scale=2)"
    )
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    # Another hash seed than ours, so that nothing may rest on the order of a set of strings.
    env = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "4711", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-c", code, str(theirs)], check=True, env=env)
    generate(ours, scale=2)
    assert _files(theirs) == _files(ours)


def _python(version: str) -> str | None:
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return sys.executable
    installed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(installed[-1]) if installed else shutil.which(f"python{version}")


def test_another_seed_gives_other_people_but_the_same_known_rows(tmp_path: Path) -> None:
    generate(tmp_path, scale=1, seed=7)
    other, course = Dataset(tmp_path), Dataset.course()
    assert other.hash != course.hash
    assert set(KNOWN_CUSTOMERS) <= set(other.rows("customers"))
    assert set(KNOWN_ORDER_LINES) <= set(other.rows("orders"))
    assert tuple(other.rows("employees")) == EMPLOYEE_ROWS
    assert len(set(other.rows("customers")) & set(course.rows("customers"))) < 20
    assert [finding for finding in check(tmp_path) if finding.outcome != "passed"] == []


@pytest.mark.parametrize("seed", range(3))
def test_every_seed_keeps_all_invariants(tmp_path: Path, seed: int) -> None:
    generate(tmp_path, scale=1, seed=seed)
    assert {finding.outcome for finding in check(tmp_path)} == {"passed"}


def test_a_larger_scale_begins_with_the_course_and_goes_on_with_higher_ids(tmp_path: Path) -> None:
    generate(tmp_path, scale=3)
    larger, course = Dataset(tmp_path), Dataset.course()
    for name in ("customers", "orders"):
        small, large = list(course.rows(name)), list(larger.rows(name))
        assert large[: len(small)] == small
        assert all(row[0] > small[-1][0] for row in large[len(small) :])
        assert len(large) == pytest.approx(3 * len(small), rel=0.02)
    assert list(larger.rows("employees")) == list(course.rows("employees"))
    assert larger.count("customers") == 3 * 635
    assert sum(row[1] == "John" for row in larger.rows("customers")) == 3 * 19
    # What check says of keys, foreign keys and sums holds at any scale.
    assert {finding.outcome for finding in check(tmp_path)} == {"passed"}


def test_memory_does_not_grow_with_the_scale(tmp_path: Path) -> None:
    def peak(scale: int) -> int:
        """What Python took at most, in KiB, of a process that generates: what the kernel tells of a process
        has pages of files and caches in it."""
        folder = tmp_path / str(scale)
        folder.mkdir()
        code = (
            "import sys, pathlib, tracemalloc, sandbox.datasets.generator as g\n"
            "tracemalloc.start()\n"
            "g.generate(pathlib.Path(sys.argv[1]), scale=int(sys.argv[2]))\n"
            "print(tracemalloc.get_traced_memory()[1] >> 10)"
        )
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = [sys.executable, "-c", code, str(folder), str(scale)]
        return int(subprocess.run(run, capture_output=True, text=True, check=True, env=env).stdout)

    small, large = peak(1), peak(16)
    assert large - small < 4096, f"{small} KiB at scale 1, {large} KiB at scale 16"


def test_a_place_that_cannot_be_written_to_is_named() -> None:
    # /proc takes no new folder, from root neither.
    with pytest.raises(EnvironmentRefusedError, match="Nothing can be written to /proc"):
        Dataset.generate(Path("/proc/made"), 1)
    with pytest.raises(EnvironmentRefusedError, match="Nothing can be written to /proc/cache/datasets"):
        Dataset.at_scale(2, Path("/proc/cache"))


def test_a_dataset_replaces_a_dataset_but_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "new" / "deep"
    assert Dataset.generate(out, 2).counts["customers"] == 1270
    assert Dataset.generate(out, 1).hash == Dataset.course().hash
    assert sorted(path.name for path in out.iterdir()) == sorted(
        path.name for path in Dataset.course().folder.iterdir()
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="mine has other files in it; nothing was written"):
        Dataset.generate(tmp_path / "mine", 1)
    with pytest.raises(UsageError, match="is not a folder"):
        Dataset.generate(tmp_path / "mine" / "thesis.txt", 1)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "new"]

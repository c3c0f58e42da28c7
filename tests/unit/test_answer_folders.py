"""Folders of answers that a killed grader left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.grading import folder

LONG_AGO = 10**9

GRADER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from sandbox.grading.folder import Folder
made = Folder.make()
print(made.root, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Root makes none in a folder that is closed to the users as whom answers run.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as found:
        Path(found).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", found)
        yield Path(found)
    folder.sweep.cache_clear()


def _grader(base: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", GRADER, base], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_grader_left_is_removed_by_the_next_one(base: Path) -> None:
    process, left = _grader(base)
    with process:
        process.kill()
    (left / "work" / "closed").mkdir(mode=0)
    submission = Path(tempfile.mkdtemp(prefix=folder.SUBMISSION, dir=base))
    (submission / "answer.sql").write_text("select 1")
    for each in (left, submission):
        os.utime(each, (LONG_AGO, LONG_AGO))
    made = folder.Folder.make()
    assert list(base.iterdir()) == [made.root]


def test_a_folder_in_use_stays_however_old_it_is(base: Path) -> None:
    process, used = _grader(base)
    with process:
        os.utime(used, (LONG_AGO, LONG_AGO))
        folder.Folder.make()
        assert (used / "work").is_dir()
        process.kill()


def test_a_folder_that_is_just_made_and_one_behind_a_link_stay(base: Path) -> None:
    fresh, other = base / f"{folder.PREFIX}fresh", base / "other"
    for each in (fresh, other):
        each.mkdir()
    os.utime(other, (LONG_AGO, LONG_AGO))
    link = base / f"{folder.PREFIX}link"
    link.symlink_to(other)
    os.utime(link, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    folder.Folder.make()
    assert fresh.is_dir()
    assert other.is_dir()

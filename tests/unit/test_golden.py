"""Spare copies of golden folders, which several sandboxes may make at once."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.engines.base import Credentials
from sandbox.runtimes.native import golden


@pytest.fixture
def made(tmp_path: Path) -> golden.Golden:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(20):
        (data / f"file-{number}").write_text("content")
    return golden.Golden(tmp_path, Credentials("a", "b"), {})


def make_spare(made: golden.Golden) -> None:
    subprocess.run(["/bin/sh", "-c", golden._SPARE, "sandbox-spare", made.folder], check=True)


def test_a_spare_is_a_whole_copy_and_is_taken_by_a_rename(made: golden.Golden, tmp_path: Path) -> None:
    make_spare(made)
    inode = (made.folder / "spare").stat().st_ino
    golden.take(made, tmp_path / "box" / "data")
    assert (tmp_path / "box" / "data").stat().st_ino == inode
    assert len(list((tmp_path / "box" / "data").iterdir())) == 20
    assert not (made.folder / "spare").exists()


def test_one_who_makes_a_spare_leaves_what_another_is_just_copying(made: golden.Golden) -> None:
    # Were its files removed under way, what it has already copied would be missing in a spare held for whole.
    busy, left = made.folder / f".spare.{os.getpid()}", made.folder / ".spare.4194305"
    for folder in (busy, left):
        folder.mkdir()
        (folder / "file-0").touch()
    make_spare(made)
    assert (busy / "file-0").exists()
    assert not left.exists()
    assert len(list((made.folder / "spare").iterdir())) == 20


def test_a_spare_on_another_file_system_is_left_for_those_whom_a_rename_serves(
    made: golden.Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_spare(made)
    monkeypatch.setattr(golden, "beside", lambda *_: False)
    golden.take(made, tmp_path / "box" / "data")
    assert len(list((tmp_path / "box" / "data").iterdir())) == 20
    assert (made.folder / "spare").is_dir()


def test_a_cache_that_another_user_fills_is_used_without_his_golden_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Their passwords and data folders are closed to others, and nothing can be locked or written there.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        cache, home = Path(folder) / "cache", Path(folder) / "home"
        monkeypatch.setenv("SANDBOX_HOME", str(home))
        meta = cache / "golden" / "redis" / ("0" * 20) / "meta.json"
        meta.parent.mkdir(parents=True)
        meta.write_text("{}")
        assert golden.root(cache, "redis") == cache
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o555)
        try:
            assert _as_lesser_user(lambda: golden.root(cache, "redis")) == str(home / ".prepared")
        finally:
            for path in (Path(folder), *Path(folder).rglob("*")):
                path.chmod(0o755)


def _as_lesser_user(call: Callable[[], object]) -> str:
    """What a call returns to a user who is not root, whom no mode of a file would stop."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            os.write(write, str(call()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said

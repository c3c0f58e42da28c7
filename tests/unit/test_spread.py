"""Folders whose folders lie far apart: the numbers of files made in them tell where they lie."""

import fcntl
import os
from pathlib import Path

import pytest

from sandbox.runtimes.native.registry import recipe
from sandbox.runtimes.native.spread import spread

GET_FLAGS, TOP_DIRECTORY = 0x80086601, 0x20000


def spreads(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return bool(
            int.from_bytes(fcntl.ioctl(descriptor, GET_FLAGS, bytes(8))[:4], "little") & TOP_DIRECTORY
        )
    finally:
        os.close(descriptor)


def numbers(folder: Path) -> list[int]:
    """Of files in folders made in this one."""
    found = []
    for name in range(12):
        (folder / f"{name}").mkdir()
        file = folder / f"{name}" / "file"
        file.touch()
        found.append(file.stat().st_ino)
    return found


@pytest.fixture
def far(tmp_path: Path) -> Path:
    folder = tmp_path / "far"
    folder.mkdir()
    spread(folder)
    try:
        if not spreads(folder):
            pytest.skip("this file system places folders as it likes")
    except OSError:
        pytest.skip("this file system has no such attributes")
    return folder


def test_what_is_made_in_a_spread_folder_lies_far_apart(far: Path, tmp_path: Path) -> None:
    near = tmp_path / "near"
    near.mkdir()
    apart, beside = numbers(far), numbers(near)
    assert max(apart) - min(apart) > 4 * (max(beside) - min(beside))


def test_spreading_again_and_folders_that_cannot_be_spread_are_no_errors(far: Path) -> None:
    spread(far)
    assert spreads(far)
    spread(far / "is not there")
    spread(Path("/proc"))


def test_databases_of_postgres_lie_far_apart() -> None:
    assert recipe("postgres").spreads == ("base",)

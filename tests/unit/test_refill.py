"""A data folder copied into one that nobody needs: as good as a new copy, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.runtimes.native import refill


def seat(folder: Path) -> Any:
    folder.mkdir(exist_ok=True)
    return SimpleNamespace(folder=folder)


def tree(folder: Path) -> dict[str, tuple[int, bytes | str | None, int]]:
    found: dict[str, tuple[int, bytes | str | None, int]] = {}
    for path in folder.rglob("*"):
        about = path.lstat()
        content: bytes | str | None = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (
            about.st_mode,
            content,
            0 if path.is_dir() else about.st_mtime_ns,
        )
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "deep").write_bytes(b"deep")
    (root / "a").chmod(0o750)
    (root / "same").write_bytes(b"same")
    (root / "large").write_bytes(os.urandom(3 << 20))
    (root / "short").write_bytes(b"s")
    (root / "empty").write_bytes(b"")
    (root / "secret").write_bytes(b"secret")
    (root / "secret").chmod(0o600)
    return root


def test_whatever_the_folder_had_it_has_what_the_other_has(source: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "same").mkdir(parents=True)
    (old / "same" / "inside").write_text("a folder where a file shall be")
    (old / "a").write_text("a file where a folder shall be")
    (old / "large").write_bytes((source / "large").read_bytes()[:-5] + b"other")
    (old / "short").write_bytes(b"something longer")
    (old / "more" / "and").mkdir(parents=True)
    (old / "more" / "and" / "more").write_text("goes")
    (old / "secret").write_bytes(b"secret")
    refill.refill(source, old)
    assert tree(old) == tree(source)


def test_a_file_that_has_the_same_size_and_time_and_another_content_is_written(
    source: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "same").write_bytes(b"mase")
    about = (source / "same").stat()
    os.utime(old / "same", ns=(about.st_atime_ns, about.st_mtime_ns))
    refill.refill(source, old)
    assert (old / "same").read_bytes() == b"same"


def test_links_in_the_folder_are_not_followed(source: Path, tmp_path: Path) -> None:
    old, others = tmp_path / "old", tmp_path / "others"
    old.mkdir()
    others.mkdir()
    for name in ("file", "shared"):
        (others / name).write_bytes(b"theirs")
    (old / "same").symlink_to(others / "file")
    (old / "short").hardlink_to(others / "shared")
    (old / "a").symlink_to(others)
    refill.refill(source, old)
    assert tree(old) == tree(source)
    assert {p.name: p.read_bytes() for p in others.iterdir()} == {"file": b"theirs", "shared": b"theirs"}


def test_one_folder_is_kept_and_used_for_the_next_copy(source: Path, tmp_path: Path) -> None:
    place = seat(tmp_path / "engine")
    for name in ("first", "second"):
        old = tmp_path / name
        old.mkdir()
        (old / "same").write_bytes(name.encode())
        refill.keep(place, old)
        assert not old.exists()
    assert (refill.spare(place) / "same").read_bytes() == b"first"
    used = (refill.spare(place) / "same").stat().st_ino
    refill.copy(place, source, tmp_path / "copy")
    assert tree(tmp_path / "copy") == tree(source)
    assert (tmp_path / "copy" / "same").stat().st_ino == used
    assert [p.name for p in place.folder.iterdir()] == []


def test_a_large_folder_is_not_kept(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = seat(tmp_path / "engine")
    monkeypatch.setattr(refill, "KEPT_BYTES", 1 << 20)
    refill.keep(place, source)
    assert not source.exists()
    assert not refill.spare(place).exists()


def test_what_is_neither_file_nor_folder_is_copied_the_slow_way(source: Path, tmp_path: Path) -> None:
    place = seat(tmp_path / "engine")
    old = tmp_path / "old"
    old.mkdir()
    refill.keep(place, old)
    (source / "link").symlink_to("elsewhere")
    refill.copy(place, source, tmp_path / "copy")
    assert tree(tmp_path / "copy") == tree(source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "engine", "source"]

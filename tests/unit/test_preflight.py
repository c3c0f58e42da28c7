"""Is there room? Asked before anything is fetched or started."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox import preflight
from sandbox.errors import EnvironmentRefusedError, UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 512 << 20), ("2g", 2 << 30), ("1.5GiB", 3 << 29), ("100", 100), ("64 KB", 64 << 10)],
)
def test_amounts_of_memory_are_read_as_people_write_them(text: str, size: int) -> None:
    assert preflight.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1g", "1t", "g"])
def test_what_is_no_amount_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        preflight.parse_size(text)


def test_too_little_free_memory_is_refused_with_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "available_memory", lambda: 100 << 20)
    with pytest.raises(EnvironmentRefusedError) as refused:
        preflight.check_memory({"postgres": 53, "mysql": 163}, None)
    assert refused.value.code == "memory-short"
    assert "216 MiB of memory are needed, 100 MiB are free" in refused.value.title
    assert "244 MiB too few" in refused.value.detail
    preflight.check_memory({}, None)


def test_memory_free_on_this_machine_is_a_plausible_number() -> None:
    assert 1 << 20 < preflight.available_memory() < 1 << 50


def test_a_disk_too_small_is_refused_with_the_sum(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50 << 20))
    with pytest.raises(EnvironmentRefusedError) as refused:
        preflight.check_disk({"mysql": 400}, 100 << 20, [tmp_path / "not" / "there"])
    assert "500 MiB of disk are needed" in refused.value.title
    # Nothing new and nothing to fetch needs no room.
    preflight.check_disk({}, 0, [tmp_path])

"""Wheels: found by pip with whatever the user told it, from an index of our own on 127.0.0.1 or a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.native import artifacts as lock
from sandbox.runtimes.native import transfer
from sandbox.runtimes.native.artifacts import Artifact
from sandbox.runtimes.native.environments import Environment, environment
from sandbox.runtimes.native.fetch import fetch
from sandbox.runtimes.native.renew import write_lock

from .maven_server import Fault, Repository, serve


def _wheel(name: str, version: str, extra: str = "") -> tuple[str, bytes]:
    """A little package, as file name and bytes."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n{extra}",
        f"{name}/__main__.py": f"import sys\nfrom {name} import VERSION\nprint(VERSION, *sys.argv[1:])\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, text in {**members, f"{info}/RECORD": record}.items():
            archive.writestr(member, text)
    return f"{name}-{version}-py3-none-any.whl", out.getvalue()


def _locked(file: str, body: bytes) -> Artifact:
    name, version, *_ = file.split("-")
    return Artifact(f"{name}=={version}", file, hashlib.sha256(body).hexdigest(), len(body))


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Artifact, bytes]]:
    """A wheel that is locked as the group ``hello``."""
    file, body = _wheel("hello", "1.0")
    folder = tmp_path / "locks"
    folder.mkdir()
    write_lock(folder / "hello.json", [_locked(file, body)])
    monkeypatch.setattr(lock, "LOCKS", folder)
    for remembered in (lock.group_names, lock.locked, lock.artifacts):
        remembered.cache_clear()
    yield _locked(file, body), body
    for remembered in (lock.group_names, lock.locked, lock.artifacts):
        remembered.cache_clear()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Repository]:
    """A package index; pip is told of it, and of nothing else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    # An index that a busy machine keeps from its work is not a broken connection, which would be asked again.
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "300")
    monkeypatch.setattr(transfer, "TIMEOUT", 300.0)
    with serve() as running:
        monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple")
        yield running


def _offer(index: Repository, *files: tuple[str, bytes]) -> None:
    links = ""
    for file, body in files:
        index.files[f"/files/{file}"] = body
        links += f'<a href="/files/{file}#sha256={hashlib.sha256(body).hexdigest()}">{file}</a>\n'
    index.files["/simple/hello/"] = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


def test_a_wheel_comes_from_the_index_that_pip_is_set_to(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path
) -> None:
    artifact, body = wheel
    _offer(index, (artifact.file, body), _wheel("hello", "2.0"))
    [path] = fetch(["hello"], cache=tmp_path / "cache")["hello"]
    assert path.read_bytes() == body
    assert path.name == "hello-1.0-py3-none-any.whl"


def test_a_wheel_whose_download_breaks_is_resumed(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path
) -> None:
    artifact, body = wheel
    _offer(index, (artifact.file, body))
    reached: list[str] = []

    def break_ours(path: str) -> None:
        # pip reads the file's end for the metadata; only what comes after that is our download.
        reached.append(path)
        spans = index.asked(artifact.file)
        if path.endswith(artifact.file) and spans[-1] is None and len(spans) > 1:
            index.faults[path] = [Fault(break_after=100)]
            index.reached = lambda _path: None

    index.reached = break_ours
    [path] = fetch(["hello"], cache=tmp_path / "cache")["hello"]
    assert path.read_bytes() == body
    assert "bytes=100-" in index.asked(artifact.file)


def test_an_index_that_wants_credentials_is_left_to_pip(
    wheel: tuple[Artifact, bytes],
    index: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    artifact, body = wheel
    _offer(index, (artifact.file, body))
    index.login = "user:hunter2"
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple".replace("//", "//user:hunter2@"))
    [path] = fetch(["hello"], cache=tmp_path / "cache")["hello"]
    assert path.read_bytes() == body
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_of_wheels_is_enough_without_any_index(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact, body = wheel
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / artifact.file).write_bytes(body)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "folder"))
    [path] = fetch(["hello"], cache=tmp_path / "cache")["hello"]
    assert path.read_bytes() == body
    assert index.requests == []


def test_settings_for_the_users_own_installs_do_not_lead_astray(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact, body = wheel
    _offer(index, (artifact.file, body), _wheel("hello", "2.0"))
    (tmp_path / "constraints.txt").write_text("hello==2.0\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "constraints.txt"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    [path] = fetch(["hello"], cache=tmp_path / "cache")["hello"]
    assert path.read_bytes() == body
    assert not (tmp_path / "target").exists()


def test_other_bytes_under_the_same_name_are_refused(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path
) -> None:
    _offer(index, _wheel("hello", "1.0", extra="print('evil')\n"))
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["hello"], cache=tmp_path / "cache")
    assert "hello==1.0" in caught.value.title
    assert caught.value.code == "artifact-not-found"
    assert list((tmp_path / "cache").rglob("*.whl")) == []


def test_an_index_without_the_package_is_told_with_pips_words(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["hello"], cache=tmp_path / "cache")
    assert caught.value.code == "artifacts-missing"
    assert "hello: 1 of 1 files" in caught.value.detail
    assert "No matching distribution" in caught.value.detail


def test_an_environment_without_pip_is_told_how_to_get_it(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else real(name))
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["hello"], cache=tmp_path / "cache")
    assert caught.value.code == "pip-missing"
    assert any("ensurepip" in action for action in caught.value.actions)


def test_an_environment_is_made_of_the_locked_wheels_alone(
    wheel: tuple[Artifact, bytes], index: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact, body = wheel
    _offer(index, (artifact.file, body))
    cache = tmp_path / "cache"
    fetch(["hello"], cache=cache)
    asked = len(index.requests)
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    made: Environment = environment("hello", cache, offline=True)
    assert len(index.requests) == asked
    assert not (tmp_path / "target").exists()
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "hello.py").write_text("raise SystemExit('the wrong one')")
    (shadow / "stranger.py").write_text("print('I was on PYTHONPATH')")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    done = subprocess.run(made.command("hello", "a", "b"), capture_output=True, text=True, check=True)
    assert done.stdout == "1.0 a b\n"
    for stranger in ("pytest", "stranger"):
        alien = subprocess.run(made.command(stranger), capture_output=True, text=True, check=False)
        assert f"No module named {stranger}" in alien.stderr
    assert list(made.packages.rglob("__init__.*.pyc"))
    assert environment("hello", cache, offline=True) == made

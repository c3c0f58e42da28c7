"""The built wheel, installed elsewhere, works from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXERCISE = "elasticache/01-create-insert-query"


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The wheel, built from the checkout as it is."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-test-wheel-"))
    folder.chmod(0o755)
    _ran([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    (built,) = folder.glob("*.whl")
    yield built
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def command(wheel: Path) -> Path:
    """``sandbox`` in a fresh environment: only the wheel is installed, dependencies are our own."""
    place = wheel.parent / "venv"
    venv.create(place, symlinks=True, with_pip=False)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    _ran([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], cwd=wheel.parent)
    (site,) = place.glob("lib/python*/site-packages")
    # A line of a .pth only adds the folder: the .pth of our own editable install is not read by it.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = _ran([str(python), "-I", "-c", "import sandbox; print(sandbox.__file__)"], cwd=wheel.parent)
    assert Path(where.strip()).is_relative_to(place), "the wheel is not what is tested"
    return place / "bin" / "sandbox"


def _ran(argv: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
    return done.stdout


def _tracked(folder: str) -> set[str]:
    """Files below a folder of the checkout, without what tools leave behind."""
    return {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / folder).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def test_the_wheel_holds_all_that_an_installed_sandbox_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = _tracked("sandbox") | {
        f"sandbox/_resources/{p}" for p in _tracked("exercises") | _tracked("fixtures")
    }
    assert wanted - names == set()
    assert "sandbox/py.typed" in names
    for part in ("/locks/", "/java/", "/_resources/fixtures/", "/_resources/exercises/"):
        assert any(part in name for name in names), part


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    outside = [n for n in names if not n.startswith("sandbox/") and ".dist-info/" not in n]
    assert outside == []
    left_behind = [n for n in names if n.endswith((".pyc", ".jar", ".class", ".so")) or "__pycache__" in n]
    assert left_behind == []
    assert wheel.stat().st_size < 2_000_000


def test_the_wheel_names_its_command_and_its_dependencies(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    text = archive.read(metadata).decode()
    assert "\nRequires-Python: <3.14,>=3.11\n" in text
    assert "\nRequires-Dist: typer" in text
    entry = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert "sandbox = sandbox.__main__:main" in entry


def test_an_installed_sandbox_works_from_an_empty_folder(command: Path, own_home: Path) -> None:
    empty = own_home / "empty"
    empty.mkdir(mode=0o755)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SANDBOX_NAME", "VIRTUAL_ENV"))}

    def sandbox(*args: str) -> dict[str, Any]:
        document = json.loads(_ran([str(command), *args, "--json"], empty, env))
        data: dict[str, Any] = document["data"]
        return data

    listed = json.dumps(sandbox("fixtures", "list"))
    assert "_resources/fixtures" in listed, "the dataset is not the wheel's own"
    assert EXERCISE in json.dumps(sandbox("exercise", "list"))
    assert sandbox("fixtures", "check")["ok"] is True
    sandbox("up", "redis")
    try:
        (result,) = sandbox("exercise", "run", EXERCISE)["results"]
        assert result["points"] == result["max_points"] > 0
    finally:
        stopped = sandbox("down", "--delete")["stopped"]
    assert stopped == [{"sandbox": "default", "engine": "redis"}]
    assert list(empty.iterdir()) == []

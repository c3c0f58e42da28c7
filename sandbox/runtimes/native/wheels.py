"""Where wheels come from: pip knows the index, and every setting, proxy and credential of the user.

pip is asked for addresses only (about a second for a handful, it reads metadata and downloads nothing);
the files are then fetched like all others, concurrently and resumably. Whatever that cannot do (an index
that wants credentials, a certificate that only pip was told of) is left to ``pip download``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sandbox.errors import EnvironmentRefusedError

from .artifacts import Artifact, this_python
from .fetch import sha256
from .wanted import WHEEL_PLATFORMS

# Settings that say where pip should install to, or that bind versions: right for the user's own
# installs, wrong for finding a pinned file.
_NOT_OURS = tuple(
    f"PIP_{name}"
    for name in (
        *("CONSTRAINT", "DRY_RUN", "EDITABLE", "NO_BINARY", "NO_DEPS", "ONLY_BINARY", "PLATFORM", "PREFIX"),
        *("PYTHON", "PYTHON_VERSION", "QUIET", "REPORT", "REQUIREMENT", "REQUIRE_HASHES"),
        *("REQUIRE_VIRTUALENV", "ROOT", "TARGET", "USER", "VERBOSE"),
    )
)

# Of 50 wheels, pip found 50 at once in 10 s, 18 at once, three pips side by side, in 5.5 s.
_BATCH = 16


class PipFailedError(Exception):
    """pip ended with an error; the text is the last lines it said, credentials removed by pip."""


def pip_command() -> list[str]:
    """``python -m pip``; EnvironmentRefusedError when this environment has no pip."""
    if importlib.util.find_spec("pip") is None:
        raise EnvironmentRefusedError(
            "There is no pip in the environment that sandbox runs in.",
            code="pip-missing",
            detail=f"Wheels are found and installed with it. The environment is {sys.prefix}.",
            actions=[f"{sys.executable} -m ensurepip", "or install pip into it with the tool that made it"],
        )
    return [sys.executable, "-m", "pip"]


def run_pip(
    arguments: Sequence[str], env: dict[str, str] | None = None, cancel: threading.Event | None = None
) -> None:
    """Run pip with the user's settings; raises PipFailedError, also when ``cancel`` ended it early."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONWARNINGS": "ignore"}
    try:
        pip = subprocess.Popen(
            [*pip_command(), *arguments],
            env=environment | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o022,
        )
    except OSError as error:
        raise PipFailedError(f"{sys.executable} -m pip cannot be started: {error.strerror}") from error
    with pip:
        while True:
            try:
                said, _ = pip.communicate(timeout=0.2 if cancel else None)
                break
            except subprocess.TimeoutExpired:
                # Without a network pip goes on trying for many seconds.
                if cancel and cancel.is_set():
                    pip.kill()
            except BaseException:
                pip.kill()
                raise
    if pip.returncode:
        raise PipFailedError("\n".join([line for line in said.splitlines() if line.strip()][-6:]))


def target_options(python: str) -> list[str]:
    """The options that make pip choose the wheels that the lock was made of, on whatever machine it runs."""
    platforms = [option for tag in WHEEL_PLATFORMS for option in ("--platform", tag)]
    return ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]


def report(
    requirements: Sequence[str],
    *,
    python: str,
    closure: bool = False,
    cancel: threading.Event | None = None,
) -> list[dict[str, Any]]:
    """pip's report on what it would install for some requirements (its ``install`` list); PipFailedError."""
    with tempfile.TemporaryDirectory(prefix="sandbox-pip-") as folder:
        file = Path(folder) / "report.json"
        run_pip(
            [
                "install", "--dry-run", "--ignore-installed", "--no-user", "--quiet",
                "--target", str(Path(folder) / "nowhere"), "--report", str(file),
                *([] if closure else ["--no-deps"]), *target_options(python), *requirements,
            ],
            cancel=cancel,
        )  # fmt: skip
        installs: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["install"]
        return installs


def batches(wheels: Iterable[Artifact]) -> list[list[Artifact]]:
    """The wheels in lists of a size that pip resolves quickly, no name twice in one: it takes one version."""
    lists: list[dict[str, Artifact]] = []
    for wheel in wheels:
        name = wheel.coordinate.partition("==")[0]
        for batch in lists:
            if name not in batch and len(batch) < _BATCH:
                batch[name] = wheel
                break
        else:
            lists.append({name: wheel})
    return [list(batch.values()) for batch in lists]


def locate(batch: Sequence[Artifact], cancel: threading.Event | None = None) -> dict[Artifact, str]:
    """The addresses of some wheels on the user's index; without those that it has other bytes for."""
    wanted = [wheel.coordinate for wheel in batch]
    found = {}
    for install in report(wanted, python=this_python(), cancel=cancel):
        info = install["download_info"]
        found[info.get("archive_info", {}).get("hashes", {}).get("sha256")] = info["url"]
    return {wheel: found[wheel.sha256] for wheel in batch if wheel.sha256 in found}


def download_with_pip(wheel: Artifact, into: Path, cancel: threading.Event | None = None) -> str:
    """Have pip fetch one wheel to the path ``into`` and return its sha256; PipFailedError."""
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".pip-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{wheel.coordinate} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        run_pip(
            [
                "download", "--quiet", "--no-deps", "--require-hashes", "--no-cache-dir", "--dest", folder,
                *target_options(this_python()), "--requirement", str(requirements),
            ],
            cancel=cancel,
        )  # fmt: skip
        files = list(Path(folder).glob("*.whl"))
        if len(files) != 1:
            raise PipFailedError(f"pip download left {len(files)} wheels for {wheel.coordinate}")
        shutil.move(files[0], into)
    return sha256(into)

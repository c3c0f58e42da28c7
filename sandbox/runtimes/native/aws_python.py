"""A Python for MiniStack that the user whom engines run as can reach.

As root, engines run as a lesser user, and a Python under root's home (pyenv, uv) is closed to that one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, silent
from sandbox.runtimes.native.artifacts import this_python
from sandbox.runtimes.native.environments import interpreter
from sandbox.runtimes.native.installs import publish
from sandbox.runtimes.native.process import lesser_user

SYSTEM = (Path("/usr/bin"), Path("/usr/local/bin"))

_NOT_NEEDED = ("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages")


@dataclass(frozen=True)
class Python:
    """``program`` to run; ``libraries`` is a folder that the loader of shared objects must be told of."""

    program: Path
    libraries: Path | None = None


def python_for_engines(cache: Path, sink: Sink = silent) -> Python:
    """Our own Python; when the lesser user cannot reach it, the system's of the same version, else a copy of
    ours in the cache. EnvironmentRefusedError when none of these can be had."""
    own = Path(interpreter())
    if lesser_user() is None or open_to_all(own):
        return Python(own)
    for folder in SYSTEM:
        program = folder / f"python{this_python()}"
        # Debian's python3-minimal has the program and lacks half of the library.
        library = folder.parent / "lib" / f"python{this_python()}" / "asyncio" / "__init__.py"
        if library.is_file() and program.exists() and open_to_all(program):
            return Python(program)
    root = _copy(own.resolve(), cache, sink)
    return Python(root / "bin" / own.resolve().name, root / "lib")


def open_to_all(path: Path) -> bool:
    """Whether every user may run this program: it and all folders above it are open."""
    real = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (real, *real.parents))


def _copy(program: Path, cache: Path, sink: Sink) -> Path:
    library = Path(sysconfig.get_path("stdlib"))
    prefix = program.parent.parent
    if library.parent.parent != prefix:
        raise EnvironmentRefusedError(
            f"The user {lesser_user()!r}, as whom engines run, cannot reach {program}.",
            code="python-unreachable",
            actions=[
                f"install Python {this_python()} for all users",
                "or run sandbox as another user than root",
            ],
        )
    digest = hashlib.sha256(f"{prefix} {sys.version}".encode()).hexdigest()[:8]

    def build(staging: Path) -> None:
        (staging / "bin").mkdir()
        shutil.copy2(program, staging / "bin" / program.name)
        for shared in prefix.glob("lib/libpython*.so*"):
            (staging / "lib").mkdir(exist_ok=True)
            shutil.copy2(shared, staging / "lib" / shared.name, follow_symlinks=False)
        skip = shutil.ignore_patterns(*_NOT_NEEDED, "config-*", "*.a")
        shutil.copytree(library, staging / "lib" / library.name, ignore=skip)
        for folder, _, files in os.walk(staging):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder) / name
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | 0o444)

    return publish(cache, f"python-{this_python()}-{digest}", build, subject="aws", sink=sink)

"""Python environments of their own, for programs that pin versions we do not: MiniStack and the AWS CLI.

An environment is a folder of packages made from the locked wheels alone, without an index. It is no virtual
environment: it has no link to the interpreter it was made with, so it lives on when that moves, and works
from a cache that nobody may write (everything is compiled beforehand).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, silent

from .artifacts import Artifact, artifacts, this_python
from .fetch import fetch, sha256
from .installs import install_name, publish

PROGRAMS: dict[str, dict[str, str]] = {
    "awscli": {"aws": "awscli", "aws_completer": "awscli.completer"},
    "ministack": {"ministack": "ministack"},
}
"""The programs an environment puts into its ``bin``: name and the module to run."""

# Version 1 of the AWS CLI sends some services (sqs) to names of the real AWS whatever AWS_ENDPOINT_URL says.
_AMENDED: dict[str, dict[str, str]] = {
    "awscli": {"awscli/customizations/overridesslcommonname.py": "\n\nSSL_COMMON_NAMES.clear()\n"},
}
"""What is added at the end of files of packages."""

# Isolated (-I) and without site (-S): neither PYTHONPATH nor the packages of the calling environment
# come before, or beside, those of this one.
_RUN = """\
import os, runpy, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages"))
module = sys.argv[1]
del sys.argv[1]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""

_PROGRAM = """\
#!/bin/sh
here=$(dirname "$(dirname "$(readlink -f "$0")")")
for python in "${{SANDBOX_PYTHON:-}}" {python} python{version}; do
    if [ -n "$python" ] && command -v "$python" >/dev/null 2>&1; then
        exec "$python" -I -S "$here/run.py" {module} "$@"
    fi
done
echo "{name}: needs Python {version}; set SANDBOX_PYTHON to one" >&2
exit 127
"""


@dataclass(frozen=True)
class Environment:
    """Packages in a folder of their own.

    ``packages`` is what would be on ``sys.path``; ``bin`` holds the programs of :data:`PROGRAMS`, to be put
    on PATH.
    """

    root: Path

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command line that runs a module of the environment as a program."""
        return [interpreter(), "-I", "-S", str(self.root / "run.py"), module, *arguments]


def interpreter() -> str:
    """The Python outside of any virtual environment: same version, and it outlives the environment."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return str(base) if base and Path(base).exists() else sys.executable


def environment(group: str, cache: Path, *, sink: Sink = silent, offline: bool = False) -> Environment:
    """The environment of a group of wheels, made if it is not there yet (some seconds).

    Keyed by the version of Python and the wheels. Errors as :func:`.installs.install`; also
    EnvironmentRefusedError when there is no pip.
    """
    wanted = artifacts(group)
    facts = (this_python(), _RUN, _PROGRAM, PROGRAMS, _AMENDED.get(group))
    name = f"{install_name(group, _main_first(group), *facts)}-py{this_python()}"

    def build(staging: Path) -> None:
        paths = fetch([group], cache=cache, sink=sink, offline=offline)[group]
        bad = [artifact for artifact in wanted if sha256(artifact.path(cache)) != artifact.sha256]
        for artifact in bad:
            artifact.path(cache).unlink()
        if bad:
            fetch([group], cache=cache, sink=sink, offline=offline)
        _install_wheels(group, paths, staging / "packages")
        for path, text in _AMENDED.get(group, {}).items():
            with (staging / "packages" / path).open("a", encoding="utf-8") as file:
                file.write(text)
        final = cache / "installs" / name / "packages"
        _compile(staging / "packages", final)
        _write_programs(group, staging)

    return Environment(publish(cache, name, build, subject=group, sink=sink))


def _main_first(group: str) -> tuple[Artifact, ...]:
    wanted = artifacts(group)
    return tuple(sorted(wanted, key=lambda artifact: not artifact.coordinate.startswith(f"{group}==")))


def _install_wheels(group: str, wheels: Sequence[Path], target: Path) -> None:
    from .wheels import PipFailedError, run_pip

    try:
        # Nothing of the user's settings may lead elsewhere: no index, no prefix, no constraints.
        run_pip(
            [
                "install", "--isolated", "--quiet", "--no-index", "--no-deps", "--no-compile", "--no-user",
                "--no-warn-script-location", "--target", str(target), *map(str, wheels),
            ],
            {"PIP_CONFIG_FILE": os.devnull},
        )  # fmt: skip
    except PipFailedError as error:
        raise EnvironmentRefusedError(
            f"The wheels of {group} could not be installed.",
            code="environment-failed",
            detail=str(error),
            actions=["look at the last lines above; then try again: sandbox pull"],
        ) from error
    # Scripts with the path of today's interpreter in the first line; ours are in ``bin``.
    shutil.rmtree(target / "bin", ignore_errors=True)


def _compile(packages: Path, final: Path) -> None:
    # Hash-based and unchecked: no source is looked at when a program starts, and times may change.
    # Some packages carry files for other versions of Python that do not compile: no matter.
    subprocess.run(
        [
            interpreter(), "-I", "-m", "compileall", "-q", "-q", "-j", "0",
            "--invalidation-mode", "unchecked-hash", "-s", str(packages), "-p", str(final), str(packages),
        ],
        capture_output=True,
        check=False,
        umask=0o022,
    )  # fmt: skip


def _write_programs(group: str, root: Path) -> None:
    (root / "run.py").write_text(_RUN, encoding="utf-8")
    (root / "run.py").chmod(0o644)
    (root / "bin").mkdir()
    (root / "bin").chmod(0o755)
    for name, module in PROGRAMS.get(group, {}).items():
        text = _PROGRAM.format(python=interpreter(), version=this_python(), module=module, name=name)
        (root / "bin" / name).write_text(text, encoding="utf-8")
        (root / "bin" / name).chmod(0o755)

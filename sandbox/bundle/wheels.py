"""The wheels of a bundle: ``sandbox`` itself, made from what is installed, and all that it is built on.

What it is built on is locked with hashes in ``requirements/run.txt``, which ships with the product.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from sandbox import __version__, config
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Phase, Sink, Warned, silent

NAME = "sandbox"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_BEHIND = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


def requirements() -> Path:
    """The locked requirements that ship with the product."""
    return config.resources("requirements") / "run.txt"


def dependencies(cache: Path, sink: Sink) -> list[Path]:
    """The wheels of all that ``sandbox`` is built on, for this version of Python and this kind of machine.

    Kept in the cache once fetched. Raises EnvironmentRefusedError when they cannot be had.
    """
    from sandbox.runtimes.native.artifacts import this_platform, this_python
    from sandbox.runtimes.native.fetch import sha256
    from sandbox.runtimes.native.installs import publish
    from sandbox.runtimes.native.wanted import PLATFORM
    from sandbox.runtimes.native.wheels import PipFailedError, run_pip, target_options

    text = requirements().read_text(encoding="utf-8")
    options = target_options(this_python()) if this_platform() == PLATFORM else ["--only-binary=:all:"]
    wanted = len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))
    key = hashlib.sha256("\n".join((text, this_platform(), *options)).encode()).hexdigest()[:8]

    def build(staging: Path) -> None:
        sink(Phase("wheels", "fetch", f"{wanted} files"))
        try:
            run_pip(
                [
                    "download", "--quiet", "--no-deps", "--require-hashes", "--dest", str(staging),
                    *options, "--requirement", str(requirements()),
                ],
            )  # fmt: skip
        except PipFailedError as error:
            raise EnvironmentRefusedError(
                "The packages that sandbox is built on could not be fetched.",
                code="wheels-not-fetched",
                detail=str(error),
                actions=["look at the network, and at what `pip config list` says of the index"],
            ) from error
        for wheel in staging.iterdir():
            wheel.chmod(0o644)

    folder = publish(
        cache, f"wheels-{__version__}-{key}-py{this_python()}", build, subject="wheels", sink=sink
    )
    found = sorted(folder.glob("*.whl"))
    pinned = set(re.findall(r"sha256:([0-9a-f]{64})", text))
    bad = [wheel.name for wheel in found if sha256(wheel) not in pinned]
    if bad or len(found) != wanted:
        raise EnvironmentRefusedError(
            f"The wheels in {folder} are not those that were fetched.",
            code="wheels-changed",
            detail=", ".join(bad) or f"There are {len(found)} of {wanted}.",
            actions=[f"remove them, then try again: rm -r {folder}"],
        )
    return found


def own_wheel_name() -> str:
    """The file name of the wheel of ``sandbox`` itself."""
    return f"{NAME}-{metadata.version(NAME)}-py3-none-any.whl"


def own_wheel(sink: Sink = silent) -> bytes:
    """The wheel of the ``sandbox`` that runs now, installed from a wheel or in a checkout (about 2 MB).

    The same files give the same bytes. Names and dependencies are as when it was installed; warns when a
    checkout has others by now.
    """
    if _outdated():
        sink(
            Warned("pyproject.toml has changed since this checkout was installed: pip install --no-deps -e .")
        )
    info = f"{NAME}-{metadata.version(NAME)}.dist-info"
    made = io.BytesIO()
    record: list[tuple[str, str, int | str]] = []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, text: bytes, mode: int = 0o644) -> None:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
            record.append((name, f"sha256={digest}", len(text)))

        for name, path in sorted(_files()):
            add(name, path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)
        for name, text in _metadata():
            add(f"{info}/{name}", text.encode())
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([*record, (f"{info}/RECORD", "", "")])
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", _EPOCH), lines.getvalue(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _files() -> Iterator[tuple[str, Path]]:
    """Every file of the package and of what ships within it: name in the wheel, and where it lies."""
    package = Path(config.__file__).parent
    for path in _below(package):
        yield f"{NAME}/{path.relative_to(package).as_posix()}", path
    # A checkout has the folders that ship within the wheel beside the package.
    build = _pyproject().get("tool", {}).get("hatch", {}).get("build", {})
    for source, place in build.get("targets", {}).get("wheel", {}).get("force-include", {}).items():
        top = package.parent / source
        for path in [top] if top.is_file() else _below(top):
            yield f"{place}/{path.relative_to(top).as_posix()}".removesuffix("/."), path


def _pyproject() -> dict[str, Any]:
    """``pyproject.toml`` of the checkout that we run in; empty where sandbox was installed from a wheel."""
    package = Path(config.__file__).parent
    try:
        text = (package.parent / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return {}
    found = tomllib.loads(text)
    return (
        found
        if found.get("project", {}).get("name") == NAME and not (package / "_resources").exists()
        else {}
    )


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and not _LEFT_BEHIND & set(path.parts):
            yield path


def _metadata() -> Iterator[tuple[str, str]]:
    installed = metadata.distribution(NAME)
    for name in ("METADATA", "entry_points.txt"):
        yield name, installed.read_text(name) or ""
    yield (
        "WHEEL",
        f"Wheel-Version: 1.0\nGenerator: {NAME} {__version__}\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    )


def _outdated() -> bool:
    """Whether we run in a checkout whose dependencies or commands differ from those that were installed."""
    from packaging.requirements import Requirement

    project = _pyproject().get("project")
    if project is None:
        return False
    installed = metadata.distribution(NAME)
    needs = {str(r) for r in map(Requirement, installed.requires or ()) if "extra" not in str(r.marker)}
    commands = {(e.group, e.name, e.value) for e in installed.entry_points}
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    wanted = {(group, name, value) for group, entries in groups.items() for name, value in entries.items()}
    return needs != {str(Requirement(text)) for text in project["dependencies"]} or commands != wanted

"""Artifacts: the pinned files that native engines need, read from the lock that ships with the package.

The lock is one JSON file a group (``locks/<group>.json``), written by :mod:`.renew` from :mod:`.wanted`.
It holds no address: wheels are found by pip on whatever index the user has set, jars by their Maven
coordinate. Artifacts lie in the cache under their own hash, so a renewed lock never meets the file of an
older one, groups share what they have in common, and the path of a jar stays the same for ever: class-data
archives are bound to it.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError, unknown_name

LOCKS = Path(__file__).with_name("locks")


@dataclass(frozen=True)
class Artifact:
    """One pinned file.

    ``coordinate`` is ``group:artifact:version[:classifier]`` for a jar and ``name==version`` for a wheel.
    ``size`` is in bytes. ``python`` holds the versions (``3.11``) it is for, empty for all; ``platform``
    the platform (``linux-x86_64``), empty for all.
    """

    coordinate: str
    file: str
    sha256: str
    size: int
    python: tuple[str, ...] = ()
    platform: str = ""

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; everything else is a jar."""
        return self.file.endswith(".whl")

    @property
    def version(self) -> str:
        """The version within the coordinate."""
        return self.coordinate.partition("==")[2] if self.is_wheel else self.coordinate.split(":")[2]

    @property
    def maven_path(self) -> str:
        """Where a jar lies within any Maven repository."""
        group, name, version, *_ = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{name}/{version}/{self.file}"

    def path(self, cache: Path) -> Path:
        """Where it lies in the cache, now or once fetched."""
        return cache / "artifacts" / self.sha256[:16] / self.file

    def present(self, cache: Path) -> bool:
        """Whether the cache has it, judged by its size: only files with the right hash enter the cache."""
        try:
            return self.path(cache).stat().st_size == self.size
        except OSError:
            return False

    def fits(self, python: str, platform: str) -> bool:
        """Whether it is meant for this version of Python and this platform."""
        return (not self.python or python in self.python) and self.platform in ("", platform)


def this_python() -> str:
    """The running Python as the lock names it: ``3.11``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def this_platform() -> str:
    """This machine as the lock and the recipes name it: ``linux-x86_64``."""
    return f"{sys.platform}-{os.uname().machine}"


@functools.cache
def group_names() -> tuple[str, ...]:
    """The names of all groups in the lock."""
    return tuple(sorted(path.stem for path in LOCKS.glob("*.json")))


@functools.cache
def locked(group: str) -> tuple[Artifact, ...]:
    """Every artifact of a group, for all platforms and Pythons; jars in the order of the class path.

    Raises UsageError for a group that the lock does not have.
    """
    if group not in group_names():
        raise unknown_name("artifact group", group, group_names(), list_command="sandbox pull --help")
    return read_lock(LOCKS / f"{group}.json")


def read_lock(path: Path) -> tuple[Artifact, ...]:
    """The artifacts in a file of the lock; none when there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    entries = json.loads(text)["artifacts"]
    return tuple(Artifact(**{**entry, "python": tuple(entry.get("python", ()))}) for entry in entries)


@functools.cache
def artifacts(group: str) -> tuple[Artifact, ...]:
    """The artifacts of a group for this platform and this Python.

    Raises EnvironmentRefusedError when the group exists, but not for this machine.
    """
    everything = locked(group)
    platform, python = this_platform(), this_python()
    fitting = tuple(artifact for artifact in everything if artifact.fits(python, platform))
    platforms = {artifact.platform for artifact in everything if artifact.platform}
    pythons = {version for artifact in everything for version in artifact.python}
    if platforms and platform not in platforms:
        raise EnvironmentRefusedError(
            f"There is no {group} for {platform}.",
            code="platform-unsupported",
            detail=f"Its files are locked for {', '.join(sorted(platforms))}.",
            actions=["sandbox doctor   # says which engines cannot run here"],
        )
    if pythons and python not in pythons:
        raise EnvironmentRefusedError(
            f"There is no {group} for Python {python}.",
            code="python-unsupported",
            detail=f"Its wheels are locked for Python {', '.join(sorted(pythons))}.",
            actions=["install sandbox into an environment of one of these versions"],
        )
    if platforms and sys.platform == "linux" and not _has_glibc():
        raise EnvironmentRefusedError(
            f"There is no {group} for a Linux without the GNU C library.",
            code="platform-unsupported",
            detail="Its files need glibc 2.28 or newer.",
            actions=["sandbox doctor   # says which engines cannot run here"],
        )
    return fitting


def _has_glibc() -> bool:
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (ValueError, OSError):
        return False
    return name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) >= (2, 28)


def unique(groups: Iterable[str]) -> list[Artifact]:
    """The artifacts of some groups for this machine, each once."""
    return list(dict.fromkeys(artifact for group in groups for artifact in artifacts(group)))


def missing(groups: Iterable[str], cache: Path) -> list[Artifact]:
    """What the cache lacks of some groups. One ``stat`` an artifact, nothing else."""
    return [artifact for artifact in unique(groups) if not artifact.present(cache)]


def total_size(groups: Iterable[str]) -> int:
    """Bytes of all artifacts of some groups for this machine, shared ones counted once."""
    return sum(artifact.size for artifact in unique(groups))

"""What an answer may touch of this machine, where the kernel can hold it to that (Landlock)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sandbox import config

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/snap", "/etc")
_KERNEL = ("/proc", "/sys", "/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf")
_DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass(frozen=True)
class Readable:
    """Paths that answers may read with all below them, folders of which they may list the names, and the
    symbolic links on the way there with where they lead."""

    read: tuple[str, ...]
    list: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def of(folder: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """The fence of one answer (:func:`sandbox.grading.keeping.landlock.fence`): it writes in its own folder,
    and connects to the ports that its variables name (``SANDBOX_<ENGINE>_PORT`` and those of replicas)."""
    known = readable()
    ports = {
        int(value)
        for name, value in env.items()
        if name.startswith("SANDBOX_") and name.endswith("_PORT") and value.isdigit()
    }
    return {
        "read": [*known.read, str(folder)],
        "list": list(known.list),
        "write": [str(folder / name) for name in ("home", "tmp", "work")],
        "devices": [f"/dev/{name}" for name in _DEVICES],
        "shared": ["/dev/shm"],  # noqa: S108 - where the C library has shared memory
        "ports": sorted(ports),
    }


def view(folder: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """What there is at all for an answer in namespaces of its own
    (:mod:`sandbox.grading.keeping.namespaces`): what it may read, and the links that lead there."""
    known = readable()
    links = dict(known.links)
    for path in (str(folder), *env.get("PATH", "").split(os.pathsep)):
        links.update(_links(path))
    return {
        "show": [path for path in known.read if path != "/proc"],
        "names": list(known.list),
        "links": sorted(links.items()),
        "folder": str(folder.resolve()),
        "devices": [f"/dev/{name}" for name in _DEVICES],
    }


@cache
def readable() -> Readable:
    """What all answers may read: system, interpreter, libraries, this package, clients, fixtures. Nothing of
    the exercises (which have the solutions) and nothing of the state of sandboxes, wherever they are."""
    package = Path(__file__).resolve().parents[1]
    closed = [config.resources("exercises").resolve(), config.home().resolve()]
    open_ = [
        *map(Path, _SYSTEM),
        *map(Path, _KERNEL),
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sys.executable).resolve().parents[1],
        package,
        config.resources("fixtures"),
        config.cache() / "installs",
    ]
    read: dict[str, None] = {}
    names = {str(package.parent): None}
    for path in dict.fromkeys(each.resolve() for each in open_ if os.access(each, os.F_OK)):
        _without(path, closed, read, names)
    from sandbox.runtimes.native.environments import interpreter

    ways = (*map(str, open_), sys.executable, interpreter())
    return Readable(tuple(read), tuple(names), tuple(link for way in ways for link in _links(way)))


@cache
def _links(path: str, *, most: int = 40) -> tuple[tuple[str, str], ...]:
    """The symbolic links that are met on the way along a path, each with where it leads."""
    parts = Path(path).parts
    for end in range(2, len(parts) + 1):
        link = Path(*parts[:end])
        if most and link.is_symlink():
            target = str(link.readlink())
            rest = os.path.normpath(link.parent.joinpath(target, *parts[end:]))
            return ((str(link), target), *_links(rest, most=most - 1))
    return ()


def _without(path: Path, closed: Iterable[Path], read: dict[str, None], names: dict[str, None]) -> None:
    """All of a folder but what is closed: then its other entries one by one."""
    if any(path == each or each in path.parents for each in closed):
        return
    if not any(path in each.parents for each in closed):
        read[str(path)] = None
        return
    names[str(path)] = None
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_symlink():
                _without(Path(entry.path), closed, read, names)

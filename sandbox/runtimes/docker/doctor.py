"""What is missing or odd about Docker on this machine, each with the remedy for this system."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.doctor import Finding
from sandbox.engines.registry import NAMES
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker import client, images
from sandbox.runtimes.docker.recipe import recipe

if TYPE_CHECKING:
    pass

OLDEST_ENGINE = (20, 10)
OLDEST_COMPOSE = (2, 23, 1)
"""The first that puts the text of a Compose file's ``configs`` into containers."""

_INSTALL = {
    "debian": ("apt-get install docker.io", "apt-get install docker-compose-plugin"),
    "ubuntu": ("apt-get install docker.io", "apt-get install docker-compose-v2"),
    "fedora": ("dnf install moby-engine", "dnf install docker-compose"),
    "arch": ("pacman -S docker", "pacman -S docker-compose"),
    "opensuse": ("zypper install docker", "zypper install docker-compose"),
    "alpine": ("apk add docker", "apk add docker-cli-compose"),
}
_START = {"alpine": "rc-service docker start"}


def system() -> str:
    """The family of this system: ``debian``, ``fedora`` ..., ``macos``, or nothing that is known."""
    if platform.system() == "Darwin":
        return "macos"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((known for name in names for known in _INSTALL if name.startswith(known)), "")


def _install_engine() -> str:
    found = _INSTALL.get(system())
    return found[0] if found else "install Docker Desktop, or the package docker of this system"


def _install_compose() -> str:
    found = _INSTALL.get(system())
    return found[1] if found else "install Compose v2, the plugin `docker compose`"


def _start() -> str:
    if system() == "macos":
        return "start Docker Desktop"
    return _START.get(system(), "systemctl start docker")


def _join_group() -> str:
    return "usermod -aG docker $USER, then log in again"


_REMEDIES = {
    "docker-not-installed": _install_engine,
    "docker-not-running": _start,
    "docker-permission": _join_group,
}


def examine() -> Iterator[Finding]:
    """Look at the engine, at Compose, at room and images; what is missing hinders only the Docker runtime."""
    if not client.socket_exists() and shutil.which("docker") is None:
        yield Finding("docker", "note", "Docker is not installed: engines run natively", _install_engine())
        return
    try:
        found = client.client()
    except EnvironmentRefusedError as error:
        remedy = _REMEDIES.get(error.code)
        yield Finding(
            "docker", "note", error.title.rstrip("."), remedy() if remedy else "; ".join(error.actions)
        )
        return
    yield from _engine(found)
    yield from _compose()
    info = found.info()
    yield from _room(info)
    yield from _images()


def _engine(found: Any) -> Iterator[Finding]:
    told = found.version()
    parts = [part.get("Name", "") for part in told.get("Components") or []]
    name = "Podman" if any("Podman" in part for part in parts) else "Docker"
    version, where = str(told["Version"]), client.host()
    if name == "Docker" and _numbers(version) < OLDEST_ENGINE:
        yield Finding(
            "docker", "warning", f"{name} {version} at {where} is too old", "update it to 20.10 or newer"
        )
    else:
        yield Finding("docker", "ok", f"{name} {version} at {where}")


def _compose() -> Iterator[Finding]:
    try:
        version = client.compose_version()
    except EnvironmentRefusedError as error:
        yield Finding("compose", "warning", error.title.rstrip("."), _install_compose())
        return
    if _numbers(version) < OLDEST_COMPOSE:
        needed = ".".join(map(str, OLDEST_COMPOSE))
        yield Finding(
            "compose", "warning", f"Compose {version} is too old", f"update it to {needed} or newer"
        )
    else:
        yield Finding("compose", "ok", f"Compose {version}")


def _room(info: dict[str, Any]) -> Iterator[Finding]:
    memory, needed = info.get("MemTotal", 0) >> 20, sum(recipe(name).memory_mib for name in NAMES)
    if memory and memory < needed:
        yield Finding(
            "docker",
            "warning",
            f"Docker has {memory} MiB of memory; all engines together take about {needed} MiB",
            "give it more memory, or start fewer engines: sandbox up postgres redis",
        )
    root = Path(info.get("DockerRootDir", ""))
    if not client.is_local(client.host()) or not root.is_dir():
        return
    free, wanted = shutil.disk_usage(root).free >> 20, sum(recipe(name).disk_mib for name in NAMES)
    lacking = [name for name in NAMES if not images.there(recipe(name))]
    wanted += len(lacking) * images.GUESS >> 20
    if free < wanted:
        yield Finding(
            "docker",
            "warning",
            f"{free} MiB free at {root}; images and volumes take about {wanted} MiB",
            "docker system df; docker system prune",
        )


def _images() -> Iterator[Finding]:
    lacking = [recipe(name).chosen_image for name in NAMES if not images.there(recipe(name))]
    if lacking:
        yield Finding(
            "images",
            "note",
            f"not on the engine: {', '.join(lacking)}",
            "sandbox pull --runtime docker, or without a network: sandbox bundle load",
        )
    else:
        yield Finding("images", "ok", "the images of all engines are there: no network is needed")


def _numbers(version: str) -> tuple[int, ...]:
    """20.10.24+dfsg1 as (20, 10, 24)."""
    found = []
    for part in version.removeprefix("v").split("."):
        digits = "".join(c for c in part.split("+")[0].split("-")[0] if c.isdigit())
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)

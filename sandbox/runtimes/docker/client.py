"""The Docker engine that a person's ``docker`` command talks to, and its refusals in our words."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import EnvironmentRefusedError

if TYPE_CHECKING:
    from docker import DockerClient

LABEL = "sandbox.managed"
ROOT_LABEL = "sandbox.root"
SEAT_LABEL = "sandbox.seat"
MADE_LABEL = "sandbox.made"
"""A hash of what a container is made of (:func:`sandbox.runtimes.docker.compose.made_of`)."""
SECONDS = 120


def host() -> str:
    """Where the engine is asked for: DOCKER_HOST, else the current context of the ``docker`` command."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        return given
    from docker.context import ContextAPI

    try:
        context = ContextAPI.get_current_context()
        found = context.Host if context is not None else None
    except Exception as problem:
        raise EnvironmentRefusedError(
            f"The current context of the docker command cannot be read: {problem}",
            code="docker-context",
            actions=["docker context ls", "docker context use default"],
        ) from problem
    return str(found or "unix:///var/run/docker.sock")


@cache
def _connect(address: str, process: int) -> DockerClient:  # noqa: ARG001 - a fork must not share sockets
    try:
        if address.startswith("unix://"):
            _knock(address.removeprefix("unix://"))
        import docker

        found = docker.DockerClient(base_url=reachable(address), timeout=SECONDS, version="auto")
        found.ping()
    except EnvironmentRefusedError:
        raise
    except Exception as problem:
        raise unreachable(address, problem) from problem
    return found


def _knock(path: str) -> None:
    """Connect to a socket and leave: asked first, for it costs no import and its refusals are exact."""
    import socket

    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(SECONDS)
        knocking.connect(path)


def reachable(address: str) -> str:
    """An address for programs: that of an engine elsewhere is brought here."""
    if not address.startswith("ssh://"):
        return address
    from sandbox.runtimes.docker.tunnel import engine

    return engine(address)


def client() -> DockerClient:
    """The engine, asked once whether it answers; EnvironmentRefusedError when it does not."""
    return _connect(host(), os.getpid())


def unreachable(address: str, problem: BaseException) -> EnvironmentRefusedError:
    """Why no engine answers at an address, and what to do about it."""
    text = str(problem)
    if "Permission denied" in text or isinstance(problem, PermissionError):
        return EnvironmentRefusedError(
            f"This user may not use the Docker engine at {address}.",
            code="docker-permission",
            detail=text,
            actions=["sudo usermod -aG docker $USER   # then log in again", "sandbox up --runtime native"],
        )
    if shutil.which("docker") is None:
        return EnvironmentRefusedError(
            "Docker is not installed here.",
            code="docker-not-installed",
            detail=text,
            actions=["sandbox up --runtime native", "sandbox doctor"],
        )
    return EnvironmentRefusedError(
        f"No Docker engine answers at {address}.",
        code="docker-not-running",
        detail=text,
        actions=["start Docker: systemctl start docker, or Docker Desktop", "sandbox up --runtime native"],
    )


def plugin() -> list[str]:
    """The command that is Compose v2; EnvironmentRefusedError when there is none."""
    return list(_compose(os.environ.get("DOCKER_CONFIG", ""), os.environ.get("PATH", ""))[0])


def compose_version() -> str:
    """The version of Compose: ``5.6.1``; EnvironmentRefusedError when there is none."""
    return _compose(os.environ.get("DOCKER_CONFIG", ""), os.environ.get("PATH", ""))[1]


@cache
def _compose(config: str, path: str) -> tuple[tuple[str, ...], str]:  # noqa: ARG001 - others, another answer
    import subprocess

    docker, alone = shutil.which("docker"), shutil.which("docker-compose")
    for command in (*([(docker, "compose")] if docker else []), *([(alone,)] if alone else [])):
        ended = subprocess.run(
            [*command, "version", "--short"], capture_output=True, text=True, check=False, timeout=SECONDS
        )
        version = ended.stdout.strip().removeprefix("v")
        if ended.returncode == 0 and version.partition(".")[0].isdigit() and int(version.split(".")[0]) >= 2:
            return command, version
    raise EnvironmentRefusedError(
        "The Compose plugin of Docker, version 2 or newer, is not installed.",
        code="docker-no-compose",
        actions=["apt-get install docker-compose-plugin", "docker compose version", "sandbox doctor"],
    )


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Errors of the docker package as ours."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as problem:
        raise EnvironmentRefusedError(
            f"Docker: {what}: {getattr(problem, 'explanation', None) or problem}",
            code="docker-error",
            actions=["sandbox doctor"],
        ) from problem


def is_local(address: str) -> bool:
    """Whether ports that the engine publishes are on this machine."""
    return address.startswith(("unix://", "npipe://")) or "//localhost" in address or "//127." in address


def socket_exists() -> bool:
    """Whether it is worth the time to ask: an engine elsewhere was named, or a socket is there."""
    if os.environ.get("DOCKER_HOST"):
        return True
    folder = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    return Path("/var/run/docker.sock").exists() or (folder / "contexts" / "meta").is_dir()

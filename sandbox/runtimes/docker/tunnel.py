"""Connections over ssh to the machine of a Docker engine, by the person's own ssh: keys, agent, jump hosts.

The engine's API goes through one connection, which ends by itself when nobody has used it for a while: a
connection for each request, as the ``docker`` command makes them, takes seconds a command.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.errors import EnvironmentRefusedError

SECONDS = 30
IDLE_SECONDS = 600
OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
)
_SOCKET = "/var/run/docker.sock"
_NAME = "there"
"""A name that ssh wants and does not look up: the connection is known by its socket."""
_ASK = "docker context inspect --format '{{.Endpoints.docker.Host}}'"


def target(address: str) -> list[str]:
    """The words for ssh that name a machine of ``ssh://user@name:port``: its port, its user, its name."""
    parts = urlsplit(address)
    words = ["-p", str(parts.port)] if parts.port else []
    words += ["-l", parts.username] if parts.username else []
    return [*words, parts.hostname or ""]


def socket_of(key: str) -> Path:
    """The place of a connection's control socket: its path may have some hundred characters only."""
    folder = Path(tempfile.gettempdir()) / f"sandbox-ssh-{os.getuid()}"
    return folder / hashlib.sha256(key.encode()).hexdigest()[:16]


def _own(folder: Path) -> None:
    """EnvironmentRefusedError where somebody else could have put a socket into the folder."""
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EnvironmentRefusedError(
            f"{folder} belongs to somebody else, or is open to others.",
            code="docker-forward",
            actions=[f"look at it, then: rm -r {folder}"],
        )


def lives(socket: Path) -> bool:
    """Whether the connection with this control socket is there."""
    # os.path: a folder of somebody else, which we may not look into, counts as no connection.
    if not os.path.exists(socket):  # noqa: PTH110
        return False
    _own(socket.parent)
    return _run(["ssh", "-S", str(socket), "-O", "check", _NAME])[0] == 0


def end(socket: Path) -> None:
    """End the connection with this control socket, if there is one."""
    if os.path.exists(socket):  # noqa: PTH110
        _own(socket.parent)
        _run(["ssh", "-S", str(socket), "-O", "exit", _NAME])
        socket.unlink(missing_ok=True)


def begin(socket: Path, words: Sequence[str], address: str) -> tuple[int, str]:
    """Have a connection in the background with these words for ssh: exit code, and what it complained of."""
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    _own(socket.parent)
    # Left by a connection that was killed: the next one would go on without it.
    socket.unlink(missing_ok=True)
    return _run(["ssh", "-S", str(socket), "-M", *OPTIONS, *words, *target(address)])


def engine(address: str) -> str:
    """The engine at ``ssh://...`` as an address on this machine, over a connection that is made when there is
    none; EnvironmentRefusedError when it cannot be."""
    control = socket_of(address)
    local = control.with_suffix(".docker")
    if not (lives(control) and local.exists()):
        begin(control, ["-o", f"ControlPersist={IDLE_SECONDS}", "-n"], address)
        there = _remote_socket(control)
        local.unlink(missing_ok=True)
        way = f"{local}:{there}"
        code, why = _run(["ssh", "-S", str(control), "-O", "forward", "-L", way, _NAME])
        if code != 0:
            raise EnvironmentRefusedError(
                f"The machine of the Docker engine at {address} cannot be reached over ssh.",
                code="docker-not-running",
                detail=why,
                actions=[f"ssh {' '.join(target(address))} docker version   # must work without a question"],
            )
    return f"unix://{local}"


def _remote_socket(control: Path) -> str:
    """Where the engine listens over there, as its own ``docker`` command says."""
    ended = subprocess.run(
        ["ssh", "-S", str(control), "-n", _NAME, _ASK],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = ended.stdout.strip()
    return said.removeprefix("unix://") if said.startswith("unix://") else _SOCKET


def _run(command: Sequence[str]) -> tuple[int, str]:
    # A file and no pipe: a connection that stays in the background would hold a pipe open.
    with tempfile.TemporaryFile("w+") as errors:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=SECONDS,
                check=False,
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as problem:
            return 255, str(problem)
        errors.seek(0)
        return code, errors.read().strip()

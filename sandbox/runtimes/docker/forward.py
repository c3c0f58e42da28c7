"""Ports of an engine on another machine: published there on its loopback address only, and brought to the
loopback address here by ``ssh -L`` for as long as the engine runs. One connection an engine, in the
background."""

from __future__ import annotations

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker import client, tunnel
from sandbox.runtimes.ports import HOST
from sandbox.state import Seat


def needed() -> bool:
    """Whether the engine is on another machine; EnvironmentRefusedError when its ports cannot be had."""
    address = client.host()
    if client.is_local(address):
        return False
    if address.startswith("ssh://"):
        return True
    raise EnvironmentRefusedError(
        f"The Docker engine at {address} is on another machine, and its loopback ports cannot be reached.",
        code="docker-remote",
        detail="Engines publish their ports on the loopback address only; over ssh they are forwarded.",
        actions=["docker context create far --docker host=ssh://user@machine", "docker context use far"],
    )


def ensure(seat: Seat) -> None:
    """Have the engine's port here when it is on another machine. Nothing to do when it is there already."""
    if not needed() or tunnel.lives(tunnel.socket_of(seat.mark)):
        return
    port, address = seat.record.ports["main"], client.host()
    words = ["-f", "-N", "-n", "-T", "-o", "ControlPersist=no", "-L", f"{HOST}:{port}:127.0.0.1:{port}"]
    code, why = tunnel.begin(tunnel.socket_of(seat.mark), words, address)
    if code != 0:
        raise EnvironmentRefusedError(
            f"Port {port} of {seat.name} cannot be forwarded over ssh.",
            code="docker-forward",
            detail=why,
            actions=[
                f"ssh {' '.join(tunnel.target(address))} true   # must work without a question",
                f"sandbox up {seat.engine}",
            ],
        )


def end(seat: Seat) -> None:
    """End the connection, if there is one."""
    tunnel.end(tunnel.socket_of(seat.mark))

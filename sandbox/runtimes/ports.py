"""Ports on the loopback address: the default one when it is free, else another, remembered by the caller."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Collection
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError

HOST = "127.0.0.1"
LOWEST = 20000
"""From here up ports are chosen when an engine's default is taken."""


def free(port: int) -> bool:
    """Whether a server could listen on the port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            if problem.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def any_free(avoid: Collection[int] = ()) -> int:
    """A free port, none of ``avoid``; below those that the kernel gives to outgoing connections, of which
    one could hold a remembered port just when its engine starts again."""
    for _ in range(1000):
        port = secrets.choice(range(LOWEST, _ephemeral()))
        if port not in avoid and free(port):
            return port
    raise EnvironmentRefusedError("No port of this machine is free.", code="no-free-port")


def _ephemeral() -> int:
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        lowest = 32768
    return lowest if lowest > LOWEST + 1000 else 32768


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        # One second is how long the kernel waits before it asks again.
        with socket.create_connection((HOST, port), timeout=5):
            return True
    except OSError:
        return False


def holder(port: int) -> str:
    """Who listens on the port, in words: ``postgres (process 4711)``; as far as we may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    break
                try:
                    return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
                except psutil.Error:
                    return f"process {connection.pid}"
    except psutil.Error:
        pass
    return "another program"


def asked(engine: str, port: int) -> int:
    """The port a person asked for, or an error that names its holder."""
    if not free(port):
        raise EnvironmentRefusedError(
            f"Port {port}, asked for {engine}, is taken by {holder(port)}.",
            code="port-taken",
            actions=[
                f"sandbox up {engine}   # takes a free port",
                f"sandbox up {engine} --port {engine}={any_free()}",
            ],
        )
    return port

"""Ports on the loopback address: the default one when it is free, else another, remembered by the caller."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection

from sandbox.errors import EnvironmentRefusedError

HOST = "127.0.0.1"


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
    """A free port that the kernel picks, none of ``avoid``."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in avoid:
            return port


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
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

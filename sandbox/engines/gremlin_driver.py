"""Connections of gremlin_python over a transport without an event loop.

The driver's own transport is aiohttp: 0.15 s of CPU to import, and no limit on how long a connection may
take, so that asking a stopped server for its health would hang. People's programs use it; ours use this one.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint

if TYPE_CHECKING:
    from gremlin_python.driver.client import Client

# The driver logs each refused request with all that it knows of it; callers get the same as an exception.
logging.getLogger("gremlinpython").addHandler(logging.NullHandler())


class Transport:
    """One web socket, as the driver's Connection uses it. ``seconds`` bounds each read and write.

    Raises ConnectionError, TimeoutError or another OSError.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: Any = None

    def connect(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        import websocket

        with _named_errors():
            self._socket = websocket.create_connection(
                url,
                timeout=self._seconds,
                header=dict(headers or {}),
                suppress_origin=True,
                http_no_proxy=["*"],
                sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            )

    def write(self, message: bytes) -> None:
        with _named_errors():
            self._socket.send_binary(message)

    def read(self) -> bytes:
        with _named_errors():
            found = self._socket.recv()
        if not found:
            raise ConnectionError("the server closed the connection")
        return found.encode() if isinstance(found, str) else bytes(found)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close(timeout=0)
            # It does nothing more when the server closed first, and would leave the socket open.
            self._socket.shutdown()
            self._socket = None

    def abort(self) -> None:
        """From another thread: end a read that waits."""
        if self._socket is not None:
            self._socket.abort()

    @property
    def closed(self) -> bool:
        return self._socket is None or not self._socket.connected


@contextmanager
def _named_errors() -> Iterator[None]:
    import websocket

    try:
        yield
    except websocket.WebSocketTimeoutException as problem:
        raise TimeoutError("no answer in time") from problem
    except websocket.WebSocketException as problem:
        raise ConnectionError(str(problem)) from problem


@contextmanager
def open_client(endpoint: Endpoint, *, seconds: float = 60) -> Iterator[Client]:
    """The driver's client for scripts and bytecode on the endpoint's graph, with one connection."""
    client = new_client(endpoint, seconds=seconds)
    try:
        yield client
    finally:
        client.close()


def new_client(
    endpoint: Endpoint, *, seconds: float = 60, made: Callable[[Transport], object] = lambda _: None
) -> Client:
    """The same to be closed by the caller. It connects at its first request; ``made`` gets its transport."""
    from gremlin_python.driver.client import Client

    return Client(endpoint.url, endpoint.database or "g", **_options(endpoint, seconds, made))


@contextmanager
def open_source(endpoint: Endpoint, *, seconds: float = 60) -> Iterator[Any]:
    """A traversal source of gremlin_python on the endpoint's graph: ``g``."""
    from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
    from gremlin_python.process.anonymous_traversal import traversal

    connection = DriverRemoteConnection(endpoint.url, endpoint.database or "g", **_options(endpoint, seconds))
    try:
        yield traversal().with_(connection)
    finally:
        connection.close()


def _options(
    endpoint: Endpoint, seconds: float, made: Callable[[Transport], object] = lambda _: None
) -> dict[str, Any]:
    def transport() -> Transport:
        new = Transport(seconds)
        made(new)
        return new

    return {
        "username": endpoint.user,
        "password": endpoint.password,
        "pool_size": 1,
        "transport_factory": transport,
    }

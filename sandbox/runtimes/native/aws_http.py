"""An HTTP/1.1 server for one ASGI application, over h11. Runs inside MiniStack's environment like
:mod:`.aws_server`, and imports nothing of this project.

MiniStack is made for Hypercorn, whose tasks, queues and locks for each request take more processor time than
most answers do. Here a request is one task, and an answer one write. There are no websockets and no HTTP/2,
which nothing of what we offer uses.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import gc
import signal
import sys
import traceback
from typing import Any
from urllib.parse import unquote

import h11

KEEP_ALIVE = 75.0
"""Seconds that a connection may be silent."""
GRACE = 3.0
"""Seconds for answers that are under way at the end."""
MOST_HEAD = 16 * 1024
"""Bytes of the line and the headers of a request."""
MOST_WAITING = 1 << 18
"""Bytes of a body that wait to be asked for; no more is read until they are."""


class Connection(asyncio.Protocol):
    """One client: a request at a time, each in a task of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
        self.transport: Any = None
        self.client: Any = None
        self.here: Any = None
        self.exchange: Exchange | None = None
        self.idle_since = 0.0
        self.writable: asyncio.Future[None] | None = None
        """Not done while the client reads slower than is written."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.client, self.here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.idle_since = self.server.loop.time()
        self.server.connections.add(self)

    def connection_lost(self, _problem: Exception | None) -> None:
        self.server.connections.discard(self)
        self.resume_writing()
        if self.exchange is not None:
            self.exchange.gone = True
            self.exchange.wake()

    def pause_writing(self) -> None:
        self.writable = self.server.loop.create_future()

    def resume_writing(self) -> None:
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    def data_received(self, data: bytes) -> None:
        self.http.receive_data(data)
        self.read()

    def read(self) -> None:
        """Take in what has come."""
        http, fresh = self.http, False
        event: Any = None
        while not self.transport.is_closing():
            try:
                event = http.next_event()
            except h11.RemoteProtocolError as problem:
                self._refuse(problem.error_status_hint)
                return
            if type(event) is h11.Request:
                self.exchange = Exchange(self, event)
                fresh = True
                if http.they_are_waiting_for_100_continue:
                    self.transport.write(http.send(h11.InformationalResponse(status_code=100, headers=[])))
            elif type(event) is h11.Data and self.exchange is not None:
                self.exchange.chunks.append(bytes(event.data))
            elif type(event) is h11.EndOfMessage and self.exchange is not None:
                self.exchange.whole = True
            else:
                break
        if self.exchange is not None:
            if fresh:
                self.server.start(self.exchange)
            self.exchange.wake()
            # The next request too waits for its turn.
            if sum(map(len, self.exchange.chunks)) > MOST_WAITING or event is h11.PAUSED:
                self.transport.pause_reading()

    def next(self) -> None:
        """After an answer: be ready for another request, or close."""
        self.exchange = None
        if self.server.ending or {self.http.our_state, self.http.their_state} != {h11.DONE}:
            self.transport.close()
            return
        self.http.start_next_cycle()
        self.idle_since = self.server.loop.time()
        self.transport.resume_reading()
        if self.http.trailing_data[0]:
            self.read()

    def _refuse(self, status: int) -> None:
        if self.exchange is not None:
            self.exchange.gone = True
            self.exchange.wake()
        if self.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [(b"content-length", b"0"), (b"connection", b"close")]
            self.transport.write(self.http.send(h11.Response(status_code=status, headers=headers)))
        self.transport.close()


class Exchange:
    """A request and its answer: what the application is given as ``scope``, ``receive`` and ``send``."""

    def __init__(self, connection: Connection, request: Any) -> None:
        self.connection, self.request = connection, request
        self.chunks: list[bytes] = []
        self.whole = False
        """The body has come to its end, ..."""
        self.taken = False
        """... and the application has it."""
        self.gone = False
        self.answered = False
        self.start: Any = None
        self.waiter: asyncio.Future[None] | None = None

    def scope(self) -> dict[str, Any]:
        request = self.request
        path, _, query = request.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "http_version": request.http_version.decode("ascii"),
            "method": request.method.decode("ascii").upper(),
            "scheme": "http",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(request.headers),
            "client": self.connection.client,
            "server": self.connection.here,
            "state": {},
            "extensions": {},
        }

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        while not self.gone and (self.taken or not (self.chunks or self.whole)):
            self.waiter = self.connection.server.loop.create_future()
            await self.waiter
        if self.gone:
            return {"type": "http.disconnect"}
        body = b"".join(self.chunks)
        self.chunks.clear()
        self.taken = self.whole
        if not self.whole:
            self.connection.transport.resume_reading()
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    async def send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            # Written with the beginning of the body.
            self.start = message
            return
        if kind != "http.response.body" or self.start is None:
            raise RuntimeError(f"{kind} is not for now")
        if self.gone or self.answered:
            return
        http, status = self.connection.http, int(self.start["status"])
        parts = []
        if http.our_state is h11.SEND_RESPONSE:
            headers = [(bytes(name).strip(), bytes(value).strip()) for name, value in self.start["headers"]]
            parts.append(http.send(h11.Response(status_code=status, headers=headers)))
        body = message.get("body", b"")
        if body and self.request.method != b"HEAD" and status not in (204, 304):
            parts.append(http.send(h11.Data(data=bytes(body))))
        if not message.get("more_body", False):
            parts.append(http.send(h11.EndOfMessage()))
            self.answered = True
        self.connection.transport.write(b"".join(parts))
        if self.answered:
            self.connection.next()
        elif self.connection.writable is not None:
            await self.connection.writable


class Server:
    """Listens, and ends as it should."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.ending = False

    def start(self, exchange: Exchange) -> None:
        task = self.loop.create_task(self._answer(exchange))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self.app(exchange.scope(), exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001 - one request must not end the server
            traceback.print_exc()
            sys.stderr.flush()
        if not exchange.answered and not exchange.gone:
            if exchange.start is None:
                exchange.connection._refuse(500)
            exchange.connection.transport.close()

    async def close_silent(self) -> None:
        """For ever: close connections from which nothing has come for long."""
        while True:
            await asyncio.sleep(KEEP_ALIVE / 5)
            before = self.loop.time() - KEEP_ALIVE
            for each in list(self.connections):
                if each.exchange is None and each.idle_since < before:
                    each.transport.close()

    async def end(self) -> None:
        self.ending = True
        for each in list(self.connections):
            if each.exchange is None:
                each.transport.close()
        if self.tasks:
            _, late = await asyncio.wait(set(self.tasks), timeout=GRACE)
            for task in late:
                task.cancel()


async def serve(app: Any, host: str, port: int) -> None:
    """Start the application, answer requests until SIGTERM or SIGINT, end the application."""
    server, stop = Server(app), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        server.loop.add_signal_handler(number, stop.set)
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"spec_version": "2.0", "version": "3.0"}, "state": {}}
    life = server.loop.create_task(app(scope, to_app.get, from_app.put))

    async def tell(what: str) -> None:
        await to_app.put({"type": f"lifespan.{what}"})
        said = server.loop.create_task(from_app.get())
        await asyncio.wait((said, life), return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            said.cancel()
            # Why it ended, where it did so by an error.
            life.result()
        elif said.result()["type"] != f"lifespan.{what}.complete":
            raise RuntimeError(said.result().get("message", f"{what} failed"))

    await tell("startup")
    # What was loaded lives long: the collector need not look at it again, nor so often at what is new.
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    listening = await server.loop.create_server(lambda: Connection(server), host, port)
    silent = server.loop.create_task(server.close_silent())
    await stop.wait()
    silent.cancel()
    listening.close()
    await server.end()
    await tell("shutdown")

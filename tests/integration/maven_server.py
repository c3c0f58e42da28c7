"""A little repository on 127.0.0.1 that answers with the faults a test asks for. Nothing but HTTP."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fault:
    """What goes wrong with one answer; the default is an answer without a fault."""

    status: int = 200
    break_after: int | None = None
    """Bytes of the body after which the connection is closed."""
    body: bytes | None = None
    """Another body than the file's."""
    stall: threading.Event | None = None
    """Waited for before the body's second half."""


@dataclass
class Repository:
    """Files by path, and a list of faults for each path, used up one a request."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range header of every request."""
    ranges: bool = True
    login: str = ""
    """``user:password`` that is asked for, if any."""
    reached: Callable[[str], None] = lambda _path: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, ending: str) -> list[str | None]:
        """The Range headers of all requests for a file."""
        return [span for path, span in self.requests if path.endswith(ending)]

    def break_next(self, path: str, *faults: Fault) -> None:
        """Let the next answers for a path go wrong."""
        self.faults["/" + path] = list(faults)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # All that a fetch opens at once, also while nobody accepts: else the kernel has clients wait for seconds.
    request_queue_size = 64


@contextlib.contextmanager
def serve() -> Iterator[Repository]:
    """A repository that answers until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing: the list of requests is the log."""

        def do_GET(self) -> None:
            span = self.headers.get("Range")
            repository.requests.append((self.path, span))
            repository.reached(self.path)
            if repository.login:
                wanted = "Basic " + base64.b64encode(repository.login.encode()).decode()
                if self.headers.get("Authorization") != wanted:
                    self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="test"'}, Fault())
                    return
            waiting = repository.faults.get(self.path)
            fault = waiting.pop(0) if waiting else Fault()
            body = fault.body if fault.body is not None else repository.files.get(self.path)
            if body is None or fault.status != 200:
                self._answer(404 if body is None else fault.status, b"", {}, Fault())
                return
            kind = "text/html" if self.path.endswith("/") else "application/octet-stream"
            headers, status = {"Content-Type": kind}, 200
            if span and repository.ranges:
                start = int(span.removeprefix("bytes=").rstrip("-"))
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, status = body[start:], 206
            self._answer(status, body, headers, fault)

        def _answer(self, status: int, body: bytes, headers: dict[str, str], fault: Fault) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault.break_after is not None:
                body = body[: fault.break_after]
                self.close_connection = True
            half = len(body) // 2
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body[:half])
                self.wfile.flush()
                if fault.stall is not None:
                    fault.stall.wait(600)
                self.wfile.write(body[half:])

    server = _Server(("127.0.0.1", 0), Handler)
    repository = Repository(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield repository
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A headless Chromium for tests, spoken to over its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

PROGRAM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
SECONDS = 180
"""How long the browser may take for anything: on a busy machine it stands still for seconds."""
T = TypeVar("T")


class Page:
    """One page; everything that it asked for, logged or opened a dialogue for is remembered."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Runtime", "Log", "Security"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = self._next()
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    def _next(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._socket.recv())
        if "id" not in said:
            self.events.append(said)
        return said

    def open(self, path: Path) -> None:
        """Load a file and wait until that is done."""
        began = self.call("Page.navigate", url=path.absolute().as_uri())
        assert "errorText" not in began, began
        # Of this document: that of the one before it may come late.
        loaded = {"loaderId": began["loaderId"], "name": "load"}
        while not any(loaded.items() <= e.items() for e in self._seen("Page.lifecycleEvent")):
            self._next()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """The events of these kinds so far."""
        self.value("1")
        return self._seen(*methods)

    def _seen(self, *methods: str) -> list[dict[str, Any]]:
        return [e["params"] for e in self.events if e["method"] in methods]


@contextmanager
def chromium() -> Iterator[Page]:
    """A page of a browser of its own, ended with all that belongs to it."""
    import websocket

    assert PROGRAM is not None
    home = Path(tempfile.mkdtemp(prefix="sandbox-test-chromium-"))
    argv = [PROGRAM, "--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    if os.geteuid() == 0:
        argv.append("--no-sandbox")
    process = subprocess.Popen(
        [*argv, f"--user-data-dir={home}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home), "DBUS_SESSION_BUS_ADDRESS": "disabled:"},
    )
    try:
        port = awaited(lambda: _port(home / "DevToolsActivePort", process), "Chromium opens its port")
        url = awaited(lambda: _page(port), "Chromium has its page")
        socket = websocket.create_connection(url, suppress_origin=True, timeout=SECONDS)
        try:
            yield Page(socket)
        finally:
            with suppress(Exception):
                socket.send('{"id": 0, "method": "Browser.close"}')
            socket.close()
    finally:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def awaited(ask: Callable[[], T], what: str) -> T:
    """The first answer that is not nothing."""
    until = time.monotonic() + SECONDS
    while not (found := ask()):
        assert time.monotonic() < until, f"not so after {SECONDS} s: {what}"
        time.sleep(0.02)
    return found


def _port(file: Path, process: subprocess.Popen[bytes]) -> int | None:
    assert process.poll() is None, f"Chromium ended with {process.returncode}"
    # Its second line is written last.
    lines = file.read_text().split() if file.is_file() else []
    return int(lines[0]) if len(lines) > 1 else None


def _page(port: int) -> str | None:
    with urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
        return next((t["webSocketDebuggerUrl"] for t in json.load(answer) if t["type"] == "page"), None)

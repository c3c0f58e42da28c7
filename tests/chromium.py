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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

PROGRAM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


class Page:
    """One page; everything that it asked for, logged or opened a dialogue for is remembered."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Runtime", "Log", "Security"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result
            self.events.append(said)

    def open(self, path: Path) -> None:
        """Load a file and wait until that is done."""
        self.call("Page.navigate", url=path.absolute().as_uri())
        until = time.monotonic() + 30
        while self.value("document.readyState") != "complete":
            assert time.monotonic() < until, "the page did not load"
            time.sleep(0.02)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """The events of these kinds so far."""
        self.value("1")
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
        port = _port(home / "DevToolsActivePort", process)
        with urlopen(f"http://127.0.0.1:{port}/json") as answer:
            targets = json.load(answer)
        url = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
        socket = websocket.create_connection(url, suppress_origin=True, timeout=60)
        try:
            yield Page(socket)
        finally:
            with suppress(Exception):
                socket.send('{"id": 0, "method": "Browser.close"}')
            socket.close()
    finally:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if file.is_file() and (lines := file.read_text().split()):
            return int(lines[0])
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        time.sleep(0.02)
    raise AssertionError("Chromium did not open its port")

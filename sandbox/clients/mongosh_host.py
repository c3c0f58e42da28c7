"""The process in which a person's JavaScript runs: QuickJS and the shell's prelude, nothing else.

A process of its own, because the engine cannot be interrupted while it may call into Python: what loops is
ended from outside. It knows no password and opens no connection; every question to the database goes up the
pipe. Run as a file, by ``python -I -S``, with the path of the prelude and the folder of the engine's module;
imports nothing of the package, and little else: most of a short script's time is the start of this process.

Messages are JSON behind their length (four bytes, big-endian). Down: ``{"eval": code}`` and answers to calls;
up: ``{"call": text}``, ``{"print": text}`` and, at the end of a statement, ``{"value": text|null}`` or
``{"error": text}``.
"""
# mypy: disable-error-code="import-not-found"
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys

sys.path.append(sys.argv[2])
# What `quickjs` is made of, without the threads that it could run it in.
import _quickjs as quickjs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MEMORY = 256 * 1024 * 1024
STACK = 4 * 1024 * 1024

_DECLARATION = re.compile(r"(async\s+)?function\b|class\b")


def _exactly(size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = os.read(0, size - len(parts))
        if not part:
            # The shell has gone: nobody wants an answer any more.
            os._exit(0)
        parts += part
    return parts


def receive() -> Any:
    return json.loads(_exactly(int.from_bytes(_exactly(4), "big")))


def send(message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(1, data) :]


def call(text: str) -> str:
    send({"call": text})
    answer: str = receive()["answer"]
    return answer


def evaluate(context: Any, code: str) -> str | None:
    """The completion value as the prelude's JSON, None for undefined; JSException."""
    if not _DECLARATION.match(code) and context.get("__is_expression")(code):
        # Between the brackets null is told from undefined, and {a: 1} is a document and no block.
        shown = context.eval(f"__keep((\n{code}\n))")
    else:
        # One line before the code here too, so that all errors count lines alike.
        value = context.eval(f"\n{code}")
        # Here null and undefined are the same to us; a declaration gives the latter.
        shown = None if value is None else context.get("__keep")(value)
    while context.execute_pending_job():
        pass
    return shown if isinstance(shown, str) else None


def main() -> None:
    # Ctrl-C is for the shell, which decides; without the shell there is no reason to live.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    context = quickjs.Context()
    context.set_memory_limit(MEMORY)
    context.set_max_stack_size(STACK)
    context.add_callable("__call", call)
    context.add_callable("__print", lambda text: send({"print": text}))
    with open(sys.argv[1], encoding="utf-8") as prelude:
        context.eval(prelude.read())
    while True:
        code = receive()["eval"]
        try:
            send({"value": evaluate(context, code)})
        except quickjs.JSException as error:
            send({"error": str(error)})


if __name__ == "__main__":
    main()

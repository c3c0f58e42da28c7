"""Hands an order to a keeper (:mod:`sandbox.grading.keeping.keeper`) and waits for its report."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sandbox.errors import BugError

if TYPE_CHECKING:
    from sandbox.grading.warmth import Wish

_KEEPER = f"""\
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from keeping.keeper import main
main()
"""


def keep(
    order: dict[str, Any], seconds: float, cancel: threading.Event | None, wish: Wish | None
) -> dict[str, Any]:
    keeper = _Keeper.warm(wish) if wish is not None else None
    if keeper is None:
        keeper = _Keeper.cold()
        order["inside"], order["commands"] = None, False
    reports: list[tuple[bytes, bytes]] = []
    reader = threading.Thread(target=lambda: reports.append(keeper.read()), daemon=True)
    try:
        with contextlib.suppress(BrokenPipeError):
            keeper.leash.write(json.dumps(order).encode() + b"\n")
            keeper.leash.flush()
        reader.start()
        waited = 0.0
        while reader.is_alive():
            reader.join(0.1 if cancel else 1.0)
            waited += 0.1 if cancel else 1.0
            if (cancel and cancel.is_set()) or waited > seconds + 30:
                break
    finally:
        # Closing the leash ends the answer, if it has not ended by itself; the report comes at once.
        with contextlib.suppress(BrokenPipeError):
            keeper.leash.close()
        if reader.ident is not None:
            reader.join(20)
        if reader.ident is None or reader.is_alive():
            keeper.kill()
        if reader.ident is not None:
            reader.join(5)
        keeper.close()
    text, complaint = reports[0] if reports else (b"", b"")
    if text:
        report: dict[str, Any] = json.loads(text)
        return report
    if not complaint:
        _end_orphans(order)
        return {"end": "lost"}
    raise BugError(
        "The watching process of an answer failed.",
        code="keeper-failed",
        detail=complaint.decode(errors="replace"),
    )


@dataclass
class _Keeper:
    """The watching process: a new one, or a fork of a warm one. ``leash`` is its standard input."""

    leash: IO[bytes]
    out: IO[bytes]
    err: IO[bytes]
    pid: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def cold(cls) -> _Keeper:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"LANG": "C.UTF-8"},
            start_new_session=True,
        )
        assert process.stdin and process.stdout and process.stderr
        return cls(process.stdin, process.stdout, process.stderr, process.pid, process)

    @classmethod
    def warm(cls, wish: Wish) -> _Keeper | None:
        from sandbox.grading import warmth

        pipes = [os.pipe() for _ in range(3)]
        (leash_out, leash), (out, out_in), (err, err_in) = pipes
        theirs = (leash_out, out_in, err_in)
        try:
            pid = warmth.fork(wish, theirs)
        finally:
            for fd in theirs:
                os.close(fd)
        if pid is None:
            for fd in (leash, out, err):
                os.close(fd)
            return None
        return cls(os.fdopen(leash, "wb"), os.fdopen(out, "rb"), os.fdopen(err, "rb"), pid)

    def read(self) -> tuple[bytes, bytes]:
        return self.out.read(), self.err.read()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.process is not None:
                self.process.kill()
            else:
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        if self.process is not None:
            self.process.wait()
        self.out.close()
        self.err.close()


def _end_orphans(order: dict[str, Any]) -> None:
    # The keeper was killed, so nobody is the parent of what the answer started: find it by its folder.
    import psutil

    marker = order["env"].get("HOME")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if order["uid"] is not None:
                    mine = process.uids().real == order["uid"]
                else:
                    mine = process.environ().get("HOME") == marker
                if mine:
                    found.append(process)
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.01)

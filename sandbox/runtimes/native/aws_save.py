"""What MiniStack has, written to its state files while it runs and not only at a clean end.

After a change a forked child, which has a frozen copy of everything, writes it out (as Redis does in the
background). ``SANDBOX_SAVE_SECONDS`` is how long a change may wait for that, one in an account that was
emptied by request (an answer's) ten times as long. With ``SANDBOX_DURABLE=1`` a change is answered only once
it is saved.

Runs inside MiniStack's environment like :mod:`.aws_server`, and imports nothing of this project.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import json
import os
import signal
import sys
import time
from pathlib import Path

SAVE_TIMEOUT = 120.0
LATER = 10
"""How much longer a change in an answer's account may wait until it is saved."""


class Saver:
    """Writes the state of all services that were used, whenever it has changed."""

    def __init__(self, seconds: float, *, durable: bool) -> None:
        self.seconds, self.durable = seconds, durable
        self.changes = 0
        """Changes seen so far; ``done`` of them are on disk."""
        self.done = 0
        self._changed = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None
        self._written = asyncio.Condition()
        self._hurried = asyncio.Event()
        """Somebody waits: no change is waited for that could join in."""
        self._child = 0
        self._closed = False

    def note(self, *, soon: bool = True) -> None:
        self.changes += 1
        if soon or self.durable:
            self._changed.set()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(LATER * self.seconds, self._changed.set)

    async def saved(self) -> None:
        """Until all that was noted so far is on disk."""
        mine = self.changes
        async with self._written:
            await self._written.wait_for(lambda: self.done >= mine)

    async def save_now(self) -> None:
        """As :meth:`saved`, without waiting for others to join in."""
        if self.done < self.changes:
            self._hurried.set()
            self._changed.set()
            await self.saved()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), seconds)

    def close(self) -> None:
        """Before the last save, at a clean end: no child with an older copy may write after it."""
        self._closed = True
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    async def run(self) -> None:
        """For ever: wait for a change, give others time to join it, write."""
        while not self._closed:
            await self._changed.wait()
            if self.durable:
                await self._quiet()
            else:
                await self._pause(self.seconds)
            self._changed.clear()
            self._hurried.clear()
            if self._later is not None:
                self._later.cancel()
                self._later = None
            upto, began = self.changes, time.monotonic()
            if await self._fork():
                self.done = upto
                async with self._written:
                    self._written.notify_all()
            else:
                self._changed.set()
                await asyncio.sleep(1.0)
            if not self.durable:
                # With much data a save takes long: leave at least three quarters of a core to the service.
                await self._pause(3 * (time.monotonic() - began))

    async def _quiet(self) -> None:
        """Until nothing new has come for a moment: what comes together is saved together."""
        for _ in range(10):
            before = self.changes
            await asyncio.sleep(0.01)
            if self.changes == before:
                return

    async def _fork(self) -> bool:
        if self._closed:
            return False
        child = os.fork()
        if child == 0:
            _child()
        self._child = child
        deadline = time.monotonic() + SAVE_TIMEOUT
        pause = 0.005
        while True:
            if self._child != child:
                return False
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                self._child = 0
                return os.waitstatus_to_exitcode(status) == 0
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                self._child = 0
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)


def _child() -> None:
    """In the child of a fork: write everything and end, whatever happens."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # The listening socket above all: it must not outlive the server.
        os.closerange(3, 65536)
        os.nice(5)
        gc.disable()
        write_all()
        code = 0
    except BaseException as problem:  # noqa: BLE001 - the parent must not run twice
        sys.stderr.write(f"saving the state failed: {problem!r}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def write_all() -> None:
    """Write every service's state file, each one atomically, in MiniStack's own format.

    Only where the process is about to end: copying is switched off, since nothing changes any more."""
    import aws_copies
    from ministack import app
    from ministack.core import persistence

    aws_copies.leave_out()
    copy.deepcopy = lambda value, *_: value
    folder = Path(persistence.STATE_DIR)
    # What a killed writer left: there is one writer at a time.
    for stale in folder.glob("*.tmp"):
        stale.unlink(missing_ok=True)
    for name, state_of in app._build_persistence_save_dict().items():
        state = state_of()
        if state is None:
            continue
        whole = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
        # One string from the encoder in C: ten times as fast as json.dump.
        text = json.dumps(whole, default=persistence._json_default)
        path = folder / f"{name}.json"
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(text)
        fresh.replace(path)

"""Data folders copied for snapshots while their engine stands still, and put back.

An engine that is stopped by SIGSTOP has written to the operating system what it had acknowledged, as one that
is killed has; so a copy of its folder is what it would have found after a kill -9, of one moment, and its
clients lose no connection. With the course's dataset PostgreSQL stands still for 0.1 to 0.3 s (1,600 files),
the others for 0.01 to 0.1 s; a clean stop and a start would take 0.1 to 5 s, and throw everybody out.

::

    <engine>/data.restored    what was staged
    <engine>/data.before      what was there before a swap
    <engine>/spare            what was there before the last (:mod:`sandbox.runtimes.native.refill`)
    <engine>/restored.json    the passwords of swapped data that have others than the sandbox (0600)
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.native import process, refill
from sandbox.runtimes.native.recipe import Context, Installed
from sandbox.runtimes.native.registry import recipe
from sandbox.runtimes.snapshots import RESTORED, restored_path, write_passwords

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.engines.base import Credentials
    from sandbox.runtimes.native.runtime import NativeRuntime
    from sandbox.state import Seat

STILL_SECONDS = 30.0
"""How long it may take until all threads of an engine stand: as long as a write that is under way, and until
each has had a processor once more."""

# Reads process numbers and has all of them go on when its input ends: when we say so, or are killed.
_GUARD = 'all=; while read -r one; do all="$all $one"; done; [ -z "$all" ] || kill -CONT $all 2>/dev/null'


class _Hold:
    """An engine stopped by SIGSTOP, with a guard that outlives us."""

    def __init__(self, engine: process.Process) -> None:
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sandbox-guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # What ends our process group must not end the guard.
            start_new_session=True,
        )
        self._stopped: list[int] = []
        try:
            self._stop(engine)
        except BaseException:
            self.release()
            raise

    def _stop(self, engine: process.Process) -> None:
        # Once more until there is nobody new: a server may just have made a child before it stood.
        while fresh := [pid for pid in process.family(engine) if pid not in self._stopped]:
            for pid in fresh:
                self._tell(pid)
                self._stopped.append(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            self._await(fresh)

    def _tell(self, pid: int) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(b"%d\n" % pid)
        self._guard.stdin.flush()

    @staticmethod
    def _await(pids: list[int]) -> None:
        deadline = time.monotonic() + STILL_SECONDS
        while not all(process.stands(pid) for pid in pids):
            if time.monotonic() > deadline:
                raise EnvironmentRefusedError(
                    "The engine did not stand still to be copied.",
                    code="snapshot-busy",
                    detail=f"A thread of process {pids[0]} has been at work in the system for"
                    f" {STILL_SECONDS:g} s, most likely on a slow disk.",
                    actions=["the same command again, when the disk is less busy"],
                )
            time.sleep(0.001)

    def release(self) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            with suppress(OSError):
                self._guard.stdin.close()
        self._guard.wait()
        self._stopped = []


class NativeKeeper:
    """See :class:`sandbox.runtimes.snapshots.Keeper`."""

    def __init__(self, runtime: NativeRuntime) -> None:
        self.runtime = runtime

    def fits(self, seat: Seat, product: str, version: str) -> bool:
        found = recipe(seat.engine)
        return (product, version) == (found.product, found.version)

    def size(self, seat: Seat) -> int:
        return folder_size(seat.data)

    def passwords(self, seat: Seat) -> Credentials:
        made = self.runtime.golden_of(seat, recipe(seat.engine))
        return made.credentials if made else seat.credentials

    def settle(self, seat: Seat, endpoint: Endpoint) -> None:
        engine_named(seat.engine).flush(endpoint)
        time.sleep(recipe(seat.engine).behind_seconds)

    def hold(self, seat: Seat) -> _Hold:
        running = process.read_record(seat.run)
        if running is None or not running.alive():
            raise EnvironmentRefusedError(
                f"{seat.name} ended while it was to be copied.",
                code="engine-died",
                detail=process.tail(seat.log),
                actions=[f"sandbox logs {seat.name}", f"sandbox up {seat.name}"],
            )
        return _Hold(running)

    def save(self, seat: Seat, folder: Path) -> int:
        refill.copy(seat, seat.data, folder / "data")
        # What only a running server's folder has (PostgreSQL's lock with a number of shared memory) must not
        # come back on another day, when that number is somebody else's.
        recipe(seat.engine).recover(
            Context(Installed({}), folder / "data", folder, seat.record.ports, seat.credentials)
        )
        return folder_size(folder)

    def stage(self, seat: Seat, folder: Path) -> None:
        refill.copy(seat, folder / "data", _staged(seat))

    def swap(self, seat: Seat, was: Credentials | None) -> None:
        write_passwords(seat, was)
        if not _staged(seat).is_dir():
            return
        if seat.data.is_dir():
            shutil.rmtree(_before(seat), ignore_errors=True)
            seat.data.rename(_before(seat))
        _staged(seat).rename(seat.data)

    def swap_back(self, seat: Seat) -> None:
        if _before(seat).is_dir():
            recipe(seat.engine).discard(seat.data)
            shutil.rmtree(seat.data, ignore_errors=True)
            _before(seat).rename(seat.data)

    def recycle(self, seat: Seat, folder: Path) -> None:
        refill.keep(seat, folder / "data")

    def make_room(self, seat: Seat) -> None:
        shutil.rmtree(refill.spare(seat), ignore_errors=True)

    def left_over(self, seat: Seat) -> bool:
        return any(seat.folder.glob("data.restored*")) or _before(seat).is_dir()

    def forget(self, seat: Seat) -> None:
        for folder in seat.folder.glob("data.restored*"):
            shutil.rmtree(folder, ignore_errors=True)
        if _before(seat).is_dir() and not seat.data.is_dir():
            # A swap of which nobody knows any more, between its two renames.
            _before(seat).rename(seat.data)
        if _before(seat).is_dir():
            recipe(seat.engine).discard(_before(seat))
            refill.keep(seat, _before(seat))
        if seat.record.golden != RESTORED:
            restored_path(seat).unlink(missing_ok=True)


def _staged(seat: Seat) -> Path:
    return seat.folder / "data.restored"


def _before(seat: Seat) -> Path:
    return seat.folder / "data.before"


def folder_size(folder: Path) -> int:
    """Bytes that a copy of a folder takes on the disk."""
    total = 0
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(OSError):  # gone meanwhile
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - thousands of them
    return total


KEEPER = NativeKeeper

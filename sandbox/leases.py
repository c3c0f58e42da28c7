"""Who uses a sandbox for a while: runs of tests and ``with Sandbox(...)``. The last stops what they started.

::

    <home>/.leases.lock              held for the moment in which somebody comes or goes
    <home>/<name>/leases/<id>.lock   held by one user as long as it lives; the kernel frees it then
    <home>/<name>/leases/started     the engines that users started, one a line
    <home>/<name>/leases/passing     there when the whole sandbox exists for its users only

What a killed user leaves running is found by who comes next: to the same sandbox, or, where a whole sandbox
was left, to any other one of the same home; ``up`` and ``down --all`` look for such ones too.
"""

from __future__ import annotations

import copy
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sandbox import config
from sandbox.events import Sink, silent
from sandbox.state import write_atomic

if TYPE_CHECKING:
    from filelock import FileLock

    from sandbox.datasets import Dataset
    from sandbox.runtimes.external.addresses import Address
    from sandbox.sandbox import Sandbox

T = TypeVar("T")

FOLDER = "leases"
EXTERNAL = "external"
_GUARD = ".leases.lock"
_END_SECONDS = 30.0
"""How long a process of ours that is ending is waited for."""


class Lease:
    """One user's claim on a sandbox, from the construction to :meth:`end` or the end of the process.

    ``passing``: the sandbox exists for its users only; the last one deletes it whole. Else the last one stops
    the engines that users started, and their data stay. Several threads may have claims on one ``box``."""

    def __init__(self, box: Sandbox, *, passing: bool = False) -> None:
        self.box = box
        # What was read of the state folder is one user's: another one's thread may be changing it.
        self._own = copy.copy(box)
        self._own.forget_state()
        self._own.state.make_root()
        with _guarded():
            _sweep(besides=box.name)
            self._own.state.make_root()
            folder = box.root / FOLDER
            folder.mkdir(exist_ok=True)
            if passing:
                (folder / "passing").touch()
            self._lock = _file_lock(folder / f"{os.getpid()}-{secrets.token_hex(4)}.lock")
            self._lock.acquire()

    def need(
        self, names: Sequence[str], *, dataset: Dataset | None = None, runtime: str | None = None
    ) -> None:
        """Have these engines run and answer; those that do not run yet are started, side by side. All get the
        ``dataset``, if one is given; ``runtime`` is for engines that are new here (``external``: at the
        addresses in ``SANDBOX_EXTERNAL_<ENGINE>``). The first problem of an engine is raised; what did start
        stays until the end."""
        if not names:
            return
        with _guarded():
            self._own.state.read()
            running = self._own.running()
            # Noted before it is true: who is killed in between leaves nothing that nobody knows of.
            started = dict.fromkeys([*_started(self._folder), *(n for n in names if n not in running)])
            _note(self._folder, list(started))
        given = (lambda: dataset) if dataset else None
        try:
            if runtime == EXTERNAL:
                result = self._own.up(dataset=given, external=_addresses(names))
            else:
                result = self._own.up(names, dataset=given, runtime=runtime)
        finally:
            self.box.forget_state()
        for problem in result.failed.values():
            raise problem

    def end(self, *, settled: bool = True) -> None:
        """Give the claim back. Who is the last one stops what users started, unless ``settled`` is false:
        then somebody else calls :func:`settle`."""
        with _guarded():
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)
            if settled:
                _settle(self._own)
        self.box.forget_state()

    @property
    def _folder(self) -> Path:
        return self.box.root / FOLDER


def settle(box: Sandbox) -> None:
    """Stop what users of a sandbox started, unless one of them still lives."""
    if (box.root / FOLDER).is_dir():
        with _guarded():
            _settle(box)


def await_children(box: Sandbox) -> None:
    """Until no process that we began has a claim on a sandbox, for they are to be gone: one that was killed a
    moment ago has its claim until the kernel has ended it."""
    from sandbox.runtimes.native import process

    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        owners = [int(path.name.partition("-")[0]) for path in (box.root / FOLDER).glob("*.lock")]
        if not any(process.is_child(pid) for pid in owners):
            return
        time.sleep(0.02)


def keep(box: Sandbox, names: Sequence[str] | None = None) -> None:
    """Leave these engines (all, for None) running for good, although users of the sandbox started them: a
    person wants them now."""
    folder = box.root / FOLDER
    if (folder / "started").exists():
        with _guarded():
            _note(folder, [name for name in _started(folder) if names is not None and name not in names])


def _settle(box: Sandbox) -> None:
    folder = box.root / FOLDER
    if not folder.is_dir() or _used(folder):
        return
    if (folder / "passing").exists():
        box.down(delete=True)
        return
    started = _started(folder)
    if started:
        box.down(started)
    (folder / "started").unlink(missing_ok=True)


def sweep(sink: Sink = silent, *, used: bool = False) -> list[str]:
    """Delete the sandboxes of runs of tests that were killed; with ``used``, those of runs that go on, too.
    Returns ``<sandbox>/<engine>`` of what ran."""
    if not any(_passing()):
        return []
    with _guarded():
        return _sweep(sink, used=used)


def _sweep(sink: Sink = silent, *, besides: str = "", used: bool = False) -> list[str]:
    from sandbox.sandbox import Sandbox

    ended: list[str] = []
    for folder in list(_passing()):
        name = folder.parent.name
        if name != besides and (used or not _used(folder)):
            ended += [f"{name}/{engine}" for engine in Sandbox(name=name, sink=sink).down(delete=True)]
    return ended


def _passing() -> Iterator[Path]:
    return (mark.parent for mark in config.home().glob(f"*/{FOLDER}/passing"))


def _used(folder: Path) -> bool:
    """Whether somebody alive holds a claim. The files of the dead are removed."""
    from filelock import Timeout

    for path in folder.glob("*.lock"):
        lock = _file_lock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        path.unlink(missing_ok=True)
    return False


def _started(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return (folder / "started").read_text().split()
    return []


def _note(folder: Path, names: Sequence[str]) -> None:
    write_atomic(folder / "started", "".join(f"{name}\n" for name in names))


@contextmanager
def _guarded() -> Iterator[None]:
    with _file_lock(config.home() / _GUARD):
        yield


def _addresses(names: Sequence[str]) -> dict[str, Address]:
    from sandbox.errors import UsageError
    from sandbox.runtimes.external.addresses import parse_all

    found = parse_all(names)
    for address in found.values():
        if address.is_real_aws:
            raise UsageError(
                f"{address.host} is AWS itself, which costs money.",
                code="real-aws",
                actions=["sandbox up --external aws --yes-real-aws --name NAME   # then join that sandbox"],
            )
    return found


async def aside(act: Callable[[], T], *, undo: Callable[[], object] | None = None) -> T:
    """Do something in a thread of its own, to its end. Who is cancelled meanwhile is so afterwards, when it
    is undone."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    # Not the loop's own threads: there are few, and a start may take them for long.
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")
    work = asyncio.get_running_loop().run_in_executor(thread, act)
    thread.shutdown(wait=False)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as told:
            cancelled = told
    result = work.result()
    if cancelled is not None:
        if undo is not None:
            await aside(undo)
        raise cancelled
    return result


def _file_lock(path: Path) -> FileLock:
    from filelock import FileLock

    # Several tasks of one process are several users, in whatever threads they come and go.
    return FileLock(path, mode=0o600, thread_local=False)

"""Throwaway sandboxes: made for one command, deleted after it, whatever becomes of it.

::

    <home>/fresh-<n>.lock        held by the command that uses the sandbox
    <home>/fresh-<n>/            its state folder, as that of any sandbox
    <home>/fresh-<n>/throwaway   says that it is one of these, and no person's

A command that is killed leaves its engines running; the kernel frees its lock. The next ``up``,
``down --all`` or ``exec --fresh`` ends and deletes what has no holder. Lock files stay, so that two commands
can never hold two files of the same name; numbers are used again, so there are few.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox import config, leases
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Sink, silent
from sandbox.sandbox import Sandbox

PREFIX = "fresh-"
MARK = "throwaway"
MOST = 99
"""Throwaway sandboxes that can be there at once."""


class _Fresh(Sandbox):
    """One whose ports never are the usual ones: those are the person's own sandbox's."""

    prefers_default_ports = False

    def make(self) -> None:
        """Make its folder, marked."""
        self.state.make_root()
        (self.root / MARK).touch()

    def remove(self) -> list[str]:
        """End its engines and delete all of it; returns what ran."""
        ran: list[str] = []
        try:
            ran = self.down(delete=True)
        except SandboxError:
            # Its state file may be half written: what runs is found without it.
            self.forget_state()
            with suppress(SandboxError):
                ran = self.down(delete=True)
        shutil.rmtree(self.root, ignore_errors=True)
        self.forget_state()
        return ran


@contextmanager
def fresh(engines: Sequence[str] | None = None, *, sink: Sink = silent) -> Iterator[Sandbox]:
    """A sandbox of these engines (all of them for None or nothing), up and loaded, which nobody else uses.

    It has the first name ``fresh-<n>`` that nobody has. EnvironmentRefusedError when an engine does not
    start; nothing is left then either."""
    with _held(sink) as box:
        try:
            box.make()
            result = box.up(list(engines) if engines else None)
            for problem in result.failed.values():
                raise problem
            yield box
        finally:
            box.remove()


@contextmanager
def _held(sink: Sink) -> Iterator[_Fresh]:
    from filelock import FileLock, Timeout

    home = _home()
    for number in range(1, MOST + 1):
        name = f"{PREFIX}{number}"
        if not _ours(home / name):
            continue
        lock = FileLock(home / f"{name}.lock", mode=0o644)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            box = _Fresh(name=name, sink=sink)
            if box.exists():
                box.remove()
            yield box
        finally:
            lock.release()
        return
    raise EnvironmentRefusedError(
        f"{MOST} throwaway sandboxes are in use.",
        code="too-many-fresh",
        actions=["sandbox down --all   # ends them, and all others"],
    )


def _home() -> Path:
    home = config.home()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise EnvironmentRefusedError(
            f"The state folder {home} cannot be made: {problem}",
            code="home-unwritable",
            actions=["export SANDBOX_HOME=~/some/folder"],
        ) from problem
    return home


def _ours(root: Path) -> bool:
    """Whether a folder of that name may be deleted: it is marked, or empty (killed before the mark)."""
    return not root.exists() or (root / MARK).exists() or not any(root.iterdir())


def sweep(sink: Sink = silent, *, used: bool = False) -> list[str]:
    """Delete throwaway sandboxes that no command holds, and those of runs of tests that were killed; with
    ``used``, the others too. Returns ``<sandbox>/<engine>`` of what ran."""
    from filelock import FileLock, Timeout

    ended: list[str] = []
    for path in sorted(config.home().glob(f"{PREFIX}*.lock")):
        root = path.with_suffix("")
        if not root.exists() or not _ours(root):
            continue
        lock = FileLock(path, mode=0o644)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not used:
                continue
        try:
            ended += [f"{root.name}/{name}" for name in _Fresh(name=root.name, sink=sink).remove()]
        finally:
            lock.release()
    return ended + leases.sweep(sink, used=used)

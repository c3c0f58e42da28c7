"""Who has which namespace: records in the state folder, which outlive their process and not its claim.

::

    <home>/<name>/namespaces/<engine>.lock                held for moments, and while a template is made
    <home>/<name>/namespaces/<engine>-<pid>-<any>.names   what one holder has taken or is about to make

A holder has the kernel's lock (``flock``) on its record, which goes when its process ends, however it ends.
A name is on record before it is made and until it is gone. So whoever can lock the record of another finds
there all that a killed process has left, and nothing of anybody who lives.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError

FOLDER = "namespaces"
_SUFFIX = ".names"
_LONG = 1 << 14


class Claims:
    """The names that one holder has in one engine. ``root`` is the sandbox's state folder."""

    def __init__(self, root: Path, engine: str) -> None:
        self._folder, self._engine = root / FOLDER, engine
        self._path = self._folder / f"{engine}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._guard = threading.RLock()
        self._depth = 0
        self._names: dict[str, None] = {}
        self._file = -1
        _OURS.add(self)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self.locked():
                self._file = self._begin()
        except OSError as problem:
            raise EnvironmentRefusedError(
                f"Namespaces cannot be recorded in {self._folder}: {problem}",
                code="cannot-write",
                actions=["export SANDBOX_HOME=~/some/folder"],
            ) from problem

    @staticmethod
    def left(root: Path, engine: str) -> bool:
        """Whether there is any record, of the living or the dead."""
        return any((root / FOLDER).glob(f"{engine}-*{_SUFFIX}"))

    @property
    def names(self) -> list[str]:
        """What is on record, oldest first."""
        return list(self._names)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all processes that use namespaces of this engine; nests."""
        with self._guard:
            self._depth += 1
            try:
                if self._depth > 1:
                    yield
                    return
                descriptor = os.open(
                    self._folder / f"{self._engine}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                try:
                    # Not a FileLock: that one asks again every 50 ms, and this is on the way of every test.
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    yield
                finally:
                    os.close(descriptor)
            finally:
                self._depth -= 1

    def add(self, name: str) -> None:
        """Record a name that nobody else can have, before it is made."""
        with self._guard:
            self._names[name] = None
            self._note(f"+{name}\n")

    def choose(self, pick: Callable[[set[str]], str]) -> str:
        """Record the name that ``pick`` finds, given those that anybody has on record."""
        with self.locked():
            taken = {name for path in self._records() for name in _read(path)}
            name = pick(taken)
            self.add(name)
            return name

    def remove(self, name: str) -> None:
        """Forget a name whose namespace is gone."""
        with self._guard:
            if name not in self._names:
                return
            del self._names[name]
            self._note(f"-{name}\n")
            if os.fstat(self._file).st_size > _LONG:
                with self.locked():
                    old, self._file = self._file, self._begin()
                    os.close(old)

    def sweep(self, drop: Callable[[str], None]) -> None:
        """Drop what holders that are gone have left. What cannot be dropped stays on record."""
        with self.locked():
            for path in self._others():
                with _held_if_free(path) as free:
                    if not free:
                        continue
                    left = [name for name in _read(path) if not _did(drop, name)]
                    if not left:
                        path.unlink(missing_ok=True)

    def alone(self) -> bool:
        """Whether no other holder lives."""
        with self.locked():
            for path in self._others():
                with _held_if_free(path) as free:
                    if not free:
                        return False
        return True

    def end(self) -> None:
        """Forget the record, or leave it to be swept when there still are names on it."""
        with self._guard:
            if self._file >= 0:
                if not self._names:
                    self._path.unlink(missing_ok=True)
                os.close(self._file)
                self._file = -1
            _OURS.discard(self)

    def abandon(self) -> None:
        """In a forked child: record and lock are its parent's alone, and end with that."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self) -> int:
        """The record anew under its name, locked by us from its first moment; the engine's lock is held."""
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, "".join(f"+{name}\n" for name in self._names).encode())
        fresh.replace(self._path)
        return descriptor

    def _note(self, line: str) -> None:
        # One write of one line: another process sees it whole or not at all.
        os.write(self._file, line.encode())

    def _records(self) -> list[Path]:
        return list(self._folder.glob(f"{self._engine}-*{_SUFFIX}"))

    def _others(self) -> list[Path]:
        return [path for path in self._records() if path != self._path]


def _abandon_all() -> None:
    for claims in list(_OURS):
        claims.abandon()


_OURS: weakref.WeakSet[Claims] = weakref.WeakSet()
os.register_at_fork(after_in_child=_abandon_all)


def _did(drop: Callable[[str], None], name: str) -> bool:
    try:
        drop(name)
    except Exception:  # noqa: BLE001 - of any driver; who comes next tries again
        return False
    return True


def _read(path: Path) -> list[str]:
    names: dict[str, None] = {}
    with suppress(FileNotFoundError):
        for line in path.read_text().splitlines():
            if line.startswith("+"):
                names[line[1:]] = None
            else:
                names.pop(line[1:], None)
    return list(names)


@contextmanager
def _held_if_free(path: Path) -> Iterator[bool]:
    """Whether a record's holder is gone; while the context lasts nobody else finds so."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)

"""Second processes of an engine: fresh, apart from the sandbox's own, gone when they are not needed any more.

An exercise of replication, of a crash or of a setting cannot use the engine that everybody uses. It gets an
instance: a sandbox inside the sandbox, with a data folder, passwords and ports of its own.

::

    <home>/<name>/instances/<engine>-<key>.lock   held by the command that uses the instance
    <home>/<name>/instances/<engine>-<key>        its state folder, as that of any sandbox; where there is
                                                  room, a link to a folder in memory: files there are made
                                                  and deleted ten times as fast

A command that is killed leaves its instance running; the kernel frees its lock. The next ``up``, ``down`` or
``status`` of the sandbox, and the next instance of the same key, end what has no holder.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.down import taken_down
from sandbox.endpoint import Endpoint
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import UsageError
from sandbox.events import Sink, silent
from sandbox.memory_folder import new_folder, watched
from sandbox.sandbox import Sandbox
from sandbox.state import State
from sandbox.status import endpoint_of

if TYPE_CHECKING:
    from filelock import FileLock

    from sandbox.datasets import Dataset
    from sandbox.grading.place import Place

FOLDER = "instances"
_KEY = re.compile(r"[a-z0-9]{1,24}")


class _Inner(Sandbox):
    """A sandbox in the folder of another one."""

    prefers_default_ports = False

    def __init__(self, parent: Sandbox, label: str, sink: Sink) -> None:
        super().__init__([label.partition("-")[0]], name=f"{parent.name}.{label}", sink=sink)
        self._place = parent.root / FOLDER / label

    @property
    def root(self) -> Path:
        return self._place

    @property
    def state(self) -> State:
        if self._state is None:
            self._state = State(self.name, self.root)
        return self._state

    def place_in_memory(self) -> None:
        """Have its folder in memory where there is room for it."""
        folder = new_folder()
        if folder is not None:
            self.root.symlink_to(folder)

    @contextmanager
    def watched(self, engine: str) -> Iterator[None]:
        """Kill the engine when its folder in memory grows beyond measure."""
        if not self.root.is_symlink():
            yield
            return
        with watched(self.root.readlink(), lambda: self._overflow(engine)):
            yield

    def _overflow(self, engine: str) -> None:
        for name in (engine, *self.state.replicas(engine)):
            self.runtime.kill(self.seat(name))

    def remove(self) -> None:
        """End and delete it, and what was left of an earlier one."""
        self.down(delete=True)
        if self.root.is_symlink():
            shutil.rmtree(self.root.readlink(), ignore_errors=True)
            self.root.unlink()
        self.forget_state()


class Instance:
    """A process of an engine that its user has alone. Made by :func:`instance`."""

    def __init__(self, parent: Sandbox, box: Sandbox, engine: str) -> None:
        self._parent, self._box, self.engine = parent, box, engine
        self.killed = False

    @property
    def place(self) -> Place:
        """What grading needs to know of it."""
        from dataclasses import replace

        return replace(self._box.place(self.engine), instance=None, neighbour=self._parent.place)

    @property
    def endpoint(self) -> Endpoint:
        """The administrator's; EnvironmentRefusedError while it does not run."""
        return self._box.endpoint(self.engine)

    @property
    def replicas(self) -> list[Endpoint]:
        """The administrator's endpoints of its replicas, running or not."""
        return [endpoint_of(self._box.seat(name)) for name in self._box.state.replicas(self.engine)]

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would, and see it gone."""
        self.killed = True
        self._box.runtime.kill(self._box.seat(self.engine))

    def stop(self) -> None:
        """End it cleanly. Its replicas go on."""
        self._box.runtime.stop(self._box.seat(self.engine), self._box.sink)

    def start(self) -> None:
        """Start it, and replicas of it that ended, on the same data and ports. What runs is kept."""
        self.killed = False
        if not self._box.root.exists():
            raise taken_down(self._parent, self.engine)
        result = self._box.up([self.engine])
        for problem in result.failed.values():
            raise problem

    def restart(self) -> None:
        """End it cleanly and start it again."""
        self.stop()
        self.start()


@contextmanager
def instance(
    parent: Sandbox,
    engine: str,
    key: str,
    *,
    replicas: int = 0,
    options: Mapping[str, str] | None = None,
    dataset: bool = False,
    sink: Sink = silent,
) -> Iterator[Instance]:
    """A fresh second process of an engine, deleted when the context ends.

    ``key`` (1 to 24 of a-z, 0-9) tells instances of one engine apart; who asks for one that is in use waits.
    ``replicas`` says how many copies follow it, ``options`` which settings of the engine's own configuration
    file differ from the recipe's. With ``dataset`` it holds what the sandbox's own engine was given; without,
    it may hold that too, where copying it is the fastest way to a running engine, and is empty in the others
    (redis). One whose folder in memory grows beyond a gibibyte is killed. UsageError for an engine that has
    no replicas, EnvironmentRefusedError when it does not start."""
    name = engine_named(engine).name
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} cannot be the key of an instance.", code="bad-name")
    label = f"{name}-{key}"
    box = _Inner(parent, label, sink)
    with _lock(parent, label):
        box.remove()
        try:
            box.place_in_memory()
            above = parent.seat(name).record
            record = box.state.seat(name, above.runtime).record
            record.options, record.provider = dict(options or {}), above.provider
            box.state.save()
            data = _dataset(parent, name, wanted=dataset)
            for problem in box.up([name], dataset=lambda: data, replicas=replicas or None).failed.values():
                raise problem
            with box.watched(name):
                yield Instance(parent, box, name)
        except FileNotFoundError as gone:
            if os.path.lexists(box.root):
                raise
            raise taken_down(parent, name) from gone
        finally:
            box.remove()


def _dataset(parent: Sandbox, name: str, *, wanted: bool) -> Dataset:
    from sandbox.datasets import Dataset

    if not wanted and parent.runtime.facts(parent.seat(name)).empty_is_fast:
        return Dataset.empty()
    return parent.dataset(name) if name in parent.state.engines else Dataset.course()


def _lock(parent: Sandbox, label: str) -> FileLock:
    from filelock import FileLock

    parent.state.make_root()
    folder = parent.root / FOLDER
    folder.mkdir(exist_ok=True)
    # Engines that run as a lesser user under root pass through.
    folder.chmod(0o711)
    return FileLock(folder / f"{label}.lock", mode=0o644)


def sweep(parent: Sandbox, engines: Sequence[str], *, used: bool = False) -> None:
    """Delete the instances of these engines that no command holds; with ``used``, the others too."""
    from filelock import Timeout

    with suppress(FileNotFoundError):
        for root in sorted((parent.root / FOLDER).iterdir()):
            if root.suffix == ".lock" or root.name.partition("-")[0] not in engines:
                continue
            lock = _lock(parent, root.name)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if not used:
                    continue
            try:
                _Inner(parent, root.name, parent.sink).remove()
            finally:
                lock.release()

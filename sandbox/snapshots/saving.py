"""``snapshot save``, ``list`` and ``delete``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.registry import NAMES, chosen
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.native import process
from sandbox.runtimes.snapshots import Hold, Keeper, keeper
from sandbox.snapshots.manifest import SavedEngine, Snapshot, Store, check_name, check_room
from sandbox.snapshots.restoring import check_ours, finish
from sandbox.state import Seat
from sandbox.status import endpoint_of

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox


def save(box: Sandbox, name: str, engines: Sequence[str] | None = None, *, force: bool = False) -> Snapshot:
    """Save the data of engines (None: of all that have some), running or stopped, as they are at one moment.

    ``force`` replaces a snapshot of that name. Nothing is to be seen of a save that fails or is killed."""
    check_name(name)
    given = chosen(list(engines)) if engines else None
    if not box.exists():
        raise _nothing(box, given or [])
    with box.state.locked(box.sink), process.marked(box.helpers_mark):
        finish(box)
        store = Store(box)
        store.tidy()
        if store.folder(name).is_dir() and not force:
            raise UsageError(
                f"Sandbox {box.name!r} has a snapshot {name!r} already.",
                code="snapshot-exists",
                actions=[
                    f"sandbox snapshot save {name} --force{box.name_option}   # replaces it",
                    f"sandbox snapshot list{box.name_option}",
                ],
            )
        return _Save(box, store, name, _wanted(box, given)).run()


def listed(box: Sandbox) -> list[Snapshot]:
    """All snapshots of a sandbox, the oldest first; of one that cannot be read only name and problem."""
    store, found = Store(box), []
    for name in store.names():
        try:
            found.append(store.read(name))
        except SandboxError as error:
            found.append(Snapshot(name, "", {}, error.title))
    return found


def delete(box: Sandbox, name: str) -> None:
    """Delete a snapshot, readable or not; UsageError when there is none of that name."""
    store = Store(box)
    store.find(name)
    with box.state.locked(box.sink):
        finish(box)
        store.tidy()
        store.remove(name)


def _wanted(box: Sandbox, given: Sequence[str] | None) -> list[str]:
    for name in given or ():
        if name in box.state.engines:
            check_ours(box, name)
    seats = [box.seat(n) for n in NAMES if n in box.state.engines]
    there = [s.name for s in seats if _copied(box, s) and box.runtime.has_data(s)]
    missing = [n for n in given or () if n not in there]
    if missing or not there:
        raise _nothing(box, missing)
    for name in there if given is None else ():
        check_ours(box, name)
    return list(given or there)


def _copied(box: Sandbox, seat: Seat) -> bool:
    facts = box.runtime.facts(seat)
    return facts.ours and facts.keeps


def _nothing(box: Sandbox, missing: Sequence[str]) -> EnvironmentRefusedError:
    what = f"no data of {', '.join(missing)}" if missing else "no data"
    return EnvironmentRefusedError(
        f"Sandbox {box.name!r} has {what} that could be saved.",
        code="snapshot-nothing",
        actions=[" ".join(["sandbox up", *missing]) + box.name_option],
    )


class _Save:
    """One save; the sandbox's lock is held."""

    def __init__(self, box: Sandbox, store: Store, name: str, wanted: list[str]) -> None:
        self.box, self.store, self.name, self.wanted = box, store, name, wanted
        self.seats = {n: box.seat(n) for n in wanted}
        self.keepers: Mapping[str, Keeper] = {n: keeper(box.runtime.of(s)) for n, s in self.seats.items()}
        self.clocks = {n: Clock(n, box.sink) for n in wanted}
        self.sizes: dict[str, int] = {}
        self.running = [n for n in wanted if box.runtime.observe(self.seats[n], memory=False).alive]

    def run(self) -> Snapshot:
        check_room(self.box, sum(self.keepers[n].size(self.seats[n]) for n in self.wanted))
        fresh = self.store.begin()
        try:
            self.box.each(self.running, self._settle)
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            self._copy(fresh)
            made = {n: self._facts(n) for n in self.wanted}
            snapshot = Snapshot(self.name, moment, made)
            passwords = {n: self.keepers[n].passwords(self.seats[n]) for n in self.wanted}
            self.store.keep(fresh, snapshot, passwords, self._recycle)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        return snapshot

    def _settle(self, name: str) -> None:
        with self.clocks[name].phase("settle"):
            self.keepers[name].settle(self.seats[name], endpoint_of(self.seats[name]))

    def _copy(self, fresh: Path) -> None:
        """All engines stand still before the first is copied, and each goes on once it is."""
        holds: dict[str, Hold] = {}

        def copy(name: str) -> None:
            folder = fresh / name
            folder.mkdir()
            with self.clocks[name].phase("copy"):
                self.sizes[name] = self.keepers[name].save(self.seats[name], folder)
            if name in holds:
                holds[name].release()

        try:
            for name in self.running:
                holds[name] = self.keepers[name].hold(self.seats[name])
            self.box.each(self.wanted, copy)
        finally:
            for hold in holds.values():
                hold.release()

    def _recycle(self, name: str, folder: Path) -> None:
        self.keepers[name].recycle(self.seats[name], folder)

    def _facts(self, name: str) -> SavedEngine:
        record, facts = self.seats[name].record, self.box.runtime.facts(self.seats[name])
        return SavedEngine(
            runtime=record.runtime,
            version=record.version or facts.version,
            product=record.product or facts.product,
            dataset=record.dataset,
            dataset_label=record.dataset_label,
            scale=record.scale,
            replicas=len(self.box.state.replicas(name)),
            bytes=self.sizes[name],
        )

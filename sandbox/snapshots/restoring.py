"""``snapshot restore``: data made ready beside the engines' own, put into their place, engines started.

Up to the moment in which ``restore.json`` is written a restore that is killed leaves the old data, and from
then on the new: the next ``up`` or ``snapshot`` does what is left to do. By then the engines are stopped, so
that nobody writes into data that are about to be replaced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sandbox.engines.base import Credentials
from sandbox.engines.registry import NAMES, chosen
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.events import Said
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.native import process
from sandbox.runtimes.snapshots import Keeper, keeper
from sandbox.snapshots.manifest import SavedEngine, Snapshot, Store, check_room
from sandbox.state import RESTORE, EngineRecord, Seat, replica_name, write_atomic
from sandbox.status import endpoint_of

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox


def restore(box: Sandbox, name: str, engines: Sequence[str] | None = None) -> Snapshot:
    """Give engines (None: all of the snapshot) the data back that they had when it was saved.

    Engines that run, or died, run again afterwards, their replicas with copies of the new data; those that
    are stopped stay so. When one does not start on its data, all get the data back that they had before."""
    store = Store(box)
    store.find(name)
    with box.state.locked(box.sink), process.marked(box.helpers_mark):
        finish(box)
        store.tidy()
        snapshot = store.read(name)
        given = chosen(list(engines)) if engines else list(snapshot.engines)
        missing = [n for n in given if n not in snapshot.engines]
        if missing:
            raise UsageError(
                f"Snapshot {name!r} does not have {' and '.join(missing)}.",
                code="snapshot-without-engine",
                detail=f"It has: {', '.join(snapshot.engines)}.",
                actions=[f"sandbox snapshot restore {name}{box.name_option}"],
            )
        new = [n for n in given if n not in box.state.engines]
        try:
            for n in given:
                _check(box, snapshot, n)
            work = _Restore(box, store, snapshot, given)
            work.make_ready()
        except BaseException:
            # The next `up` chooses anew how they run.
            for n in new:
                box.state.forget(n)
            raise
        work.run()
    return snapshot


def finish(box: Sandbox) -> None:
    """Do what a killed restore left to be done; the sandbox's lock must be held."""
    path = box.root / RESTORE
    if not path.exists():
        _forget_leftovers(box)
        return
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        name = str(document["snapshot"])
        known = {
            n: entry for n, entry in document["engines"].items() if n in NAMES and n in box.state.engines
        }
        entries = {n: (SavedEngine(**e["saved"]), Credentials(**e["passwords"])) for n, e in known.items()}
        before = {n: EngineRecord(**e["before"]) for n, e in known.items() if "before" in e}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise EnvironmentRefusedError(
            f"{path} cannot be read: {problem}.",
            code="snapshot-unreadable",
            detail="It says which restore was interrupted. Without it each engine has either data, whole.",
            actions=[f"rm {path}", "sandbox snapshot restore NAME"],
        ) from problem
    box.sink(Said(f"The restore of snapshot {name!r} was interrupted; it is finished now."))
    for engine, (saved, passwords) in entries.items():
        _stop(box, engine)
        if engine in before:
            _put_back(box, engine, before[engine])
        else:
            _put(box, engine, saved, passwords)
    box.state.save()
    path.unlink()
    for engine in entries:
        _keeper(box, engine).forget(box.seat(engine))


def _forget_leftovers(box: Sandbox) -> None:
    mine = [n for n in NAMES if n in box.state.engines and box.runtime.facts(box.seat(n)).ours]
    left = [n for n in mine if _keeper(box, n).left_over(box.seat(n))]
    if left:
        # The copy that a killed command began may still be at work.
        box.end_helpers()
    for name in left:
        _keeper(box, name).forget(box.seat(name))


def _keeper(box: Sandbox, engine: str) -> Keeper:
    return keeper(box.runtime.of(box.seat(engine)))


def _check(box: Sandbox, snapshot: Snapshot, engine: str) -> None:
    """That the engine here can run on the data; a new engine gets its record."""
    saved, option = snapshot.engines[engine], box.name_option
    seat = box.state.seat(engine, saved.runtime)
    check_ours(box, engine)
    if seat.record.runtime != saved.runtime:
        raise EnvironmentRefusedError(
            f"Snapshot {snapshot.name!r} has {engine} as the runtime {saved.runtime} keeps it; here"
            f" {seat.record.runtime} runs it.",
            code="snapshot-other-runtime",
            detail="Data of one runtime are not of the form of another's.",
            actions=[
                f"sandbox down {engine} --delete{option}   # deletes what it has now",
                f"sandbox snapshot restore {snapshot.name} {engine}{option}",
            ],
        )
    if not _keeper(box, engine).fits(seat, saved.product, saved.version):
        facts = box.runtime.facts(seat)
        raise EnvironmentRefusedError(
            f"Snapshot {snapshot.name!r} is of {saved.product} ({saved.version}); this sandbox runs"
            f" {facts.product} ({facts.version}).",
            code="snapshot-other-version",
            detail="An engine may not start on data of another version, or change them for good.",
            actions=[
                "restore it with the version of sandbox that saved it, and take the data out there",
                f"sandbox snapshot delete {snapshot.name}{option}",
            ],
        )


def check_ours(box: Sandbox, engine: str) -> None:
    """EnvironmentRefusedError when the engine is somebody else's, whose data nobody but they can copy, keeps
    none outside of its memory, or has a part of them only."""
    facts = box.runtime.facts(box.seat(engine))
    if not facts.keeps:
        raise EnvironmentRefusedError(
            f"{facts.product} keeps its data in its memory only: there is nothing to save or to restore.",
            code="snapshot-nothing",
            actions=[f"sandbox up {engine} --name other   # one by the usual provider"],
        )
    if not box.runtime.facts(box.seat(engine)).ours:
        from sandbox.runtimes.external.guard import cannot

        raise cannot(engine_named(engine), "its data are not ours to copy and to replace")
    nodes = 1 + len(box.state.replicas(engine))
    if facts.forms_ring and nodes > 1:
        raise EnvironmentRefusedError(
            f"{engine} has {nodes} nodes here, each with a part of the ring: no snapshot is made of them.",
            code="snapshot-ring",
            actions=[
                f"sandbox snapshot save NAME ENGINE{box.name_option}   # of the other engines",
                f"sandbox up {engine} --name other   # a single node",
            ],
        )


def _stop(box: Sandbox, engine: str, *, soon: bool = False) -> None:
    """End an engine and its replicas at once: their data are replaced. ``soon``: it is started again then."""
    for name in box.state.replicas(engine):
        box.runtime.stop(box.seat(name), box.sink, abort=True)
    if soon:
        box.runtime.halt(box.seat(engine), box.sink)
    else:
        box.runtime.stop(box.seat(engine), box.sink, abort=True)


def _put(box: Sandbox, engine: str, saved: SavedEngine, passwords: Credentials) -> None:
    """Swap the data of an engine that does not run; once more is as good as once. Its replicas lose theirs,
    so that they are made anew."""
    seat = box.seat(engine)
    record = seat.record
    record.dataset, record.dataset_label, record.scale = saved.dataset, saved.dataset_label, saved.scale
    record.version, record.product = saved.version, saved.product
    _keeper(box, engine).swap(seat, passwords if passwords != seat.credentials else None)
    _empty_replicas(box, engine)


def _put_back(box: Sandbox, engine: str, before: EngineRecord) -> None:
    """Undo what :func:`_put` did."""
    seat = box.seat(engine)
    vars(seat.record).update(vars(before))
    _keeper(box, engine).swap_back(seat)
    _empty_replicas(box, engine)


def _empty_replicas(box: Sandbox, engine: str) -> None:
    for name in box.state.replicas(engine):
        seat = box.seat(name)
        box.runtime.delete(seat)
        seat.record.follows, seat.record.golden = None, ""


class _Restore:
    """One restore; the sandbox's lock is held."""

    def __init__(self, box: Sandbox, store: Store, snapshot: Snapshot, engines: list[str]) -> None:
        self.box, self.snapshot, self.engines = box, snapshot, engines
        self.folder = store.folder(snapshot.name)
        self.passwords = store.passwords(snapshot.name)
        self.seats: dict[str, Seat] = {n: box.seat(n) for n in engines}
        self.clocks = {n: Clock(n, box.sink) for n in engines}
        self.alive = [n for n in engines if box.runtime.observe(self.seats[n], memory=False).alive]
        self.to_start = [n for n in engines if n in self.alive or self.seats[n].record.wanted]

    def make_ready(self) -> None:
        """Copy the data beside those of the engines, which go on meanwhile."""
        check_room(self.box, sum(self.snapshot.engines[n].bytes for n in self.engines))
        try:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self._warm)
                self.box.each(self.engines, self._stage)
        except BaseException:
            self.box.each(self.engines, self._forget)
            raise

    def _warm(self) -> None:
        """Load the drivers that the start will need while others copy."""
        for name in self.to_start:
            engine_named(name).warm(endpoint_of(self.seats[name]))

    def _stage(self, name: str) -> None:
        with self.clocks[name].phase("copy"):
            _keeper(self.box, name).stage(self.seats[name], self.folder / name)

    def run(self) -> None:
        """Stop, swap, start."""
        box = self.box
        box.each(self.alive, self._settle)
        box.each(self.engines, lambda name: _stop(box, name, soon=name in self.to_start))
        before = {name: copy(self.seats[name].record) for name in self.engines}
        # Who finishes it must know of engines that are new, and their passwords.
        box.state.save()
        self._note({})
        box.each(self.engines, self._put)
        box.state.save()
        (box.root / RESTORE).unlink()
        failed = self._start()
        primaries = {n: error for n, error in failed.items() if n in self.engines}
        if primaries:
            self._back(before)
            raise self._not_started(*next(iter(primaries.items())))
        box.each(self.engines, self._forget)
        for name in self.to_start:
            self._forsake(name)
        for error in failed.values():
            raise error

    def _put(self, name: str) -> None:
        _put(self.box, name, self.snapshot.engines[name], self.passwords[name])

    def _forget(self, name: str) -> None:
        _keeper(self.box, name).forget(self.seats[name])

    def _forsake(self, name: str) -> None:
        """Have an engine forget replicas that it had when it was saved and has no more."""
        for number in range(1, self.snapshot.engines[name].replicas + 1):
            if replica_name(name, number) not in self.box.state.replicas(name):
                plain = replica_name(name, number).replace("-", "_")
                engine_named(name).forsake(endpoint_of(self.seats[name]), plain)

    def _note(self, before: dict[str, EngineRecord]) -> None:
        """Write the journal; with ``before`` it is the way back that must be finished."""
        entries: dict[str, dict[str, Any]] = {}
        for name in self.engines:
            saved, passwords = self.snapshot.engines[name], self.passwords[name]
            entries[name] = {"saved": asdict(saved), "passwords": asdict(passwords)}
            if name in before:
                entries[name]["before"] = asdict(before[name])
        document = {"snapshot": self.snapshot.name, "engines": entries}
        write_atomic(self.box.root / RESTORE, json.dumps(document) + "\n")

    def _settle(self, name: str) -> None:
        # For the way back. An engine that cannot any more has to be restored all the same.
        with suppress(Exception):
            _keeper(self.box, name).settle(self.seats[name], endpoint_of(self.seats[name]))

    def _start(self) -> dict[str, SandboxError]:
        from sandbox.up import BringUp

        if not self.to_start:
            return {}
        return BringUp(self.box, self.to_start, None, {}, None, offline=True, memory=None).act().failed

    def _back(self, before: dict[str, EngineRecord]) -> None:
        """All engines on the data that they had."""
        box = self.box
        box.each(self.engines, lambda name: _stop(box, name))
        self._note(before)
        for name, record in before.items():
            _put_back(box, name, record)
        box.state.save()
        (box.root / RESTORE).unlink()
        box.each(self.engines, self._forget)
        self._start()

    def _not_started(self, name: str, error: SandboxError) -> EnvironmentRefusedError:
        return EnvironmentRefusedError(
            f"{name} does not start on the data of snapshot {self.snapshot.name!r}; what was there before is"
            " back.",
            code="snapshot-not-started",
            detail=f"{error.title}\n{error.detail}".rstrip(),
            actions=[f"sandbox logs {name}{self.box.name_option}", *error.actions],
        )

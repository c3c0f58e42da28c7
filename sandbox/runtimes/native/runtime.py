"""The native runtime: engines as processes made from fetched artifacts, the same way for every recipe."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, silent
from sandbox.runtimes import ports
from sandbox.runtimes.base import Observed, Started
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.native import golden, process, replicas
from sandbox.runtimes.native.build import Build
from sandbox.runtimes.native.launch import Launch, end
from sandbox.runtimes.native.recipe import Context, Installed, Recipe
from sandbox.runtimes.native.registry import check_platform, recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from sandbox.datasets import Dataset


class NativeRuntime:
    """Processes of this machine. ``cache`` is shared by all sandboxes."""

    name = "native"

    def __init__(self, cache: Path | None = None, cancelled: threading.Event | None = None) -> None:
        self.cache = cache or config.cache()
        self.user = process.lesser_user()
        self.cancelled = cancelled or threading.Event()
        """Set from another thread: every start in progress gives up and cleans up after itself."""

    def facts(self, engine: str) -> Recipe:
        """The engine's recipe."""
        return recipe(engine)

    def missing(self, engine: str) -> int:
        """Bytes of artifacts that are not in the cache."""
        from sandbox.runtimes.native.artifacts import missing

        return sum(artifact.size for artifact in missing(recipe(engine).groups, self.cache))

    def needs(self, engine: str) -> int:
        """MiB of disk for install, golden copy and data; 0 when there is a golden copy."""
        found = recipe(engine)
        return 0 if (self.kept(found) / "golden" / engine).is_dir() else found.disk_mib

    def bin(self, engine: str) -> tuple[Path, ...]:
        """Folders with the engine's own clients."""
        return self.installed(engine, silent).bin

    def has_data(self, seat: Seat) -> bool:
        """Whether it has a data folder."""
        return seat.data.is_dir()

    def is_copy(self, seat: Seat) -> bool:
        """Whether a replica's data folder may be made anew when it does not start on it."""
        return recipe(seat.engine).is_copy(seat.data)

    def fetch(self, engines: Sequence[str], sink: Sink, *, offline: bool) -> None:
        """Bring the artifacts of all engines into the cache, concurrently; then unpack them one by one
        where they are not yet unpacked."""
        from sandbox.runtimes.native.fetch import fetch
        from sandbox.runtimes.native.java import find_java

        for name in engines:
            check_platform(name)
        groups = [group for name in engines for group in recipe(name).groups]
        self._make_cache()
        for majors in {recipe(name).java for name in engines if recipe(name).java}:
            try:
                find_java(majors, cache=self.cache, offline=True)
            except EnvironmentRefusedError:
                groups.append(f"java-{majors[0]}")
        fetch(groups, cache=self.cache, sink=sink, offline=offline)

    def installed(self, engine: str, sink: Sink, *, offline: bool = True) -> Installed:
        """Where the engine's artifacts lie unpacked."""
        check_platform(engine)
        self._make_cache()
        return recipe(engine).install(self.cache, sink, offline=offline)

    def _make_cache(self) -> None:
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise EnvironmentRefusedError(
                f"The cache folder {self.cache} cannot be made: {problem}",
                code="cache-not-writable",
                actions=["export SANDBOX_CACHE=~/some/folder"],
            ) from problem

    # -- start ---------------------------------------------------------------------------------------

    def start(
        self,
        seat: Seat,
        dataset: Dataset,
        sink: Sink,
        *,
        offline: bool = False,
        save: Callable[[], None] = lambda: None,
    ) -> Started:
        """Bring one engine up on its data folder, made from the golden copy when there is none yet.

        Leaves nothing running when it fails. ``save`` keeps the seat's record, which is changed here."""
        found = recipe(seat.engine)
        engine = engine_named(seat.engine)
        clock = Clock(seat.engine, sink)
        with clock.phase("install"):
            installed = self.installed(seat.engine, sink, offline=offline)
        archive = golden.archive(self.cache, found, installed)
        rows: dict[str, int] = {}
        if not seat.data.is_dir():
            rows = self._data_from_golden(seat, found, engine, installed, archive, dataset, clock, save)
        made = self.golden_of(seat, found)
        old = made.credentials if made else None
        context = self.context(seat, installed, archive)
        if not rows:
            found.recover(context)
        launch = Launch(engine, found, context, seat.run, seat.log, seat.mark, clock, self.cancelled)
        running = launch.start()
        try:
            port = seat.record.ports["main"]
            new = engine.endpoint(ports.HOST, port, seat.credentials)
            first = engine.endpoint(ports.HOST, port, old) if old else new
            launch.wait([new, first] if old else [new])
            if made:
                with clock.phase("secure"):
                    engine.secure(first, new, seat.credentials)
                    launch.await_answers([new], times=1)
                if rows and golden.unchecked(made) and not golden.settle(made, engine.counts(new), made.rows):
                    raise self._incomplete(seat, found)
                seat.record.golden = ""
        except BaseException:
            launch.end()
            if rows and made and not made.folder.exists():
                shutil.rmtree(seat.data, ignore_errors=True)
            raise
        seat.record.version = found.version
        seat.record.product = found.product
        return Started(seat.engine, running.pid, clock.seconds, clock.phases, rows)

    def prepare(
        self,
        seat: Seat,
        dataset: Dataset,
        sink: Sink,
        *,
        offline: bool = False,
        save: Callable[[], None] = lambda: None,
    ) -> None:
        """Make the data folder of an engine that has none yet, without starting it."""
        found, engine = recipe(seat.engine), engine_named(seat.engine)
        installed = self.installed(seat.engine, sink, offline=offline)
        archive = golden.archive(self.cache, found, installed)
        clock = Clock(seat.name, sink)
        self._data_from_golden(seat, found, engine, installed, archive, dataset, clock, save)

    def copy_at_rest(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Give a replica a copy of the data folder of its primary, which does not run."""
        replicas.copy_at_rest(seat, primary, sink)

    def start_replica(self, seat: Seat, primary: Seat, sink: Sink) -> Started:
        """Bring one replica up and have it follow its primary, which runs; with data from there when it has
        none yet. Leaves nothing running when it fails."""
        return replicas.start(self, seat, primary, sink)

    def await_replica(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Until a replica that runs follows its primary again, which was just started; a warning when it
        does not."""
        replicas.wait_again(self, seat, primary, sink)

    def kept(self, found: Recipe) -> Path:
        """The folder that golden copies of an engine are kept in: the cache where it is ours."""
        return golden.root(self.cache, found.engine)

    def golden_of(self, seat: Seat, found: Recipe) -> golden.Golden | None:
        """The golden copy whose passwords the data folder still has, or the snapshot."""
        return golden.of_seat(self.kept(found), found, seat)

    def _incomplete(self, seat: Seat, found: Recipe) -> EnvironmentRefusedError:
        return EnvironmentRefusedError(
            f"The prepared data folder of {found.product} did not hold the whole dataset; it was removed.",
            code="golden-incomplete",
            actions=[f"sandbox up {seat.engine}   # prepares it anew", f"sandbox logs {seat.engine}"],
        )

    def _data_from_golden(
        self,
        seat: Seat,
        found: Recipe,
        engine: Engine,
        installed: Installed,
        archive: Path | None,
        dataset: Dataset,
        clock: Clock,
        save: Callable[[], None],
    ) -> dict[str, int]:
        golden_key = golden.key(found, dataset.hash, durable=seat.record.durable)
        made = golden.find(self.kept(found), found, golden_key)
        if made is None or (archive is not None and not archive.exists()):
            made = Build(
                self.kept(found),
                seat,
                found,
                engine,
                installed,
                archive,
                dataset,
                golden_key,
                clock,
                self.user,
                self.cancelled,
            ).make()
        with clock.phase("copy"):
            # Known before the data is there: whichever of the two passwords the folder has is tried.
            seat.record.golden = golden_key
            save()
            golden.take(made, seat.data)
        return made.rows

    def context(
        self, seat: Seat, installed: Installed, archive: Path | None, primary: Endpoint | None = None
    ) -> Context:
        """What the recipe needs to say what to run, with a fresh work folder."""
        if seat.work.exists():
            shutil.rmtree(seat.work)
        seat.work.mkdir(parents=True)
        seat.work.chmod(0o700)
        process.own(seat.work, self.user)
        self._check_reachable(seat.data)
        return Context(
            installed=installed,
            data=seat.data,
            work=seat.work,
            ports=dict(seat.record.ports),
            credentials=seat.credentials,
            user=self.user,
            archive=archive if archive is not None and archive.exists() else None,
            durable=seat.record.durable,
            options=seat.record.options,
            primary=primary,
            number=seat.replica,
        )

    def _check_reachable(self, folder: Path) -> None:
        if self.user is None:
            return
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                raise EnvironmentRefusedError(
                    f"{parent} keeps others out, so engines cannot reach {folder}.",
                    code="home-unreachable",
                    detail=f"As root, engines run as the user {self.user!r}, for PostgreSQL refuses root.",
                    actions=["export SANDBOX_HOME=/var/lib/sandbox", f"chmod o+x {parent}"],
                )

    def make_spares(self, seats: Sequence[Seat], dataset: Dataset) -> None:
        """Copy golden folders ahead for the next sandbox, in the background."""
        for seat in seats:
            found = recipe(seat.engine)
            made = golden.find(
                self.kept(found), found, golden.key(found, dataset.hash, durable=seat.record.durable)
            )
            if made is not None and golden.beside(made, seat.folder):
                golden.make_spare(made)

    # -- stop, look ----------------------------------------------------------------------------------

    def stop(self, seat: Seat, sink: Sink, *, abort: bool = False) -> bool:
        """End the engine and whatever else of it runs; True when something ran. Works without the recipe's
        artifacts and from the records alone. ``abort`` ends it at once: its data are to be deleted."""
        clock = Clock(seat.name, sink)
        found = recipe(seat.engine)
        with clock.phase("stop"):
            building = process.read_record(seat.build_run)
            if building is not None:
                process.stop(building, seconds=1)
            seat.build_run.unlink(missing_ok=True)
            ran = end(seat.run, found, abort=abort)
            for stray in process.strays(seat.mark):
                ran = True
                process.stop(stray, seconds=5)
            shutil.rmtree(seat.work, ignore_errors=True)
        return ran

    def halt(self, seat: Seat, sink: Sink) -> None:
        """See :class:`sandbox.runtimes.base.Runtime`."""
        self.stop(seat, sink, abort=True)

    def kill(self, seat: Seat) -> bool:
        """End the engine by SIGKILL, as a crash would, and see it gone; True when it ran."""
        running = process.read_record(seat.run)
        ran = running is not None and running.alive()
        if running is not None:
            process.stop(running, how=signal.SIGKILL, seconds=5)
        return ran

    def delete(self, seat: Seat) -> None:
        """Delete the folders of an engine that does not run."""
        recipe(seat.engine).discard(seat.data)
        shutil.rmtree(seat.folder, ignore_errors=True)

    def clear(self, seat: Seat) -> None:
        """End what an engine that died left running: children that may still hold its port."""
        for stray in process.strays(seat.mark):
            process.stop(stray, seconds=2)

    def observe(self, seat: Seat, *, memory: bool = True) -> Observed:
        """Whether the engine's process lives, and what it takes."""
        running = process.read_record(seat.run)
        if running is None or not running.lasts():
            return Observed(False)
        return Observed(True, running.pid, process.memory(running) if memory else None)

    def logs(self, seat: Seat, *, lines: int, follow: bool) -> Iterator[str]:
        """The engine's last lines of output; with ``follow``, also what comes, until interrupted."""
        path = seat.log if seat.log.exists() else seat.folder / "build.log"
        if not path.exists():
            return
        yield from process.tail(path, lines).splitlines()
        if not follow:
            return
        with path.open(errors="replace") as file:
            file.seek(0, os.SEEK_END)
            while True:
                line = file.readline()
                if line:
                    yield line.rstrip("\n")
                else:
                    time.sleep(0.1)


RUNTIME = NativeRuntime

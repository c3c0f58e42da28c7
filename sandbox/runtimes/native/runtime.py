"""The native runtime: engines as processes made from fetched artifacts, the same way for every recipe."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Credentials, Engine
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Done, Phase, Sink, Warned
from sandbox.runtimes.base import Observed, ServiceSpec, Started
from sandbox.runtimes.native import golden, ports, process
from sandbox.runtimes.native.recipe import Context, Installed, Recipe
from sandbox.runtimes.native.registry import check_platform, recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from sandbox.datasets import Dataset

PROBE_EVERY = 0.05
LAST_LINES = 20


class Clock:
    """Seconds by phase of one engine, told to the sink as they end."""

    def __init__(self, engine: str, sink: Sink) -> None:
        self.engine, self.sink = engine, sink
        self.phases: dict[str, float] = {}
        self.began = time.monotonic()

    @contextmanager
    def phase(self, name: str, text: str = "") -> Iterator[None]:
        began = time.monotonic()
        self.sink(Phase(self.engine, name, text))
        yield
        seconds = time.monotonic() - began
        self.phases[name] = self.phases.get(name, 0.0) + seconds
        self.sink(Done(self.engine, name, seconds, text))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


class NativeRuntime:
    """Processes of this machine. ``cache`` is shared by all sandboxes."""

    name = "native"

    def __init__(self, cache: Path | None = None) -> None:
        self.cache = cache or config.cache()
        self.user = process.lesser_user()
        self.cancelled = threading.Event()
        """Set from another thread: every start in progress gives up and cleans up after itself."""

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
        old = self._golden_credentials(seat, found)
        context = self._context(seat, installed, archive)
        if not rows:
            for stray in process.strays(seat.mark):
                process.stop(stray, seconds=2)
            found.recover(context)
        running = self._launch(seat.run, seat.log, seat.mark, found, context, clock)
        try:
            port = seat.record.ports["main"]
            new = engine.endpoint(ports.HOST, port, seat.credentials)
            first = engine.endpoint(ports.HOST, port, old) if old else new
            self._await(running, seat.log, engine, [new, first] if old else [new], clock, context, found)
            if old:
                with clock.phase("secure"):
                    engine.secure(first, new, seat.credentials)
                    engine.probe(new)
                seat.record.golden = ""
        except BaseException:
            self._end(seat.run, found)
            raise
        seat.record.version = found.version
        seat.record.product = found.product
        return Started(seat.engine, running.pid, clock.seconds, clock.phases, rows)

    def _golden_credentials(self, seat: Seat, found: Recipe) -> Credentials | None:
        if not seat.record.golden:
            return None
        made = golden.find(self.cache, found, seat.record.golden)
        return made.credentials if made else None

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
        made = golden.find(self.cache, found, golden_key)
        if made is None or (archive is not None and not archive.exists()):
            made = self._build(seat, found, engine, installed, archive, dataset, golden_key, clock)
        with clock.phase("copy"):
            # Known before the data is there: whichever of the two passwords the folder has is tried.
            seat.record.golden = golden_key
            save()
            golden.take(made, seat.data)
        return made.rows

    def _build(
        self,
        seat: Seat,
        found: Recipe,
        engine: Engine,
        installed: Installed,
        archive: Path | None,
        dataset: Dataset,
        golden_key: str,
        clock: Clock,
    ) -> golden.Golden:
        """Make the golden copy: first folder, start, load, clean stop, rename. One builder at a time."""
        from filelock import FileLock

        locks = self.cache / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"golden-{seat.engine}-{golden_key}.lock"):
            made = golden.find(self.cache, found, golden_key)
            if made is not None and (archive is None or archive.exists()):
                return made
            training = archive is not None and not archive.exists()
            staged = golden.staging(self.cache, found, golden_key)
            for part in (staged / "data", staged / "work"):
                part.chmod(0o700)
                process.own(part, self.user)
            fresh_archive = staged / "work" / "classes.jsa" if training else archive
            credentials = Credentials(secrets.token_hex(12), secrets.token_hex(12))
            chosen: dict[str, int] = {}
            for role in found.ports:
                chosen[role] = ports.any_free(chosen.values())
            context = Context(
                installed=installed,
                data=staged / "data",
                work=staged / "work",
                ports=chosen,
                credentials=credentials,
                user=self.user,
                archive=fresh_archive,
                training=training,
                durable=seat.record.durable,
            )
            log = staged / "build.log"
            try:
                rows = self._build_in(seat, found, engine, context, dataset, log, clock)
            except SandboxError:
                raise
            except Exception as problem:
                raise EnvironmentRefusedError(
                    f"The first data folder of {found.product} could not be made: {problem}",
                    code="build-failed",
                    detail=process.tail(log, LAST_LINES),
                    actions=[f"sandbox logs {seat.engine}", "sandbox doctor"],
                ) from problem
            finally:
                self._end(seat.build_run, found)
                seat.folder.mkdir(parents=True, exist_ok=True)
                if log.exists():
                    shutil.copyfile(log, seat.folder / "build.log")
            if training and archive is not None and fresh_archive is not None:
                if fresh_archive.exists():
                    archive.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(fresh_archive, archive.with_suffix(".new"))
                    archive.with_suffix(".new").rename(archive)
                else:
                    clock.sink(Warned(f"{found.product} wrote no class-data archive; it will start slower."))
            golden.keep(self.cache, found, golden_key, staged, credentials, rows)
        made = golden.find(self.cache, found, golden_key)
        if made is None:
            raise EnvironmentRefusedError(
                f"The golden copy of {found.product} vanished while it was made.", code="build-failed"
            )
        return made

    def _build_in(
        self,
        seat: Seat,
        found: Recipe,
        engine: Engine,
        context: Context,
        dataset: Dataset,
        log: Path,
        clock: Clock,
    ) -> dict[str, int]:
        with clock.phase("initialise"):
            found.initialise(context)
        endpoint = engine.endpoint(ports.HOST, context.ports["main"], context.credentials)
        first = (
            engine.endpoint(
                ports.HOST, context.ports["main"], Credentials(found.first_password, found.first_password)
            )
            if found.first_password
            else endpoint
        )
        running = self._launch(seat.build_run, log, seat.mark, found, context, clock)
        self._await(running, log, engine, [endpoint, first], clock, context, found, phase="first start")
        engine.secure(first, endpoint, context.credentials)
        with clock.phase("load"):
            rows = engine.load(endpoint, dataset, clock.sink)
        with clock.phase("settle", "writes the class-data archive" if context.training else ""):
            self._end(seat.build_run, found, settle=True)
        return rows

    def _context(self, seat: Seat, installed: Installed, archive: Path | None) -> Context:
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

    def _launch(
        self,
        record: Path,
        log: Path,
        mark: str,
        found: Recipe,
        context: Context,
        clock: Clock,
    ) -> process.Child:
        with clock.phase("spawn"):
            spec = found.service(context)
            self._write_files(spec)
            log.parent.mkdir(parents=True, exist_ok=True)
            if log.exists() and log.stat().st_size > 5_000_000:
                log.replace(log.with_suffix(".log.1"))
            return process.start(
                spec.argv,
                record=record,
                log=log,
                user=self.user,
                cwd=spec.cwd,
                env=process.environment(context.work, spec.env, mark),
                nice=found.nice,
            )

    def _write_files(self, spec: ServiceSpec) -> None:
        for path, text in spec.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            process.own(path, self.user)

    def _await(
        self,
        running: process.Child,
        log: Path,
        engine: Engine,
        endpoints: Sequence[Endpoint],
        clock: Clock,
        context: Context,
        found: Recipe,
        phase: str = "start",
    ) -> None:
        """Until the driver has had a real query answered twice; an error at once when the process ends."""
        limit = time.monotonic() + found.start_seconds
        answered, problem, port = 0, "", context.ports["main"]
        with clock.phase(phase):
            engine.warm(endpoints[0])
            while answered < 2:
                if self.cancelled.is_set():
                    raise EnvironmentRefusedError("The start was interrupted.", code="interrupted")
                code = running.poll()
                if code is not None:
                    raise self._died(found, code, log, port)
                if time.monotonic() > limit:
                    raise EnvironmentRefusedError(
                        f"{found.product} runs but does not answer: {problem}",
                        code="engine-silent",
                        detail=process.tail(log, LAST_LINES),
                        actions=[f"sandbox logs {engine.name}", f"sandbox up {engine.name}"],
                    )
                # Drivers take tens of milliseconds to refuse; an open port costs nothing to ask for.
                if not answered and not ports.answers(port):
                    time.sleep(PROBE_EVERY / 5)
                    continue
                for endpoint in endpoints:
                    try:
                        engine.probe(endpoint)
                        answered += 1
                        break
                    except Exception as refused:  # noqa: BLE001 - any error of any driver means "not yet"
                        problem = str(refused)
                else:
                    answered = 0
                    time.sleep(PROBE_EVERY)

    def _died(self, found: Recipe, code: int, log: Path, port: int) -> EnvironmentRefusedError:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if not ports.free(port):
            how += f"; port {port} is held by {ports.holder(port)}"
        return EnvironmentRefusedError(
            f"{found.product} {how} while it started.",
            code="engine-died",
            detail=process.tail(log, LAST_LINES),
            actions=[f"sandbox logs {found.engine}", "sandbox doctor", f"sandbox up {found.engine}"],
        )

    def make_spares(self, seats: Sequence[Seat], dataset: Dataset) -> None:
        """Copy golden folders ahead for the next sandbox, in the background."""
        for seat in seats:
            found = recipe(seat.engine)
            made = golden.find(
                self.cache, found, golden.key(found, dataset.hash, durable=seat.record.durable)
            )
            if made is not None:
                golden.make_spare(made)

    # -- stop, look ----------------------------------------------------------------------------------

    def _end(self, record: Path, found: Recipe, *, settle: bool = False) -> bool:
        running = process.read_record(record)
        ran = running is not None and running.alive()
        if running is not None:
            seconds = found.settle_seconds if settle else found.stop_seconds
            process.stop(running, how=found.stop_signal, seconds=seconds)
        record.unlink(missing_ok=True)
        return ran

    def stop(self, seat: Seat, sink: Sink) -> bool:
        """End the engine and whatever else of it runs; True when something ran. Works without the recipe's
        artifacts and from the records alone."""
        clock = Clock(seat.engine, sink)
        found = recipe(seat.engine)
        with clock.phase("stop"):
            building = process.read_record(seat.build_run)
            if building is not None:
                process.stop(building, seconds=1)
            seat.build_run.unlink(missing_ok=True)
            ran = self._end(seat.run, found)
            for stray in process.strays(seat.mark):
                ran = True
                process.stop(stray, seconds=5)
            shutil.rmtree(seat.work, ignore_errors=True)
        return ran

    def observe(self, seat: Seat, *, memory: bool = True) -> Observed:
        """Whether the engine's process lives, and what it takes."""
        running = process.read_record(seat.run)
        if running is None or not running.alive():
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

"""The Docker runtime: engines as containers of official images, the same way for every recipe."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.endpoint import Endpoint
from sandbox.engines.base import ASKED_AGAIN_SECONDS, Credentials, Engine
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Sink
from sandbox.runtimes import ready
from sandbox.runtimes.base import Observed, Started
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.docker import compose, forward, images, replicas, restart
from sandbox.runtimes.docker.client import ROOT_LABEL, SEAT_LABEL, SECONDS, client, refusals
from sandbox.runtimes.docker.memory import memory as measured
from sandbox.runtimes.docker.recipe import Container as Wish
from sandbox.runtimes.docker.recipe import Context, Recipe, recipe
from sandbox.runtimes.docker.tars import archive
from sandbox.runtimes.snapshots import restored_passwords
from sandbox.state import Seat

if TYPE_CHECKING:
    from docker.models.containers import Container

    from sandbox.datasets import Dataset

LOOK_EVERY = 0.3
"""Seconds between two questions whether a container lives."""
END_SECONDS = 30.0
"""How long one that does not answer any more is waited for."""
LAST_LINES = 20
_RUNNING = ("running", "restarting", "paused")


class DockerRuntime:
    """Containers of the engine that the ``docker`` command talks to. ``cache`` is shared by all sandboxes."""

    name = "docker"

    def __init__(self, cache: Path, cancelled: threading.Event | None = None) -> None:
        self.cache = cache
        self.cancelled = cancelled or threading.Event()

    def facts(self, engine: str) -> Recipe:
        """The engine's recipe."""
        return recipe(engine)

    def fetch(self, engines: Sequence[str], sink: Sink, *, offline: bool) -> None:
        """Pull the images of these engines that are not there, and make what goes into containers."""
        found = [recipe(name) for name in engines]
        images.pull(found, sink, offline=offline, cancelled=self.cancelled)
        for each in found:
            each.prepare(self.cache, sink, offline=offline)

    def missing(self, engine: str) -> int:
        """Bytes: nothing, or a guess, since only the registry knows."""
        return 0 if images.there(recipe(engine)) else images.GUESS

    def needs(self, engine: str) -> int:
        """MiB of disk for the volume."""
        return recipe(engine).disk_mib

    def bin(self, engine: str) -> tuple[Path, ...]:
        """Folders with clients for the engine."""
        return recipe(engine).bin(self.cache)

    # -- looking -------------------------------------------------------------------------------------

    def container(self, seat: Seat) -> Container | None:
        from docker.errors import NotFound

        try:
            with refusals(f"{seat.name} cannot be looked at"):
                return client().containers.get(compose.container_name(seat))
        except EnvironmentRefusedError as error:
            if isinstance(error.__cause__, NotFound):
                return None
            raise

    def helpers(self, seat: Seat) -> list[Container]:
        """Containers through which a command that was killed reached the seat's volumes."""
        mine = {"label": [f"{ROOT_LABEL}={seat.root}", f"{SEAT_LABEL}={seat.name}"]}
        with refusals(f"containers of {seat.name} cannot be listed"):
            found = client().containers.list(all=True, filters=mine, ignore_removed=True)
        return [each for each in found if each.name != compose.container_name(seat)]

    def observe(self, seat: Seat, *, memory: bool = True) -> Observed:
        """Whether the engine's container runs, and what it takes."""
        found = self.container(seat)
        if found is None or found.status not in _RUNNING:
            return Observed(False)
        if restart.held(seat):
            return Observed(False, waits=True)
        forward.ensure(seat)
        taken = measured(found) if memory else None
        return Observed(True, found.attrs["State"].get("Pid") or None, taken)

    def has_data(self, seat: Seat) -> bool:
        """Whether its first start came to its end, and its volumes are still there; of what keeps nothing
        over a stop, whether it runs."""
        there = seat.data.is_dir() and all(map(self._volume, compose.volume_names(seat)))
        return there and (recipe(seat.kind).keeps or self.observe(seat, memory=False).alive)

    def _volume(self, name: str) -> bool:
        from docker.errors import NotFound

        try:
            client().volumes.get(name)
        except NotFound:
            return False
        return True

    def logs(self, seat: Seat, *, lines: int, follow: bool) -> Iterator[str]:
        """The last lines the container wrote; those of the last one that was removed, when there is none."""
        found = self.container(seat)
        if found is None:
            text = seat.log.read_text(errors="replace") if seat.log.exists() else ""
            yield from text.splitlines()[-lines:]
            return
        if not follow:
            yield from _tail(found, lines).splitlines()
            return
        rest = b""
        for chunk in found.logs(stream=True, follow=True, tail=lines):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)

    # -- start ---------------------------------------------------------------------------------------

    def start(
        self,
        seat: Seat,
        dataset: Dataset,
        sink: Sink,
        *,
        offline: bool = False,  # noqa: ARG002 - nothing is pulled here
        save: Callable[[], None] = lambda: None,
    ) -> Started:
        """Bring one engine up on its volumes, which are made and loaded when there are none yet."""
        engine, found = engine_named(seat.engine), recipe(seat.kind)
        clock = Clock(seat.name, sink)
        fresh = not self.has_data(seat)
        if fresh:
            self.remove(seat, volumes=True)
            # Of what keeps nothing, it is there from the start before.
            shutil.rmtree(seat.data, ignore_errors=True)
            save()
        images.remember(seat, found, fresh=fresh)
        wish = self.wish(seat, sink)
        with clock.phase("create"):
            container = self.create(seat, found, wish)
        rows: dict[str, int] = {}
        try:
            (replicas.join if seat.record.ring else replicas.rejoin)(seat, container)
            self.launch(seat, found, container, clock)
            new = self.endpoint(engine, seat)
            first, old = new, None if fresh else restored_passwords(seat)
            if fresh and found.first_password:
                old = Credentials(found.first_password, found.first_password)
            if old:
                first = engine.endpoint(new.host, new.port, old)
            self.await_answers(
                engine, found, seat, container, [new, first] if first is not new else [new], clock
            )
            if fresh or old:
                with clock.phase("secure"):
                    engine.secure(first, new, seat.credentials)
                seat.record.golden = ""
            if fresh:
                with clock.phase("load"):
                    rows = engine.load(new, dataset, sink)
                seat.data.mkdir(parents=True, exist_ok=True)
        except BaseException as problem:
            died = None if isinstance(problem, SandboxError) else self._ended(engine, found, seat, container)
            self.keep_log(seat, container)
            self.remove(seat, volumes=fresh)
            if died is not None:
                raise died from problem
            raise
        if fresh or not seat.record.ring:
            # Nodes of a ring that were there before may answer only together, and the others come after it.
            seat.record.version, seat.record.product = _version(engine, new, found)
        return Started(seat.engine, self.pid(container), clock.seconds, clock.phases, rows)

    def prepare(
        self,
        seat: Seat,
        dataset: Dataset,
        sink: Sink,
        *,
        offline: bool = False,
        save: Callable[[], None] = lambda: None,
    ) -> None:
        """Make the volumes of an engine that has none yet: start it and stop it."""
        self.start(seat, dataset, sink, offline=offline, save=save)
        self.stop(seat, sink)

    def _ended(self, engine: Engine, found: Recipe, seat: Seat, container: Container) -> SandboxError | None:
        """Why a container does not run any more, if so: better than what a driver says of that. One that
        gives no answer is waited for, since the driver knows of its end before the Docker engine does."""
        limit = time.monotonic() + END_SECONDS
        while not self.cancelled.is_set():
            container.reload()
            if container.status not in _RUNNING:
                return _died(found, seat, container)
            if time.monotonic() > limit:
                break
            try:
                engine.probe(self.endpoint(engine, seat), seconds=ASKED_AGAIN_SECONDS)
            except Exception:  # noqa: BLE001 - of any driver
                time.sleep(LOOK_EVERY)
            else:
                break
        return None

    def pid(self, container: Container) -> int:
        """The process id of a container's first process, on the machine that it runs on."""
        container.reload()
        return int(container.attrs["State"].get("Pid") or 0)

    def tail(self, container: Container) -> str:
        """The last lines a container wrote."""
        return _tail(container, LAST_LINES)

    def context(self, seat: Seat, sink: Sink, primary: str = "") -> Context:
        """What the recipe needs to say what the container shall have."""
        return Context(
            credentials=seat.credentials,
            cache=self.cache,
            sink=sink,
            durable=seat.record.durable,
            options=seat.record.options,
            published=seat.record.ports["main"],
            primary=primary,
            number=seat.replica,
            ring=seat.record.ring,
        )

    def wish(self, seat: Seat, sink: Sink) -> Wish:
        """What the container of a seat that is no replica shall have."""
        found = recipe(seat.kind)
        wish = found.container(self.context(seat, sink))
        # Of a ring no snapshot is restored.
        return wish if seat.record.ring or not found.keeps else restart.restartable(wish, found)

    def endpoint(self, engine: Engine, seat: Seat) -> Endpoint:
        """Where the administrator reaches a seat's engine."""
        return engine.endpoint(*compose.address(seat), seat.credentials)

    def create(self, seat: Seat, found: Recipe, wish: Wish) -> Container:
        made = compose.made_of(seat, found, wish)
        project = compose.Compose(seat)
        if restart.held(seat):
            old = self.container(seat)
            if old is not None and restart.waiting(seat, old, made):
                return old
            restart.forget(seat)
        project.write(found, wish, made)
        # Nothing but this service: of a replica's file its primary is a part, and runs elsewhere.
        words = ["--no-deps", "--no-start", "--no-build", "--pull", "never", "--force-recreate"]
        project.run("up", *words, compose.service(seat))
        container = self.container(seat)
        if container is None:
            raise EnvironmentRefusedError(
                f"The container of {seat.name} vanished while it was made.",
                code="docker-error",
                actions=["docker ps -a"],
            )
        if wish.files:
            with refusals(f"files for {seat.name}"):
                container.put_archive("/", archive(wish.files))
        return container

    def launch(self, seat: Seat, found: Recipe, container: Container, clock: Clock) -> None:
        from docker.errors import APIError

        with clock.phase("spawn"):
            if restart.held(seat):
                restart.go_on(seat, container)
                return
            try:
                container.start()
            except APIError as problem:
                text = str(problem.explanation or problem)
                taken = "address already in use" in text or "port is already" in text
                raise EnvironmentRefusedError(
                    f"{found.product} could not be started: {text}",
                    code="port-lost" if taken else "docker-error",
                    actions=[f"sandbox up {seat.engine}", "sandbox doctor"],
                ) from problem
            forward.ensure(seat)

    def await_answers(
        self,
        engine: Engine,
        found: Recipe,
        seat: Seat,
        container: Container,
        endpoints: Sequence[Endpoint],
        clock: Clock,
    ) -> None:
        limit = time.monotonic() + found.start_seconds
        next_look = 0.0

        def look(problem: str) -> None:
            nonlocal next_look
            now = time.monotonic()
            if self.cancelled.is_set():
                raise ready.interrupted()
            if now > limit:
                raise ready.silent(found, problem, _tail(container, LAST_LINES))
            if now < next_look:
                return
            next_look = now + LOOK_EVERY
            container.reload()
            if container.status not in _RUNNING:
                raise _died(found, seat, container)

        with clock.phase("start"):
            first = seat.record.ring and not seat.replica and bool(seat.record.version)
            ready.await_answers(
                engine, endpoints, look, partial(found.probe_first, engine) if first else None
            )

    # -- replicas ------------------------------------------------------------------------------------

    def copy_at_rest(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Nothing: replicas copy from a primary that runs."""

    def start_replica(self, seat: Seat, primary: Seat, sink: Sink) -> Started:
        """Bring one replica up and have it follow its primary, which runs; with data from there when it has
        none yet. Leaves nothing running when it fails."""
        return replicas.start(self, seat, primary, sink)

    def await_replica(self, seat: Seat, primary: Seat, sink: Sink) -> None:
        """Until a replica that runs follows its primary again, which was just started; a warning when it
        does not."""
        replicas.await_again(self, seat, primary, sink)

    def is_copy(self, seat: Seat) -> bool:
        """Whether a replica's volume may be made anew when it does not start on it."""
        return replicas.is_copy(self, seat)

    def make_spares(self, seats: Sequence[Seat], dataset: Dataset) -> None:
        """Nothing is made ahead."""

    # -- stop ----------------------------------------------------------------------------------------

    def stop(self, seat: Seat, sink: Sink, *, abort: bool = False) -> bool:
        """End the engine and remove its container; its volumes stay."""
        with Clock(seat.name, sink).phase("stop"):
            found = self.container(seat)
            ran = found is not None and found.status in _RUNNING
            if found is not None:
                if not abort and ran:
                    with refusals(f"{seat.name} cannot be stopped"):
                        found.stop(timeout=recipe(seat.kind).stop_seconds)
                self.keep_log(seat, found)
            self.remove(seat, volumes=False)
            shutil.rmtree(seat.work, ignore_errors=True)
        return ran

    def halt(self, seat: Seat, sink: Sink) -> None:
        """See :class:`sandbox.runtimes.base.Runtime`: the container goes on, where that can be."""
        found = self.container(seat)
        if found is not None and found.status == "running" and restart.can(found):
            with Clock(seat.name, sink).phase("stop"):
                if restart.hold(seat, found):
                    return
        self.stop(seat, sink, abort=True)

    def kill(self, seat: Seat) -> bool:
        """End the engine by SIGKILL, as a crash would, and see it gone; True when it ran."""
        found = self.container(seat)
        if found is None or found.status not in _RUNNING:
            return False
        with refusals(f"{seat.name} cannot be killed"):
            found.kill("SIGKILL")
            found.wait(timeout=SECONDS)
        return True

    def clear(self, seat: Seat) -> None:
        """Nothing: a container ends with all its processes."""

    def delete(self, seat: Seat) -> None:
        """Delete volumes and folder of an engine that does not run."""
        self.remove(seat, volumes=True)
        shutil.rmtree(seat.folder, ignore_errors=True)

    def remove(self, seat: Seat, *, volumes: bool) -> None:
        """Remove the container and, if asked, the volumes; by name, whatever became of the files."""
        from docker.errors import NotFound

        found = self.container(seat)
        with refusals(f"{seat.name} cannot be removed"):
            if found is not None:
                with suppress(NotFound):
                    found.remove(force=True, v=True)
            for helper in self.helpers(seat) if volumes else ():
                with suppress(NotFound):
                    helper.remove(force=True, v=True)
            for name in compose.volume_names(seat) if volumes else ():
                with suppress(NotFound):
                    client().volumes.get(name).remove(force=True)
        restart.forget(seat)
        forward.end(seat)
        # Nodes of a ring look for each other where they were: in another network that may be somebody else.
        if volumes if seat.record.ring else found is not None:
            replicas.leave(seat)

    def keep_log(self, seat: Seat, container: Container) -> None:
        seat.log.parent.mkdir(parents=True, exist_ok=True)
        seat.log.write_text(_tail(container, 2000))


def _version(engine: Engine, endpoint: Endpoint, found: Recipe) -> tuple[str, str]:
    """The version that the server itself tells, and the product's name with it."""
    told = engine.version(endpoint)
    number = told.rpartition(" ")[2]
    name = found.product.rpartition(" ")[0] or found.product
    return number, told if " " in told else f"{name} {number}"


def _tail(container: Container, lines: int) -> str:
    from docker.errors import APIError

    try:
        return bytes(container.logs(tail=lines)).decode(errors="replace").rstrip()
    except APIError:
        return ""


def _died(found: Recipe, seat: Seat, container: Container) -> EnvironmentRefusedError:
    state = container.attrs["State"]
    code = state.get("ExitCode", 0)
    actions = [f"sandbox logs {seat.name}", f"sandbox up {seat.engine}", "sandbox doctor"]
    how = f"ended with exit code {code}"
    if code == 137 or state.get("OOMKilled"):
        limit = container.attrs["HostConfig"].get("Memory", 0) >> 20
        how = f"was killed (137): it took more than its limit of {limit} MiB" if limit else "was killed (137)"
        actions.insert(0, f"export SANDBOX_{found.engine.upper()}_MEMORY={max(2 * limit, 256)}m")
    return EnvironmentRefusedError(
        f"{found.product} {how} while it started.",
        code="engine-died",
        detail=_tail(container, LAST_LINES),
        actions=actions,
    )


RUNTIME = DockerRuntime

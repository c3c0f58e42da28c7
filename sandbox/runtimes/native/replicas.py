"""Replicas as processes of this machine: data from their primary, start, the wait until they follow."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, Warned
from sandbox.runtimes import ports, ready
from sandbox.runtimes.base import Started
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.native import golden, process
from sandbox.runtimes.native.launch import LAST_LINES, Launch
from sandbox.runtimes.native.recipe import Context, Recipe
from sandbox.runtimes.native.registry import recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from sandbox.runtimes.native.runtime import NativeRuntime


def copy_at_rest(seat: Seat, primary: Seat, sink: Sink) -> None:
    """Give a replica a copy of the data folder of its primary, which does not run."""
    clock = Clock(seat.name, sink)
    with clock.phase("copy"):
        golden.copy(primary.data, seat.data)
    # It learns this sandbox's passwords as it learns everything else: from its primary.
    seat.record.golden = primary.record.golden


def start(runtime: NativeRuntime, seat: Seat, primary: Seat, sink: Sink) -> Started:
    """See :meth:`sandbox.runtimes.native.runtime.NativeRuntime.start_replica`."""
    found, engine = recipe(seat.engine), engine_named(seat.engine)
    clock = Clock(seat.name, sink)
    with clock.phase("install"):
        installed = runtime.installed(seat.engine, sink)
    source = _endpoint(engine, primary)
    seat.record.durable = primary.record.durable
    fresh = not seat.data.is_dir()
    if fresh:
        # Whoever still reads under this name was to make a copy and did not get to its end.
        engine.forsake(source, _plain(seat.name))
    engine.welcome(source, _plain(seat.name))
    context = runtime.context(seat, installed, None, source)
    if fresh:
        with clock.phase("copy"):
            _copy(found, context)
    else:
        found.recover(context)
    made = runtime.golden_of(seat, found)
    launch = Launch(engine, found, context, seat.run, seat.log, seat.mark, clock, runtime.cancelled)
    running = launch.start()
    try:
        new = _endpoint(engine, seat)
        first = engine.endpoint(ports.HOST, new.port, made.credentials) if made else new
        launch.wait([new, first] if made else [new])
        with clock.phase("follow"):
            reached = first if made and not _answers(engine, new) else new
            engine.follow(reached, source, first=seat.record.follows is None)
            _wait(runtime, engine, seat, source)
    except BaseException:
        launch.end()
        raise
    seat.record.golden = ""
    seat.record.follows = source.port
    seat.record.version, seat.record.product = found.version, found.product
    return Started(seat.name, running.pid, clock.seconds, clock.phases, {})


def wait_again(runtime: NativeRuntime, seat: Seat, primary: Seat, sink: Sink) -> None:
    """See :meth:`sandbox.runtimes.native.runtime.NativeRuntime.await_replica`."""
    engine = engine_named(seat.engine)
    try:
        _wait(runtime, engine, seat, _endpoint(engine, primary))
    except EnvironmentRefusedError as error:
        sink(Warned(error.title))


def _copy(found: Recipe, context: Context) -> None:
    fresh = context.data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    fresh.chmod(0o700)
    process.own(fresh, context.user)
    found.copy(replace(context, data=fresh))
    fresh.rename(context.data)


def _wait(runtime: NativeRuntime, engine: Engine, seat: Seat, primary: Endpoint) -> None:
    ready.await_following(
        engine,
        seat,
        _endpoint(engine, seat),
        primary,
        runtime.cancelled,
        lambda: process.tail(seat.log, LAST_LINES),
    )


def _endpoint(engine: Engine, seat: Seat) -> Endpoint:
    return engine.endpoint(ports.HOST, seat.record.ports["main"], seat.credentials)


def _answers(engine: Engine, endpoint: Endpoint) -> bool:
    try:
        engine.probe(endpoint)
    except Exception:  # noqa: BLE001 - whatever a driver raises, it does not
        return False
    return True


def _plain(name: str) -> str:
    return name.replace("-", "_")

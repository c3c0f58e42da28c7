"""Replicas as containers: a network with their primary, data from there, the wait until they follow."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from string import Template
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, Warned, silent
from sandbox.runtimes import ready
from sandbox.runtimes.base import Started
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.docker import compose
from sandbox.runtimes.docker.client import client, refusals
from sandbox.runtimes.docker.recipe import Recipe, recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from docker.models.containers import Container

    from sandbox.runtimes.docker.runtime import DockerRuntime


def start(runtime: DockerRuntime, seat: Seat, primary: Seat, sink: Sink) -> Started:
    """See :meth:`sandbox.runtimes.docker.runtime.DockerRuntime.start_replica`."""
    engine, found = engine_named(seat.engine), recipe(seat.kind)
    clock = Clock(seat.name, sink)
    source, plain = runtime.endpoint(engine, primary), seat.name.replace("-", "_")
    seat.record.durable = primary.record.durable
    above = runtime.container(primary)
    if above is None:
        raise EnvironmentRefusedError(
            f"{primary.name} has no container that {seat.name} could follow.",
            code="replica-lost",
            actions=[f"sandbox up {seat.engine}"],
        )
    fresh = not runtime.has_data(seat)
    if fresh:
        runtime.remove(seat, volumes=True)
        # Whoever still reads under this name was to make a copy and did not get to its end.
        engine.forsake(source, plain)
    if fresh or not seat.record.ring:
        # A node that is of the ring already may be needed for the first one to answer.
        engine.welcome(source, plain)
    with clock.phase("create"):
        join(primary, above)
        wish = found.container(runtime.context(seat, sink, primary=seat.engine))
        container = runtime.create(seat, found, wish)
        join(seat, container)
    try:
        here = runtime.endpoint(engine, seat)
        _launch(runtime, seat, found, container, here, clock)
        with clock.phase("follow"):
            # Its primary as it is seen from the network that both are in.
            inside = replace(source, host=seat.engine, port=found.port)
            engine.follow(here, inside, first=seat.record.follows is None)
            ready.await_following(
                engine, seat, here, source, runtime.cancelled, lambda: runtime.tail(container)
            )
        seat.data.mkdir(parents=True, exist_ok=True)
    except BaseException:
        runtime.keep_log(seat, container)
        runtime.remove(seat, volumes=fresh)
        raise
    seat.record.follows = source.port
    seat.record.version, seat.record.product = primary.record.version, primary.record.product
    return Started(seat.name, runtime.pid(container), clock.seconds, clock.phases, {})


def _launch(
    runtime: DockerRuntime, seat: Seat, found: Recipe, container: Container, here: Endpoint, clock: Clock
) -> None:
    """Start it until it answers; anew when it ended only because nobody answered it in time."""
    limit = time.monotonic() + found.start_seconds
    while True:
        try:
            runtime.launch(seat, found, container, clock)
            runtime.await_answers(engine_named(seat.engine), found, seat, container, [here], clock)
        except EnvironmentRefusedError as error:
            unheard = error.code == "engine-died" and any(words in error.detail for words in found.unheard)
            if not unheard or time.monotonic() > limit:
                raise
        else:
            return


def is_copy(runtime: DockerRuntime, seat: Seat) -> bool:
    """Whether a replica that does not run holds nothing but what its primary has, by a file in its volume: a
    container that is never started can be asked for it."""
    from docker.errors import NotFound

    found = recipe(seat.kind)
    if not found.copy_mark or not runtime.has_data(seat):
        return False
    container = runtime.create(
        seat, found, found.container(runtime.context(seat, silent, primary=seat.engine))
    )
    try:
        settings = dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
        container.get_archive(Template(found.copy_mark).safe_substitute(settings))
    except NotFound:
        return False
    finally:
        runtime.remove(seat, volumes=False)
    return True


def await_again(runtime: DockerRuntime, seat: Seat, primary: Seat, sink: Sink) -> None:
    """See :meth:`sandbox.runtimes.docker.runtime.DockerRuntime.await_replica`."""
    engine = engine_named(seat.engine)
    container = runtime.container(seat)
    try:
        ready.await_following(
            engine,
            seat,
            runtime.endpoint(engine, seat),
            runtime.endpoint(engine, primary),
            runtime.cancelled,
            lambda: runtime.tail(container) if container is not None else "",
        )
    except EnvironmentRefusedError as error:
        sink(Warned(error.title))


def network_name(seat: Seat) -> str:
    """The network in which an engine of a sandbox and its replicas find each other."""
    return f"sandbox-{compose.place(seat)}-{seat.engine}"


def _network(seat: Seat) -> Any:
    found = client().networks.list(names=[network_name(seat)])
    return next((one for one in found if one.name == network_name(seat)), None)


def join(seat: Seat, container: Container) -> None:
    """Have a container in the network of its engine, under its engine's name or its own; the network is made
    when there is none."""
    with refusals(f"the network of {seat.engine}"):
        network = _network(seat)
        if network is None:
            labels = {k: v for k, v in compose.labels(seat).items() if "seat" not in k}
            network = client().networks.create(network_name(seat), driver="bridge", labels=labels)
        container.reload()
        if network.name not in container.attrs["NetworkSettings"]["Networks"]:
            network.connect(container, aliases=[seat.name])


def rejoin(seat: Seat, container: Container) -> None:
    """Have a container that was made anew in the network again, if there is one."""
    with refusals(f"the network of {seat.engine}"):
        if _network(seat) is not None:
            join(seat, container)


def leave(seat: Seat) -> None:
    """Remove the network when nobody is left in it."""
    from docker.errors import APIError, NotFound

    with refusals(f"the network of {seat.engine}"):
        network = _network(seat)
        if network is None:
            return
        try:
            network.reload()
        except NotFound:
            # Those that leave at the same moment have removed it.
            return
        # Containers that do not run are in it, too, without being listed: removing it would not harm them.
        if not network.attrs.get("Containers"):
            with suppress(APIError):
                network.remove()

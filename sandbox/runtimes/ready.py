"""When an engine is ready: the driver that its user will use has had a real query answered, twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from sandbox.endpoint import Endpoint
from sandbox.engines.base import ASKED_AGAIN_SECONDS, Engine, Replication
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes import ports
from sandbox.runtimes.base import Facts
from sandbox.state import Seat

PROBE_EVERY = 0.05
FOLLOW_SECONDS = 10.0
"""How long a replica that follows may take to catch up; one that is still behind then will get there."""
CONNECT_SECONDS = 60.0
"""How long it may take to find its primary: on a busy machine either of them stands still for seconds."""


def await_answers(
    engine: Engine,
    endpoints: Sequence[Endpoint],
    look: Callable[[str], None],
    probe: Callable[[Endpoint], None] | None = None,
    times: int = 2,
) -> None:
    """Until a real query was answered ``times`` times, at any of the endpoints (of one port; they differ in
    their passwords). ``look`` is called with the last refusal before each try; it raises to give up.
    ``probe`` takes the place of the engine's own."""
    ask = probe or partial(engine.probe, seconds=ASKED_AGAIN_SECONDS)
    answered, problem = 0, ""
    engine.warm(endpoints[0])
    while answered < times:
        look(problem)
        # Drivers take tens of milliseconds to refuse; an open port costs nothing to ask for.
        if not answered and not ports.answers(endpoints[0].port):
            time.sleep(PROBE_EVERY / 5)
            continue
        for endpoint in endpoints:
            try:
                ask(endpoint)
                answered += 1
                break
            except Exception as refused:  # noqa: BLE001 - any error of any driver means "not yet"
                problem = str(refused)
        else:
            answered = 0
            time.sleep(PROBE_EVERY)


def interrupted() -> EnvironmentRefusedError:
    """What ends a start that was cancelled from another thread."""
    return EnvironmentRefusedError("The start was interrupted.", code="interrupted")


def silent(facts: Facts, problem: str, tail: str) -> EnvironmentRefusedError:
    """What ends a start in which the engine runs and never answers."""
    return EnvironmentRefusedError(
        f"{facts.product} runs but does not answer: {problem}",
        code="engine-silent",
        detail=tail,
        actions=[f"sandbox logs {facts.engine}", f"sandbox up {facts.engine}"],
    )


def await_following(
    engine: Engine,
    seat: Seat,
    replica: Endpoint,
    primary: Endpoint,
    cancelled: threading.Event,
    tail: Callable[[], str],
) -> None:
    """Until a replica follows its primary and has caught up, or was promoted; EnvironmentRefusedError with
    the last lines of its log (``tail``) when it does not."""
    begun, seen = time.monotonic(), Replication(following=False)
    while True:
        try:
            seen = engine.replication(replica, primary)
        except Exception as refused:  # noqa: BLE001 - a password that has not arrived yet, for one
            seen = Replication(following=False, problem=str(refused))
        waited = time.monotonic() - begun
        if seen.level or seen.promoted or (seen.following and waited > FOLLOW_SECONDS):
            return
        if cancelled.is_set() or waited > CONNECT_SECONDS:
            raise EnvironmentRefusedError(
                f"{seat.name} runs but does not follow its primary: {seen.problem or 'no connection'}",
                code="replica-lost",
                detail=tail(),
                actions=[
                    f"sandbox logs {seat.name}",
                    f"sandbox up {seat.engine} --replicas 0   # deletes the replicas of {engine.title}",
                ],
            )
        time.sleep(0.01)

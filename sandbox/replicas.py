"""What ``up`` does about replicas: what is seen of them, their copies, their start, their end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.events import Failed, Warned
from sandbox.plan import SeenReplica, Step
from sandbox.runtimes.choice import AUTO
from sandbox.runtimes.registry import NAMES as RUNTIMES
from sandbox.runtimes.registry import facts
from sandbox.state import Seat, engine_of
from sandbox.status import endpoint_of, replication, wrapped

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox
    from sandbox.up import BringUp, UpResult

MOST = 5
"""As many as follow a primary in ElastiCache; Aurora has 15, which no laptop needs."""


def check(box: Sandbox, names: Sequence[str], count: int, runtime: str | None) -> None:
    """UsageError when these engines cannot have so many replicas, whatever runs them, or in what shall run
    them, as far as that is known (``runtime``: what was asked for)."""
    able = [name for name in NAMES if any(facts(name, r).replicates for r in RUNTIMES)]
    if not names:
        raise UsageError(
            "--replicas needs the engines that shall have replicas.",
            code="replicas-without-engine",
            actions=[f"sandbox up {name} --replicas {count}" for name in able if facts(name).replicates],
        )
    if not 0 <= count <= MOST:
        raise UsageError(f"An engine has from 0 to {MOST} replicas here.", code="bad-replicas")
    for name in names:
        if name not in able:
            raise UsageError(
                f"{engine_named(name).title} runs without replicas here.",
                code="no-replicas",
                detail=f"Replicas can be had of: {', '.join(able)}.",
                actions=[f"sandbox up {able[0]} --replicas 1"],
            )
        record = None if runtime not in (None, AUTO) else box.state.engines.get(name)
        shall = record.runtime if record else runtime or os.environ.get("SANDBOX_RUNTIME") or AUTO
        if shall in RUNTIMES:
            _check_able(box, name, shall, count)


def check_here(box: Sandbox, runtimes: Mapping[str, str], count: int) -> None:
    """UsageError when engines cannot have so many replicas in the runtimes that run them, or would lose some
    that must stay."""
    for name, runtime in runtimes.items():
        if count and runtime in RUNTIMES:
            _check_able(box, name, runtime, count)
        if name not in box.state.engines or not box.runtime.facts(box.seat(name)).forms_ring:
            continue
        joined = [r for r in box.state.replicas(name) if box.runtime.has_data(box.seat(r))]
        if len(joined) > count:
            raise UsageError(
                f"{name} has {len(joined) + 1} nodes, and none of them can be taken away alone.",
                code="nodes-stay",
                detail="Each has a part of the ring, and of whatever has one copy only.",
                actions=[
                    f"sandbox down {name} --delete{box.name_option}   # its data are lost",
                    f"sandbox up {name} --runtime {runtime}{box.name_option}",
                ],
            )


def _check_able(box: Sandbox, name: str, runtime: str, count: int) -> None:
    if facts(name, runtime).replicates:
        return
    other = next(r for r in RUNTIMES if facts(name, r).replicates)
    actions = [f"sandbox up {name} --replicas {count} --runtime {other}{box.name_option}"]
    if name in box.state.engines:
        actions.insert(0, f"sandbox down {name} --delete{box.name_option}   # its data are lost")
    raise UsageError(
        f"{engine_named(name).title} runs without replicas in the runtime {runtime!r}.",
        code="no-replicas",
        detail=f"It can have some in the runtime {other!r}.",
        actions=actions,
    )


def seen(work: BringUp, primary: Seat) -> tuple[SeenReplica, ...]:
    """What is observed of an engine's replicas; whether one was promoted is asked only when it matters."""
    box, found = work.box, []
    for name in box.state.replicas(primary.engine):
        seat = box.seat(name)
        alive, there = box.runtime.observe(seat, memory=False).alive, box.runtime.has_data(seat)
        told = replication(box.runtime, seat, primary) if alive and work.wished_replicas is not None else None
        died = seat.record.wanted and not alive and there
        found.append(SeenReplica(name, alive, there, died, told is not None and told.promoted))
    return tuple(found)


def delete(box: Sandbox, name: str) -> None:
    """End a replica and delete its data."""
    seat = box.seat(name)
    box.runtime.stop(seat, box.sink, abort=True)
    box.runtime.delete(seat)
    box.state.forget(name)
    box.state.save()


def copy_at_rest(work: BringUp, name: str, steps: Sequence[Step]) -> None:
    """Copy the data folder of an engine, which does not run, for its new replicas, where it is done so."""
    box = work.box
    replicas = [s.engine for s in steps if s.action == "create" and s.engine in box.state.replicas(name)]
    primary = box.seat(name)
    if not replicas or not box.runtime.facts(primary).copied_at_rest:
        return
    if not box.runtime.has_data(primary):
        used = work.remember_dataset(primary)
        box.runtime.prepare(primary, used, box.sink, offline=work.offline, save=box.state.save)
    for replica in replicas:
        box.runtime.copy_at_rest(box.seat(replica), primary, box.sink)
    box.state.save()


def bring(work: BringUp, name: str, steps: Sequence[Step], result: UpResult) -> None:
    """Do what the steps say about the replicas of an engine that runs."""
    box, primary = work.box, work.box.seat(name)
    for step in steps:
        if step.action == "delete" and engine_of(step.engine) == name:
            _forsake(box, primary, step.engine)
    to_start = {s.engine for s in steps if s.action == "start"}
    for replica in box.state.replicas(name):
        seat = box.seat(replica)
        moved = seat.record.follows not in (None, primary.record.ports["main"])
        if replica in to_start or moved:
            _start(work, seat, primary, result)
        elif name in to_start:
            box.runtime.await_replica(seat, primary, box.sink)


def _forsake(box: Sandbox, primary: Seat, name: str) -> None:
    try:
        engine_named(primary.engine).forsake(endpoint_of(primary), name.replace("-", "_"))
    except Exception as problem:  # noqa: BLE001 - the replica is gone all the same
        box.sink(Warned(f"{primary.engine} could not be told that {name} is gone: {problem}"))


def _start(work: BringUp, seat: Seat, primary: Seat, result: UpResult) -> None:
    box = work.box
    try:
        if box.runtime.observe(seat, memory=False).alive:
            box.runtime.stop(seat, box.sink)
        try:
            started = box.runtime.start_replica(seat, primary, box.sink)
        except EnvironmentRefusedError as error:
            if not work.lost_a_port(seat, error) and not _made_anew(box, seat, error):
                raise
            started = box.runtime.start_replica(seat, primary, box.sink)
    except Exception as problem:  # noqa: BLE001 - told as it is; its primary runs all the same
        told = problem if isinstance(problem, SandboxError) else wrapped(seat.engine, problem)
        box.sink(Failed(seat.name, told.title))
        result.failed[seat.name] = told
        return
    seat.record.seconds = round(started.seconds, 3)
    result.started[seat.name] = started
    box.state.save()


def _made_anew(box: Sandbox, seat: Seat, error: EnvironmentRefusedError) -> bool:
    """Whether the folder of a replica that does not start was thrown away, for it can be copied again. A
    standby of PostgreSQL that was killed does not start when databases were copied from one that its
    primary has dropped since."""
    if error.code == "interrupted" or not box.runtime.is_copy(seat):
        return False
    box.sink(Warned(f"{seat.name} does not start on its data; they are copied anew: {error.title}"))
    box.runtime.delete(seat)
    seat.record.follows = None
    return True

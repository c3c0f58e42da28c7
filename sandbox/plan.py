"""From what is seen and wished to a list of steps, each with its cause. No I/O: `--dry-run` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["keep", "fetch", "create", "start", "stop", "delete", "load"]


@dataclass(frozen=True)
class Wish:
    """What a person asked of one engine. ``dataset`` is a dataset's hash, None for "as it is"; ``port``,
    ``durable`` and ``replicas`` are None when nothing was said about them."""

    engine: str
    dataset: str | None = None
    port: int | None = None
    durable: bool | None = None
    replicas: int | None = None


@dataclass(frozen=True)
class SeenReplica:
    """What was observed of one replica. ``promoted``: it runs and follows nobody any more."""

    name: str
    alive: bool = False
    has_data: bool = False
    died: bool = False
    promoted: bool = False


@dataclass(frozen=True)
class Seen:
    """What was observed of one engine: ``missing_mib`` is what would have to be downloaded;
    ``copied_at_rest``: a new replica needs its primary stopped for the copy; ``closed``: started anew, so
    that it can join."""

    alive: bool = False
    has_data: bool = False
    dataset: str = ""
    port: int | None = None
    durable: bool = False
    died: bool = False
    missing_mib: int = 0
    replicas: tuple[SeenReplica, ...] = ()
    copied_at_rest: bool = False
    closed: bool = False


@dataclass(frozen=True)
class Step:
    """One thing to do for one engine or replica, and why."""

    engine: str
    action: Action
    cause: str


def plan_up(wishes: Iterable[Wish], seen: Mapping[str, Seen]) -> list[Step]:
    """The steps that turn what is seen into what is wished, engine by engine in the order of the wishes."""
    steps: list[Step] = []
    for wish in wishes:
        now = seen.get(wish.engine, Seen())

        def step(action: Action, cause: str, engine: str = wish.engine) -> None:
            steps.append(Step(engine, action, cause))

        moves = wish.port is not None and now.port not in (None, wish.port)
        changes = wish.durable is not None and now.has_data and wish.durable != now.durable
        replicas = _replicas(wish, now)
        joins = any(s.action == "create" for s in replicas)
        copies = joins and (now.copied_at_rest or now.closed)
        if now.missing_mib:
            step("fetch", f"{now.missing_mib} MiB of artifacts are not in the cache")
        if now.alive and not moves and not changes and not copies:
            step("keep", "it runs and matches")
        else:
            if now.alive:
                step("stop", _why_stop(wish, now, moves=moves, changes=changes))
            if not now.has_data:
                step("create", "it has no data folder yet")
            step("start", _why_start(now))
        steps.extend(replicas)
        if now.has_data and wish.dataset is not None and wish.dataset != now.dataset:
            step("load", "another dataset was asked for")
    return steps


def _why_stop(wish: Wish, now: Seen, *, moves: bool, changes: bool) -> str:
    if moves:
        return f"port {now.port} becomes {wish.port}"
    if changes:
        return "its durability changes"
    return "it is started anew for others to join it" if now.closed else "its data are copied for a replica"


def _why_start(now: Seen) -> str:
    if now.alive:
        return "it was stopped for that"
    return "it died" if now.died else "it does not run"


def _replicas(wish: Wish, now: Seen) -> list[Step]:
    wanted = len(now.replicas) if wish.replicas is None else wish.replicas
    steps: list[Step] = []
    for number, seen in enumerate(now.replicas, 1):
        anew = "its primary is new" if not now.has_data else ""
        if seen.promoted and wish.replicas is not None:
            anew = "it was promoted, and a replica is asked for"
        if number > wanted:
            count = f"{wanted or 'no'} replica{'' if wanted == 1 else 's'}"
            steps.append(Step(seen.name, "delete", f"asked for: {count}"))
        elif seen.has_data and anew:
            steps += [Step(seen.name, "delete", anew), *_new(seen.name)]
        elif not seen.has_data:
            steps += _new(seen.name)
        elif seen.alive:
            cause = "it was promoted" if seen.promoted else "it runs and matches"
            steps.append(Step(seen.name, "keep", cause))
        else:
            steps.append(Step(seen.name, "start", "it died" if seen.died else "it does not run"))
    for number in range(len(now.replicas) + 1, wanted + 1):
        steps += _new(f"{wish.engine}-replica-{number}")
    return steps


def _new(name: str) -> list[Step]:
    return [Step(name, "create", "a replica is asked for"), Step(name, "start", "it does not run")]


def starts(steps: Iterable[Step]) -> list[str]:
    """The engines and replicas that the steps start."""
    return [s.engine for s in steps if s.action == "start"]

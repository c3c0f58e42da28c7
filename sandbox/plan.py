"""From what is seen and wished to a list of steps, each with its cause. No I/O: `--dry-run` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["keep", "fetch", "create", "start", "stop", "load"]


@dataclass(frozen=True)
class Wish:
    """What a person asked of one engine. ``dataset`` is a dataset's hash, None for "as it is"; ``port`` and
    ``durable`` are None when nothing was said about them."""

    engine: str
    dataset: str | None = None
    port: int | None = None
    durable: bool | None = None


@dataclass(frozen=True)
class Seen:
    """What was observed of one engine: ``missing_mib`` is what would have to be downloaded."""

    alive: bool = False
    has_data: bool = False
    dataset: str = ""
    port: int | None = None
    durable: bool = False
    died: bool = False
    missing_mib: int = 0


@dataclass(frozen=True)
class Step:
    """One thing to do for one engine, and why."""

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
        if now.missing_mib:
            step("fetch", f"{now.missing_mib} MiB of artifacts are not in the cache")
        if now.alive and not moves and not changes:
            step("keep", "it runs and matches")
        else:
            if now.alive:
                step("stop", f"port {now.port} becomes {wish.port}" if moves else "its durability changes")
            if not now.has_data:
                step("create", "it has no data folder yet")
            step("start", "it died" if now.died else "it does not run")
        if now.has_data and wish.dataset is not None and wish.dataset != now.dataset:
            step("load", "another dataset was asked for")
    return steps


def starts(steps: Iterable[Step]) -> list[str]:
    """The engines that the steps start."""
    return [s.engine for s in steps if s.action == "start"]

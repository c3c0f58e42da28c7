"""All that stands ready for one attempt: engines, namespaces, a folder; and what is put away after it."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Phase, Sink, Warned
from sandbox.grading import limits
from sandbox.grading.context import Context
from sandbox.grading.desk import Desk, TooLong
from sandbox.grading.exercise import Exercise
from sandbox.grading.place import Instance, Place

ENGINE_SECONDS = 90.0
"""How long an engine may take to make a namespace ready or to clear it."""


@dataclass(frozen=True)
class Stage:
    """One attempt's engines and folder. ``place`` is the main engine as the answer sees it, with the
    variables and programs of the others added; ``context`` is handed to the checks."""

    place: Place
    learner: Endpoint
    context: Context
    folder: limits.Folder
    instance: Instance | None

    def revive(self) -> bool:
        """Start the engine again if its process is gone; whether it was. One that the exercise itself killed
        stays as it is."""
        if answers(self.place.endpoint) or (self.instance is not None and self.instance.killed):
            return False
        if self.instance is not None:
            self.instance.start()
        elif self.place.revive is not None:
            self.place.revive()
        return True


SHARING = "attempts-apart"
"""The capability of a server to give each attempt a part of it that the attempt cannot leave."""


def attempt_of(exercise: Exercise, seed: int, engine: str = "") -> Attempt:
    """The attempt at an exercise in a sandbox, on its own engine or on another that it needs. The key is the
    exercise's own, so that what an answer left is found again by the next attempt and by ``reset``; the lock
    keeps two from running at once."""
    spec = exercise.spec
    key = hashlib.sha256(exercise.id.encode()).hexdigest()[:8]
    own = engine in ("", spec.engine)
    owns = spec.owns if own else spec.also.get(engine, {})
    return Attempt(exercise.id, key, seed, owns, alone=own and spec.instance)


@contextmanager
def staged(
    exercise: Exercise, place: Place, *, seed: int, desk: Desk, sink: Sink, keep: bool
) -> Iterator[Stage]:
    """Make everything ready, and put it away again; with ``keep`` what the answer made in engines that run
    on stays until the next attempt."""
    spec = exercise.spec
    home = place
    instance: Instance | None = None
    with ExitStack() as stack:
        # A server that cannot keep an attempt away from what others have in it is not shared.
        if spec.instance or SHARING in place.lacks:
            sink(Phase(exercise.id, "instance"))
            instance = stack.enter_context(_own_instance(exercise, place))
            place = instance.place
        else:
            demand_dataset(exercise, place, desk)
        sink(Phase(exercise.id, "begin"))
        learner, context = stack.enter_context(
            _namespace(exercise, place, seed, desk, sink, keep or instance is not None)
        )
        env: dict[str, str] = {}
        programs = list(place.bin)
        if instance is not None:
            context.instance, context.replicas = instance, tuple(instance.replicas)
            env.update(_replica_env(place, learner, context.replicas))
        for name in spec.needs.engines:
            other = _neighbour(home, name)
            demand_dataset(exercise, other, desk)
            theirs, view = stack.enter_context(_namespace(exercise, other, seed, desk, sink, keep))
            context.others[name] = view
            env.update({**other.env, **other.engine.env(theirs), **other.engine.generic_env(theirs)})
            programs += other.bin
        folder = limits.Folder.make()
        stack.callback(limits.remove, folder)
        context.files = context.work = folder.work
        seen = replace(place, bin=tuple(dict.fromkeys(programs)), env={**place.env, **env})
        yield Stage(seen, learner, context, folder, instance)


@contextmanager
def _namespace(
    exercise: Exercise, place: Place, seed: int, desk: Desk, sink: Sink, keep: bool
) -> Iterator[tuple[Endpoint, Context]]:
    attempt = attempt_of(exercise, seed, place.engine.name)
    learner: Endpoint = asked(
        desk, place, lambda: place.engine.begin(place.endpoint, attempt, place.credentials)
    )
    context = Context(place, attempt, learner)
    try:
        yield learner, context
    finally:
        close(context, desk)
        if not keep:
            clear(place, attempt, desk, sink)


def asked(desk: Desk, place: Place, act: Any) -> Any:
    """What the engine answers; EnvironmentRefusedError in its own words when it refuses. An engine whose
    process is gone is started again, once."""
    if place.revive is not None and not answers(place.endpoint):
        place.revive()
    try:
        return desk.do(act, ENGINE_SECONDS)
    except SandboxError:
        raise
    except Exception as error:
        raise EnvironmentRefusedError(
            f"{place.engine.title} refused to make ready for an exercise: {said(error)}",
            code="engine-refused",
            actions=[
                "sandbox status",
                f"sandbox logs {place.engine.name}",
                f"sandbox up {place.engine.name}",
            ],
        ) from error


def clear(place: Place, attempt: Attempt, desk: Desk, sink: Sink) -> None:
    """Drop what the answer made; a warning when that cannot be done."""
    try:
        asked(desk, place, lambda: place.engine.clear(place.endpoint, attempt))
    except SandboxError as error:
        sink(Warned(f"{attempt.exercise}: what the answer made could not be cleared: {error.title}"))


def close(context: Context, desk: Desk) -> None:
    """End the checks' connections, or leave them behind when that takes too long."""
    try:
        desk.do(context.close, 10)
    except TooLong:
        context.abandon()


def said(error: BaseException) -> str:
    """One line of an error, with its kind."""
    text = error.title if isinstance(error, SandboxError) else str(error)
    return f"{type(error).__name__}: {text}".strip().splitlines()[0][:500]


def answers(endpoint: Endpoint) -> bool:
    """Whether anything listens there; True for a place without a port."""
    if not endpoint.port:
        return True
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=2):
            return True
    except OSError:
        return False


def only_files(folder: Path) -> None:
    """Leave regular files and folders only: a link that an answer made could lead a check anywhere."""
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent) / name for name in [*folders, *files]):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                path.unlink(missing_ok=True)


def _own_instance(exercise: Exercise, place: Place) -> Any:
    if place.instance is None:
        raise EnvironmentRefusedError(
            f"{exercise.id} needs a {place.engine.title} of its own, which cannot be started here.",
            code="no-instance",
        )
    needs = exercise.spec.needs
    key = attempt_of(exercise, 0).key
    return place.instance(key, replicas=needs.replicas, options=dict(needs.options), dataset=needs.dataset)


def _neighbour(place: Place, name: str) -> Place:
    if place.neighbour is None:
        raise EnvironmentRefusedError(
            f"The exercise needs {name} as well.", code="engine-not-running", actions=[f"sandbox up {name}"]
        )
    return place.neighbour(name)


def _replica_env(place: Place, learner: Endpoint, replicas: tuple[Endpoint, ...]) -> dict[str, str]:
    env: dict[str, str] = {}
    for number, replica in enumerate(replicas, start=1):
        here, there = (f"{e.host}:{e.port}" for e in (learner, replica))
        seen = replace(learner, host=replica.host, port=replica.port, url=learner.url.replace(here, there))
        env.update(place.engine.generic_env(seen, replica=number))
    return env


_WHOLE: set[tuple[Path, str, int]] = set()


def demand_dataset(exercise: Exercise, place: Place, desk: Desk) -> None:
    """EnvironmentRefusedError when an exercise needs the dataset and a table is empty or not there; asked
    once for each engine."""
    seen = (place.home, place.engine.name, place.endpoint.port)
    if not exercise.spec.needs.dataset or seen in _WHOLE:
        return
    counts: Mapping[str, int] = asked(desk, place, lambda: place.engine.counts(place.endpoint))
    missing = [table for table in ("customers", "employees", "orders") if not counts.get(table)]
    if missing:
        raise EnvironmentRefusedError(
            f"{exercise.id} needs the dataset, and {place.engine.name} has no {', '.join(missing)}.",
            code="dataset-missing",
            actions=[f"sandbox load {place.engine.name}"],
        )
    _WHOLE.add(seen)

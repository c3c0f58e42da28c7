"""The same batch on a Dask cluster: every worker process grades in a sandbox of its own.

What is sent is an answer and what comes back is its result, as plain data. A worker that dies loses what it
was at; Dask gives that to another one. The sandbox that it left running is taken over by the next worker on
that machine, or taken down when the batch ends.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.events import Said, Sink, silent
from sandbox.grading.batch import spares
from sandbox.grading.batch.crew import Bench, Unit
from sandbox.grading.batch.run import Done, Grader
from sandbox.grading.exercise import Exercise, find, folder_hash

NAME = "dask"
"""Sandboxes of workers are called ``dask-grade-2`` and so on."""
CONNECT_SECONDS = 30
WORKERLESS_SECONDS = 60.0
"""How long a batch goes on without any worker."""


def on_dask(address: str, *, sink: Sink = silent) -> Grader:
    """The grader that sends answers to the workers of a Dask scheduler. UsageError without the extra."""
    distributed = _distributed()

    def grade(units: Sequence[Unit], _exercises: Mapping[str, Exercise], done: Done) -> None:
        try:
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise EnvironmentRefusedError(
                f"No Dask scheduler answers at {address!r}.",
                code="no-cluster",
                detail=str(error),
                actions=["dask scheduler   # prints its address", "dask worker ADDRESS"],
            ) from error
        with client:
            _graded(distributed, client, address, units, done, sink)

    return grade


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UsageError(
            "Grading on a cluster needs Dask, which is not installed.",
            code="dask-missing",
            actions=["python -m pip install 'sandbox[dask]'"],
        ) from error
    return distributed


def _graded(
    distributed: Any, client: Any, address: str, units: Sequence[Unit], done: Done, sink: Sink
) -> None:
    workers = _workers(client)
    if not workers:
        raise _workerless(address)
    sink(Said(f"Grading on {workers} worker{'s' if workers > 1 else ''} of {address}."))
    batch = uuid.uuid4().hex
    futures = {
        client.submit(_grade, batch, unit, key=f"sandbox-{batch}-{number}", pure=False): unit
        for number, unit in enumerate(units)
    }
    watch = _Watch(client, list(futures))
    try:
        for future in distributed.as_completed(futures, loop=client.loop):
            if watch.gave_up:
                raise _workerless(address)
            done(futures[future], _result(future))
    finally:
        watch.over.set()
        with suppress(Exception):
            client.cancel(list(futures))
        with suppress(Exception):
            client.run(_end, batch)


def _workers(client: Any) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _workerless(address: str) -> EnvironmentRefusedError:
    return EnvironmentRefusedError(
        f"The Dask scheduler at {address} has no workers.",
        code="no-workers",
        actions=[f"dask worker {address}", "the same command again   # grades what is missing"],
    )


class _Watch:
    """Gives a batch up when no worker is there any more for a while; nothing else would end the wait."""

    def __init__(self, client: Any, futures: list[Any]) -> None:
        self.over, self.gave_up = threading.Event(), False
        self._client, self._futures = client, futures
        threading.Thread(target=self._loop, name="workers", daemon=True).start()

    def _loop(self) -> None:
        seen = time.monotonic()
        while not self.over.wait(2):
            with suppress(Exception):
                if _workers(self._client):
                    seen = time.monotonic()
            if time.monotonic() - seen > WORKERLESS_SECONDS:
                self.gave_up = True
                with suppress(Exception):
                    self._client.cancel(self._futures)
                return


def _result(future: Any) -> dict[str, Any] | SandboxError:
    try:
        found: dict[str, Any] = future.result()
    except Exception as error:  # noqa: BLE001 - whatever made the worker or its Python fail
        return EnvironmentRefusedError(
            f"The workers could not grade it: {type(error).__name__}: {error}",
            code="worker-failed",
            actions=["python -m pip install sandbox   # the same version, on every worker"],
        )
    if "error" in found:
        said = found["error"]
        return EnvironmentRefusedError(
            f"On worker {found['worker']}: {said['title']}",
            code="worker-failed",
            detail=said["detail"],
            actions=said["actions"],
        )
    return found


# -- on the worker ---------------------------------------------------------------------------------------


@dataclass
class _Post:
    """What one worker process has for one batch: its sandbox, and how many answers it is at."""

    spare: spares.Spare
    bench: Bench
    cancel: threading.Event = field(default_factory=threading.Event)
    running: int = 0


_POSTS: dict[str, _Post] = {}
_OVER: set[str] = set()
_GUARD = threading.Lock()


def _grade(batch: str, unit: Unit) -> dict[str, Any]:
    """Grade one answer on this worker; ``{"error", "worker"}`` when that cannot be done here."""
    import socket

    try:
        exercise = find(unit.exercise)
        if folder_hash(exercise.folder) != unit.exercise_hash:
            raise EnvironmentRefusedError(
                f"{unit.exercise} is not the same there as here.",
                code="worker-differs",
                actions=["install the same version of sandbox on every worker"],
            )
        with _GUARD:
            if batch in _OVER:
                raise EnvironmentRefusedError("The batch is over.", code="worker-failed")
            post = _POSTS.get(batch)
            if post is None:
                spare = spares.claim(NAME)
                post = _POSTS[batch] = _Post(spare, Bench(spare.box))
            post.running += 1
        try:
            post.spare.bring(unit.engines)
            return post.bench.grade(unit, exercise, cancel=post.cancel)
        finally:
            with _GUARD:
                post.running -= 1
    except SandboxError as error:
        return {"error": error.as_json(), "worker": socket.gethostname()}


def _end(batch: str) -> None:
    """Take down this worker's sandbox, and those that dead workers left on this machine."""
    with _GUARD:
        _OVER.add(batch)
        post = _POSTS.pop(batch, None)
    if post is not None:
        post.cancel.set()
        until = time.monotonic() + 30
        while post.running and time.monotonic() < until:
            time.sleep(0.05)
        post.spare.end()
    spares.sweep(NAME)

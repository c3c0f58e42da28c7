"""Downloads: concurrent, resumable, verified. Used by :mod:`.fetch` when the cache lacks something.

A file grows as ``<name>.part`` beside its place and is moved into place only when its hash is right. A
broken transfer goes on where it stopped, in this run or a later one. Two processes that want the same file
share one download behind a file lock.
"""

from __future__ import annotations

import errno
import functools
import os
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Done, Phase, Progress, Sink

from . import wheels
from .artifacts import Artifact, missing
from .fetch import PULL, artifacts_missing
from .transfer import CancelledError, Received, RefusedError, UnreachableError, transfer

THREADS = 16


class Meter:
    """Counts bytes by group and tells the sink, at most ten times a second and group."""

    def __init__(self, groups: Sequence[str], cache: Path, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._lacking = {group: lacking for group in groups if (lacking := missing([group], cache))}
        self._total = {group: sum(a.size for a in lacking) for group, lacking in self._lacking.items()}
        self._done: dict[Artifact, int] = {}
        self._ended: set[Artifact] = set()
        self._told = dict.fromkeys(groups, 0.0)
        self._begun = time.monotonic()
        for group in self._lacking:
            sink(Phase(group, "fetch", self._text(group)))

    def at(self, artifact: Artifact, done: int) -> None:
        """``done`` bytes of an artifact are on the disk."""
        with self._lock:
            self._done[artifact] = min(done, artifact.size)
            now = time.monotonic()
            for group, lacking in self._lacking.items():
                if artifact in lacking and now - self._told[group] >= 0.1:
                    self._told[group] = now
                    self._tell(group)

    def end(self, artifact: Artifact) -> None:
        """An artifact is in its place."""
        with self._lock:
            self._done[artifact] = artifact.size
            self._ended.add(artifact)
            for group, lacking in self._lacking.items():
                if artifact in lacking and self._ended.issuperset(lacking):
                    self._tell(group)
                    seconds = time.monotonic() - self._begun
                    self._sink(Done(group, "fetch", seconds, self._text(group)))

    def _tell(self, group: str) -> None:
        done = sum(self._done.get(artifact, 0) for artifact in self._lacking[group])
        self._sink(Progress(group, "fetch", done, self._total[group], "bytes"))

    def _text(self, group: str) -> str:
        count = len(self._lacking[group])
        return f"{count} {'file' if count == 1 else 'files'}, {self._total[group] / 1e6:.1f} MB"


def download(groups: Sequence[str], cache: Path, sink: Sink) -> None:
    """Bring every missing artifact of some groups into the cache. Errors: see :func:`.fetch.fetch`."""
    lacking = sorted(missing(groups, cache), key=lambda artifact: -artifact.size)
    cancel = threading.Event()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
    try:
        check_room(sum(a.size - _size(part_of(a.path(cache))) for a in lacking), cache)
        _run(lacking, pool, cache, Meter(groups, cache, sink), cancel)
    except (UnreachableError, wheels.PipFailedError) as error:
        raise artifacts_missing(groups, cache, f"They could not be fetched: {error}") from error
    except OSError as error:
        raise storage_error(error, cache) from error
    finally:
        cancel.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _run(
    lacking: Sequence[Artifact], pool: ThreadPoolExecutor, cache: Path, meter: Meter, cancel: threading.Event
) -> None:
    jars = [artifact for artifact in lacking if not artifact.is_wheel]
    # pip first: it takes a second or more before the first byte of a wheel can be asked for.
    locating: dict[Future[dict[Artifact, str]], list[Artifact]] = {
        pool.submit(wheels.locate, batch, cancel): batch
        for batch in wheels.batches(artifact for artifact in lacking if artifact.is_wheel)
    }
    base = maven_url() if jars else ""
    fetching = {pool.submit(_fetch, jar, f"{base}/{jar.maven_path}", cache, meter, cancel) for jar in jars}
    while locating or fetching:
        pending: set[Future[Any]] = {*locating, *fetching}
        ended, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in [future for future in locating if future in ended]:
            urls, batch = future.result(), locating.pop(future)
            fetching |= {pool.submit(_fetch, w, urls.get(w), cache, meter, cancel) for w in batch}
        for done in [done for done in fetching if done in ended]:
            fetching.remove(done)
            done.result()


def maven_url() -> str:
    """The base address of the Maven repository: SANDBOX_MAVEN_URL, else jgo's setting or constant."""
    given = os.environ.get("SANDBOX_MAVEN_URL")
    if not given:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL

        given = GlobalSettings.load().repositories.get("central", MAVEN_CENTRAL_URL)
    return str(given).rstrip("/")


def _fetch(artifact: Artifact, url: str | None, cache: Path, meter: Meter, cancel: threading.Event) -> None:
    path = artifact.path(cache)
    make_folder(path.parent, cache)
    lock = FileLock(path.with_name(".lock"), mode=0o644)
    while True:
        if cancel.is_set():
            raise CancelledError
        try:
            with lock.acquire(timeout=0.5):
                if not artifact.present(cache):
                    path.unlink(missing_ok=True)
                    _fetch_locked(artifact, url, path, functools.partial(meter.at, artifact), cancel)
            break
        except Timeout:
            meter.at(artifact, _size(part_of(path)))  # somebody else is fetching it: show how far they are
    meter.end(artifact)


def _fetch_locked(
    artifact: Artifact, url: str | None, path: Path, tell: Callable[[int], None], cancel: threading.Event
) -> None:
    part = part_of(path)
    try:
        if url is None:
            raise RefusedError("The index offers no file with these bytes.")
        got = transfer(url, part, artifact.size, tell=tell, cancel=cancel)
        if got.sha256 != artifact.sha256:
            # A part left by another day may be what was wrong: once more, from the first byte.
            part.unlink(missing_ok=True)
            got = transfer(url, part, artifact.size, tell=tell, cancel=cancel)
    except (RefusedError, ssl.SSLError) as error:
        if not artifact.is_wheel:
            raise _not_there(artifact, str(error)) from error
        try:
            # pip may have credentials or certificates for the index that we do not know of.
            got = Received(wheels.download_with_pip(artifact, part, cancel), artifact.size)
        except wheels.PipFailedError as pip_error:
            raise _not_there(artifact, f"{error}\n{pip_error}") from pip_error
    if got.sha256 != artifact.sha256:
        part.unlink(missing_ok=True)
        raise EnvironmentRefusedError(
            f"{artifact.file} arrived with wrong bytes, twice.",
            code="artifact-corrupt",
            detail=f"by the lock: sha256 {artifact.sha256}, {artifact.size} bytes\n"
            f"received:    sha256 {got.sha256}, {got.size} bytes",
            actions=[
                "look for a proxy or mirror that changes files (SANDBOX_MAVEN_URL, pip config list)",
                PULL,
            ],
        )
    part.chmod(0o644)
    part.replace(path)


def make_folder(folder: Path, top: Path) -> None:
    """Make a folder below ``top`` that other users can read, whatever the umask."""
    if folder.is_dir():
        return
    if folder != top:
        make_folder(folder.parent, top)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def part_of(path: Path) -> Path:
    """Where a file of the cache grows until it is whole."""
    return path.with_name(path.name + ".part")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def check_room(need: int, cache: Path) -> None:
    """EnvironmentRefusedError when the disk of the cache has less than ``need`` bytes free."""
    make_folder(cache, cache)
    free = shutil.disk_usage(cache).free
    if free < need:
        raise EnvironmentRefusedError(
            f"There is too little room for the cache in {cache}.",
            code="disk-full",
            detail=f"The files that are missing take {need / 1e6:.0f} MB; {free / 1e6:.0f} MB are free.",
            actions=["free some room", "or put the cache elsewhere: SANDBOX_CACHE=/elsewhere"],
        )


def storage_error(error: OSError, cache: Path) -> EnvironmentRefusedError:
    """The error for a cache that cannot be written: a full disk, or somebody else's folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentRefusedError(
            f"The disk is full: the cache in {cache} cannot take more.",
            code="disk-full",
            detail=f"{error.filename or cache}: {error.strerror}. What has arrived is kept.",
            actions=["free some room", "or put the cache elsewhere: SANDBOX_CACHE=/elsewhere", PULL],
        )
    return EnvironmentRefusedError(
        f"The cache in {cache} cannot be written.",
        code="cache-not-writable",
        detail=f"{error.filename or cache}: {error.strerror or error}",
        actions=["use a cache of your own: SANDBOX_CACHE=/elsewhere", f"or have its owner run: {PULL}"],
    )


def _not_there(artifact: Artifact, why: str) -> EnvironmentRefusedError:
    return EnvironmentRefusedError(
        f"{artifact.coordinate} could not be fetched.",
        code="artifact-not-found",
        detail=why,
        actions=["check SANDBOX_MAVEN_URL, or what `pip config list` says about the index", PULL],
    )

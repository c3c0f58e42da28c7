"""Volumes copied for snapshots while their container is paused, and put back into new volumes.

The Docker engine copies files of any container as a tar, whatever its storage driver and wherever it runs, so
each volume is one tar in a snapshot. Volumes cannot change their names: what is restored goes into volumes of
a new generation, and the seat says which one is its own::

    <engine>/volumes             ending of the names of the seat's volumes; without the file they have none
    <engine>/volumes.staging     the generation that is being filled
    <engine>/volumes.restored    the one that is ready for a swap
    <engine>/volumes.before      the one that a swap replaced
"""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import silent
from sandbox.runtimes.docker import compose, twin
from sandbox.runtimes.docker.client import ROOT_LABEL, SEAT_LABEL, client, refusals
from sandbox.runtimes.docker.recipe import recipe
from sandbox.runtimes.snapshots import RESTORED, restored_passwords, restored_path, write_passwords
from sandbox.state import write_atomic

if TYPE_CHECKING:
    from docker.models.containers import Container

    from sandbox.endpoint import Endpoint
    from sandbox.engines.base import Credentials
    from sandbox.runtimes.docker.runtime import DockerRuntime
    from sandbox.state import Seat

_PLACE = "/sandbox-data"
_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
STILL_SECONDS = 10.0
"""How long a container is asked to stand still."""


class _Hold:
    """A paused container, with a guard that outlives us and has it go on when we are killed."""

    def __init__(self, container: Container) -> None:
        self._container, self._held = container, True
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "sandbox.runtimes.docker.guard", container.id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            with refusals(f"{container.name} cannot be paused"):
                _pause(container)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        from docker.errors import APIError

        if not self._held:
            return
        self._held = False
        # One that was not paused, or is gone: there is nothing to do.
        with suppress(APIError):
            self._container.unpause()
        self._guard.communicate(b"done\n")


def _pause(container: Container) -> None:
    """Pause a container. A freezer of control groups version 1 gives up on a busy machine before all threads
    stand, and lets them go on: then once more."""
    from docker.errors import APIError

    deadline = time.monotonic() + STILL_SECONDS
    while True:
        try:
            container.pause()
        except APIError as problem:
            if "unable to freeze" not in str(problem) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


class _Archive(io.FileIO):
    """A file that is sent in large pieces, whatever the one who sends it asks for (16 KiB)."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size if size is None or size < 0 else _CHUNK) or b""


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file, without room on the disk for what is empty in it: of MySQL's files most."""
    with path.open("wb") as file:
        for chunk in chunks:
            if chunk == _ZEROS[: len(chunk)]:
                file.seek(len(chunk), os.SEEK_CUR)
            else:
                file.write(chunk)
        file.truncate()


class DockerKeeper:
    """See :class:`sandbox.runtimes.snapshots.Keeper`."""

    def __init__(self, runtime: DockerRuntime) -> None:
        self.runtime = runtime

    def fits(self, seat: Seat, product: str, version: str) -> bool:
        found, record = recipe(seat.kind), seat.record
        if record.product:
            if (product, version) == (record.product, record.version):
                return True
            if _name(product) != _name(record.product):
                return False
        if found.of_product(product) is not found:
            # Another product in an image of that name: the tag says nothing of its version.
            return not record.product
        # A tag may name less of the version than the server does.
        return _name(product) == _name(found.product) and f"{version}.".startswith(f"{found.version}.")

    def size(self, seat: Seat) -> int:
        return recipe(seat.kind).disk_mib << 20

    def passwords(self, seat: Seat) -> Credentials:
        return restored_passwords(seat) or seat.credentials

    def settle(self, seat: Seat, endpoint: Endpoint) -> None:
        engine_named(seat.engine).flush(endpoint)
        time.sleep(recipe(seat.kind).behind_seconds)

    def hold(self, seat: Seat) -> _Hold:
        found = self.runtime.container(seat)
        if found is None or found.status != "running":
            raise EnvironmentRefusedError(
                f"{seat.name} ended while it was to be copied.",
                code="engine-died",
                actions=[f"sandbox logs {seat.name}", f"sandbox up {seat.name}"],
            )
        return _Hold(found)

    def save(self, seat: Seat, folder: Path) -> int:
        volumes = dict(zip(compose.volume_keys(seat), compose.volume_names(seat), strict=True))
        with _reaching(seat, volumes) as container, refusals(f"the volumes of {seat.name} cannot be copied"):
            for key in volumes:
                chunks, _ = container.get_archive(f"{_PLACE}/{key}", chunk_size=_CHUNK)
                _write(folder / f"{key}.tar", chunks)
        return sum(path.stat().st_blocks * 512 for path in folder.iterdir())

    def stage(self, seat: Seat, folder: Path) -> None:
        seat.folder.mkdir(parents=True, exist_ok=True)
        ending = f"-{secrets.token_hex(4)}"
        write_atomic(_file(seat, "staging"), ending)
        volumes = dict(zip(compose.volume_keys(seat), compose.volume_names(seat, ending=ending), strict=True))
        with refusals(f"volumes for {seat.name} cannot be made"):
            for key, name in volumes.items():
                # Those of Compose too, or it would warn of volumes that it did not make.
                own = {
                    **compose.labels(seat),
                    "com.docker.compose.project": compose.project(seat),
                    "com.docker.compose.volume": key,
                }
                client().volumes.create(name, labels=own)
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._make_ahead, seat, ending)
            with _reaching(seat, volumes) as container, refusals(f"volumes of {seat.name} cannot be filled"):
                for key in volumes:
                    with _Archive(folder / f"{key}.tar") as file:
                        container.put_archive(_PLACE, file)
            ahead.result()
        _file(seat, "staging").rename(_file(seat, "restored"))

    def _make_ahead(self, seat: Seat, ending: str) -> None:
        """The container for the next start, if there is one now that it can be made after."""
        old = self.runtime.container(seat)
        if old is None:
            return
        found = recipe(seat.kind)
        wish = found.container(self.runtime.context(seat, silent))
        before, after = compose.volume_names(seat), compose.volume_names(seat, ending=ending)
        made = twin.make(seat, old, twin.made_of(seat, found, wish), dict(zip(before, after, strict=True)))
        if made is not None and wish.files:
            from sandbox.runtimes.docker.runtime import archive

            with refusals(f"files for {seat.name}"):
                made.put_archive("/", archive(wish.files))

    def swap(self, seat: Seat, was: Credentials | None) -> None:
        write_passwords(seat, was)
        if not _file(seat, "restored").exists():
            return
        if self.runtime.has_data(seat):
            write_atomic(_file(seat, "before"), compose.volume_ending(seat))
        _file(seat, "restored").rename(compose.ending_path(seat))
        seat.data.mkdir(parents=True, exist_ok=True)

    def swap_back(self, seat: Seat) -> None:
        if _file(seat, "before").exists():
            _file(seat, "before").rename(compose.ending_path(seat))

    def recycle(self, seat: Seat, folder: Path) -> None:
        """Nothing: a tar is quickly made anew."""

    def make_room(self, seat: Seat) -> None:
        """Nothing is kept."""

    def left_over(self, seat: Seat) -> bool:
        return any(_file(seat, kind).exists() for kind in ("staging", "restored", "before"))

    def forget(self, seat: Seat) -> None:
        from docker.errors import APIError

        mine = {"label": [f"{ROOT_LABEL}={seat.root}", f"{SEAT_LABEL}={seat.name}"]}
        with refusals(f"volumes of {seat.name} cannot be removed"):
            for container in client().containers.list(all=True, filters=mine, ignore_removed=True):
                if container.name != compose.container_name(seat):
                    container.remove(force=True, v=True)
            for volume in client().volumes.list(filters=mine):
                if volume.name not in compose.volume_names(seat):
                    with suppress(APIError):
                        volume.remove(force=True)
        for kind in ("staging", "restored", "before"):
            _file(seat, kind).unlink(missing_ok=True)
        if seat.record.golden != RESTORED:
            restored_path(seat).unlink(missing_ok=True)


def _name(product: str) -> str:
    """``PostgreSQL`` of ``PostgreSQL 18.6``."""
    return product.rpartition(" ")[0]


def _file(seat: Seat, kind: str) -> Path:
    return compose.ending_path(seat).with_suffix(f".{kind}")


@contextmanager
def _reaching(seat: Seat, volumes: Mapping[str, str]) -> Iterator[Container]:
    """A container that is never started, through which files of volumes are reached."""
    with refusals(f"the volumes of {seat.name} cannot be reached"):
        container = client().containers.create(
            seat.record.image or recipe(seat.kind).image,
            ["true"],
            labels=compose.labels(seat),
            network_mode="none",
            volumes={name: {"bind": f"{_PLACE}/{key}", "mode": "rw"} for key, name in volumes.items()},
        )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


KEEPER = DockerKeeper

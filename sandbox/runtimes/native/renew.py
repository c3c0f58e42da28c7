"""Make the lock anew from :mod:`.wanted`: resolve, hash, write, and say what changed.

Jars are resolved by jgo (pure Python, so no Maven is needed) and hashed by downloading those that the lock
does not have yet. Wheels are resolved by pip, whose report has their hashes. It takes a minute or two.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Done, Phase, Said, Sink, silent

from . import transfer, wheels
from .artifacts import LOCKS, Artifact, read_lock
from .download import maven_url
from .wanted import PLATFORM, PYTHONS, WANTED, Jars, Wheels


@dataclass(frozen=True)
class Change:
    """What a renewal changed in one group: coordinates (with the file's name) that came and went."""

    group: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def renew(groups: Sequence[str] | None = None, *, folder: Path = LOCKS, sink: Sink = silent) -> list[Change]:
    """Resolve the wanted coordinates of some groups (default: all) anew and write the lock into ``folder``.

    The same answers of the registries give the same bytes. A coordinate that is locked already keeps its
    hash; other bytes under the same coordinate are an error, never taken over in silence. Returns the groups
    that changed. Raises EnvironmentRefusedError when something cannot be resolved.
    """
    changes = []
    for group in groups or tuple(WANTED):
        begun = time.monotonic()
        sink(Phase(group, "resolve"))
        wanted = WANTED[group]
        before = read_lock(folder / f"{group}.json")
        after = _jars(wanted, before) if isinstance(wanted, Jars) else _wheels(wanted)
        _check_same_bytes(group, before, after)
        write_lock(folder / f"{group}.json", after)
        old, new = ({f"{a.coordinate} ({a.file})" for a in artifacts} for artifacts in (before, after))
        if old != new:
            changes.append(Change(group, tuple(sorted(new - old)), tuple(sorted(old - new))))
            for text in [f"+ {name}" for name in changes[-1].added] + [f"- {n}" for n in changes[-1].removed]:
                sink(Said(f"{group}: {text}"))
        sink(Done(group, "resolve", time.monotonic() - begun, f"{len(after)} files"))
    return changes


def write_lock(path: Path, artifacts: Iterable[Artifact]) -> None:
    """Write one group's file: one artifact a line in a fixed order, so that a change reads as such in a diff.

    The order is also that of the class path.
    """
    entries = []
    for artifact in sorted(artifacts, key=lambda artifact: (artifact.file.lower(), artifact.coordinate)):
        entry: dict[str, Any] = {
            "coordinate": artifact.coordinate,
            "file": artifact.file,
            "sha256": artifact.sha256,
            "size": artifact.size,
        }
        if artifact.python:
            entry["python"] = list(artifact.python)
        if artifact.platform:
            entry["platform"] = artifact.platform
        entries.append(json.dumps(entry))
    path.write_text('{"artifacts": [\n  ' + ",\n  ".join(entries) + "\n]}\n", encoding="utf-8")


def _check_same_bytes(group: str, before: Sequence[Artifact], after: Sequence[Artifact]) -> None:
    known = {(artifact.coordinate, artifact.file): artifact.sha256 for artifact in before}
    for artifact in after:
        was = known.get((artifact.coordinate, artifact.file), artifact.sha256)
        if was != artifact.sha256:
            raise EnvironmentRefusedError(
                f"{artifact.file} has other bytes than when it was locked.",
                code="artifact-changed",
                detail=f"group {group}\nsha256 by the lock: {was}\nsha256 offered now: {artifact.sha256}",
                actions=["find out why before you trust it; to take it, remove its line from the lock first"],
            )


def _jars(wanted: Jars, before: Sequence[Artifact]) -> list[Artifact]:
    coordinates = _closure(wanted.roots) if wanted.closure else list(wanted.roots)
    kept = [coordinate for coordinate in coordinates if wanted.keeps(coordinate)]
    known = {artifact.coordinate: artifact for artifact in before}
    base = maven_url()
    with tempfile.TemporaryDirectory(prefix="sandbox-lock-") as scratch, ThreadPoolExecutor(8) as pool:

        def lock(coordinate: str) -> Artifact:
            return known.get(coordinate) or _lock_jar(coordinate, base, Path(scratch))

        return [replace(artifact, platform=wanted.platform) for artifact in pool.map(lock, kept)]


def _closure(roots: Sequence[str]) -> list[str]:
    """The coordinates of all jars that some jars need to run, and their own."""
    from jgo.maven import MavenContext, PythonResolver
    from jgo.parse import Coordinate

    # A repository of its own: what another tool left in ~/.m2 must not decide.
    with tempfile.TemporaryDirectory(prefix="sandbox-lock-") as repository:
        context = MavenContext(
            resolver=PythonResolver(),
            repo_cache=Path(repository),
            remote_repos={"central": maven_url()},
            timeout=60,
        )
        wanted = [context.create_dependency(replace(Coordinate.parse(r), scope="compile")) for r in roots]
        try:
            top, transitive = context.resolver.resolve(wanted)
        except Exception as error:  # jgo raises whatever its parts raise
            raise EnvironmentRefusedError(
                f"The jars that {roots[0]} needs could not be resolved.",
                code="lock-unresolved",
                detail=f"{type(error).__name__}: {error}",
                actions=["check the network and SANDBOX_MAVEN_URL, then try again"],
            ) from error
    needed = [*top, *(dep for dep in transitive if dep.scope in ("compile", "runtime"))]
    return list(dict.fromkeys(_coordinate(dep.artifact) for dep in needed if dep.artifact.packaging == "jar"))


def _coordinate(artifact: Any) -> str:
    parts = [artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier]
    return ":".join(part for part in parts if part)


def _lock_jar(coordinate: str, base: str, scratch: Path) -> Artifact:
    _, name, version, *classifier = coordinate.split(":")
    artifact = Artifact(coordinate, "-".join([name, version, *classifier]) + ".jar", "", 0)
    url = f"{base}/{artifact.maven_path}"
    part = scratch / artifact.file
    try:
        size = _size_of(url)
        got = transfer.transfer(url, part, size, tell=lambda _done: None, cancel=threading.Event())
    except (transfer.UnreachableError, transfer.RefusedError, OSError) as error:
        raise _unresolved(coordinate, str(error)) from error
    part.unlink()
    return replace(artifact, sha256=got.sha256, size=got.size)


def _wheels(wanted: Wheels) -> list[Artifact]:
    found: dict[str, Artifact] = {}
    addresses: dict[str, str] = {}
    for python in PYTHONS:
        try:
            installs = wheels.report([wanted.root], python=python, closure=wanted.closure)
        except wheels.PipFailedError as error:
            raise _unresolved(wanted.root, str(error)) from error
        if wanted.closure:
            _check_markers(wanted.root, installs, python)
        for install in installs:
            url = install["download_info"]["url"]
            file = urllib.parse.unquote(url.rsplit("/", 1)[1])
            addresses[file] = url
            if file not in found:
                found[file] = Artifact(
                    f"{install['metadata']['name']}=={install['metadata']['version']}",
                    file,
                    install["download_info"]["archive_info"]["hashes"]["sha256"],
                    0,
                    platform="" if file.endswith("-any.whl") else PLATFORM,
                )
            found[file] = replace(found[file], python=(*found[file].python, python))
    with ThreadPoolExecutor(8) as pool:
        sizes = dict(zip(addresses, pool.map(_size_of, addresses.values()), strict=True))
    return [
        replace(wheel, size=sizes[file], python=() if wheel.python == PYTHONS else wheel.python)
        for file, wheel in found.items()
    ]


def _check_markers(root: str, installs: Sequence[dict[str, Any]], python: str) -> None:
    """Make sure that nothing is missing for a version of Python other than the running one.

    pip judges conditions like ``python_version >= "3.12"`` by the Python it runs on, whatever it was told to
    resolve for.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    names = {canonicalize_name(install["metadata"]["name"]) for install in installs}
    for install in installs:
        extras = Requirement(root).extras if install.get("requested") else set()
        cases = [
            {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
            for extra in ("", *extras)
        ]
        for line in install["metadata"].get("requires_dist", []):
            needed = Requirement(line)
            if needed.marker and not any(needed.marker.evaluate(case) for case in cases):
                continue
            if canonicalize_name(needed.name) not in names:
                name = install["metadata"]["name"]
                raise _unresolved(
                    root, f"On Python {python} {name} needs {line!r}: renew the lock on Python {python}."
                )


def _size_of(url: str) -> int:
    head = transfer.request(url, method="HEAD")
    with urllib.request.urlopen(head, timeout=transfer.TIMEOUT) as answer:  # noqa: S310
        return int(answer.headers["Content-Length"])


def _unresolved(coordinate: str, why: str) -> EnvironmentRefusedError:
    return EnvironmentRefusedError(
        f"{coordinate} could not be resolved.",
        code="lock-unresolved",
        detail=why,
        actions=["check the network and the versions in wanted.py, then try again"],
    )

"""Fetch artifacts into the cache: what is missing, all groups at once, verified by sha256.

On the warm path this is one ``stat`` an artifact; the machinery of downloading (:mod:`.download`) is
imported only when something is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Progress, Sink, silent

from .artifacts import Artifact, artifacts, group_names, missing, unique

PULL = "sandbox pull"


def fetch(
    groups: Iterable[str], *, cache: Path, sink: Sink = silent, offline: bool = False
) -> dict[str, list[Path]]:
    """The files of some groups, by group, in the order of the lock; fetched first if they are missing.

    Emits Phase, Progress (bytes) and Done with phase ``fetch`` for each group that lacked something.
    Raises EnvironmentRefusedError when something is missing and cannot be had: ``--offline``, no network,
    a full disk, wrong bytes twice.
    """
    names = list(dict.fromkeys(groups))
    if missing(names, cache):
        if offline:
            raise artifacts_missing(names, cache, "--offline was given.")
        from .download import download

        download(names, cache, sink)
    return {name: [artifact.path(cache) for artifact in artifacts(name)] for name in names}


def artifacts_missing(groups: Sequence[str], cache: Path, why: str) -> EnvironmentRefusedError:
    """The error for artifacts that are missing and cannot be fetched now: by group, and the way on."""
    lines = []
    for group in groups:
        lacking = missing([group], cache)
        if lacking:
            size = sum(artifact.size for artifact in lacking) / 1e6
            names = ", ".join(artifact.coordinate for artifact in lacking[:3])
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            lines.append(
                f"{group}: {len(lacking)} of {len(artifacts(group))} files, {size:.1f} MB ({names}{more})"
            )
    detail = "\n".join([why, *lines, f"Looked for in {cache}."])
    return EnvironmentRefusedError(
        "Files that the engines need are missing, and cannot be fetched now.",
        code="artifacts-missing",
        detail=detail,
        actions=[
            f"with a network: {PULL}",
            "without: sandbox bundle load FILE   # made elsewhere by `sandbox bundle create`",
        ],
    )


def sha256(path: Path) -> str:
    """The hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Bad:
    """An artifact that is not as the lock says. ``found`` is its hash, empty when it is missing."""

    artifact: Artifact
    path: Path
    found: str


def verify(
    groups: Iterable[str] | None = None, *, cache: Path, sink: Sink = silent, remove: bool = False
) -> list[Bad]:
    """Hash every artifact of some groups (default: all that the cache has anything of) and tell the bad ones.

    With ``remove`` a file with wrong bytes is deleted, so that the next fetch brings it anew.
    """
    if groups is None:
        groups = [g for g in group_names() if any(a.present(cache) for a in _for_this_machine(g))]
    wanted = unique(groups)
    total, done, bad = sum(artifact.size for artifact in wanted), 0, []
    for artifact in wanted:
        path = artifact.path(cache)
        found = sha256(path) if path.is_file() else ""
        if found != artifact.sha256:
            bad.append(Bad(artifact, path, found))
            if remove:
                path.unlink(missing_ok=True)
        done += artifact.size
        sink(Progress("artifacts", "verify", done, total, "bytes"))
    return bad


def _for_this_machine(group: str) -> tuple[Artifact, ...]:
    try:
        return artifacts(group)
    except EnvironmentRefusedError:
        return ()

"""Classes of a fetched jar with a few bytes changed, in a jar of their own that comes before it.

For what a server fixes in its code and offers no setting for. The artifacts are pinned by their hash, so the
bytes are known; an upgrade that moves them fails when the engine is installed, and not later.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.errors import BugError
from sandbox.events import Sink, silent

from .ecj import pack
from .installs import publish

Change = tuple[bytes, bytes]
"""Bytes that a class holds exactly once, and as many others to put in their place."""

Changes = Mapping[str, Sequence[Change]]
"""What to change in which classes (``org/example/Some.class``) of a jar."""


def amended(name: str, jar: Path, changes: Changes, *, cache: Path, sink: Sink = silent) -> Path:
    """A jar called ``name`` with those classes of another jar that ``changes`` names, each changed; made if
    the cache does not have it yet. BugError when a class is not as expected."""
    # An artifact's folder is its hash, so its path stands for its bytes.
    facts = repr((jar.parent.name, jar.name, sorted(changes.items())))
    key = hashlib.sha256(facts.encode()).hexdigest()[:12]

    def build(staging: Path) -> None:
        with tempfile.TemporaryDirectory(dir=staging) as scratch:
            write(jar, changes, Path(scratch))
            pack(Path(scratch), staging / f"{name}.jar")

    return publish(cache, f"{name}-{key}", build, subject=name, sink=sink) / f"{name}.jar"


def write(jar: Path, changes: Changes, folder: Path) -> None:
    """Write the changed classes of a jar into a folder, all or none of them. BugError when a class is not as
    expected."""
    made: dict[Path, bytes] = {}
    with zipfile.ZipFile(jar) as archive:
        for member, several in changes.items():
            code = archive.read(member)
            for old, new in several:
                if code.count(old) != 1 or len(old) != len(new):
                    raise BugError(
                        f"{member} of {jar.name} is not what was to be amended.", code="class-not-as-known"
                    )
                code = code.replace(old, new)
            made[folder / member] = code
    for file, code in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(code)

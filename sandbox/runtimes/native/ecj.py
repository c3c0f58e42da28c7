"""Compile our own small Java sources when an engine is prepared, so that no binary lies in the repository.

The compiler is Eclipse's, a single jar that runs on a mere runtime. The result is a jar, because class-data
archives take classes from jars only.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, silent

from .fetch import fetch
from .installs import publish
from .java import Java, run_java

RELEASE = "17"

_EPOCH = (1980, 1, 1, 0, 0, 0)


def compile_java(
    name: str,
    sources: Mapping[str, str],
    classpath: Sequence[Path],
    *,
    cache: Path,
    java: Java,
    sink: Sink = silent,
    offline: bool = False,
) -> Path:
    """A jar with the classes of some sources, compiled for Java 17 if the cache does not have it yet.

    ``sources`` maps the path of each file (``org/example/Launcher.java``, as its package says) to its text.
    Files that are no ``.java`` go into the jar as they are (``META-INF/services/...``). Keyed by sources and
    class path; the jar's path and bytes stay the same. Raises EnvironmentRefusedError when it does not
    compile, with what the compiler said.
    """
    [compiler] = fetch(["ecj"], cache=cache, sink=sink, offline=offline)["ecj"]
    # An artifact's folder is its hash, so its path stands for its bytes; the cache itself may move.
    facts = [RELEASE, *(f"{jar.parent.name}/{jar.name}" for jar in (compiler, *classpath))]
    facts += [f"{path}\0{text}" for path, text in sorted(sources.items())]
    key = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]

    def build(staging: Path) -> None:
        with tempfile.TemporaryDirectory(dir=staging) as scratch:
            source, classes = Path(scratch) / "source", Path(scratch) / "classes"
            classes.mkdir()
            for path, text in sources.items():
                file = (source if path.endswith(".java") else classes) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            run_java(
                [
                    java.executable, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", compiler,
                    f"-{RELEASE}", "-nowarn", "-encoding", "UTF-8", "-d", classes,
                    "-classpath", os.pathsep.join(map(str, classpath)), source,
                ],
                f"The Java sources of {name} do not compile.",
            )  # fmt: skip
            pack(classes, staging / f"{name}.jar")

    return publish(cache, f"{name}-{key}", build, subject=name, sink=sink) / f"{name}.jar"


def pack(classes: Path, jar: Path) -> None:
    """A jar of the files in a folder: the same bytes for the same files."""
    files = sorted(file for file in classes.rglob("*") if file.is_file())
    if not files:
        raise EnvironmentRefusedError(f"Compiling {jar.stem} made no classes.", code="java-failed")
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            member = zipfile.ZipInfo(file.relative_to(classes).as_posix(), _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, file.read_bytes(), zipfile.ZIP_DEFLATED)
    jar.chmod(0o644)

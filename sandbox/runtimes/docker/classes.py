"""Our own Java classes for a server in a container: compiled by the Java of its image against the jars there.

So they fit the image, whatever patch release is behind its tag, and the machine itself needs no Java.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import BugError, EnvironmentRefusedError
from sandbox.events import Sink
from sandbox.runtimes.docker.client import LABEL, client, refusals
from sandbox.runtimes.docker.tars import archive
from sandbox.runtimes.native.amend import Changes, write
from sandbox.runtimes.native.ecj import RELEASE, pack
from sandbox.runtimes.native.fetch import fetch
from sandbox.runtimes.native.installs import publish
from sandbox.runtimes.native.jvm import sources

if TYPE_CHECKING:
    from docker.models.containers import Container

SECONDS = 180
_PLACE = "/tmp/sandbox-classes"  # noqa: S108 - in a container of its own

Amend = tuple[str, Changes]
"""The path of a jar in an image, which may be a pattern, and what is to be changed in its classes."""


def jar(
    image: str,
    folder: str,
    jars: str,
    cache: Path,
    sink: Sink,
    *,
    amend: Amend | None = None,
    offline: bool = False,
) -> bytes:
    """A jar of our sources in ``java/<folder>``, compiled in a container of an image against some jars there
    (patterns of paths with blanks between them); once for an image. The image must be there.
    ``amend`` adds classes of the image with changes; they stay as they are where the image has no such jar,
    or one with other classes. EnvironmentRefusedError when the compiler cannot be had, or refuses."""
    [compiler] = fetch(["ecj"], cache=cache, sink=sink, offline=offline)["ecj"]
    texts = sources(folder)
    with refusals(f"{image} cannot be looked at"):
        found = client().images.get(image).id
    facts = [RELEASE, str(found), jars, repr(amend), f"{compiler.parent.name}/{compiler.name}"]
    facts += [f"{path}\0{text}" for path, text in sorted(texts.items())]
    key = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]

    def build(staging: Path) -> None:
        with tempfile.TemporaryDirectory(dir=staging) as scratch:
            classes = Path(scratch) / "out" / "classes"
            _compile(image, jars, compiler, texts, Path(scratch), amend[0] if amend else "")
            server = Path(scratch) / "out" / "server.jar"
            if amend and server.exists():
                with suppress(BugError, KeyError):
                    write(server, amend[1], classes)
            pack(classes, staging / "sandbox.jar")

    made = publish(cache, f"docker-{folder}-classes-{key}", build, subject=folder, sink=sink)
    return (made / "sandbox.jar").read_bytes()


def _compile(
    image: str, jars: str, compiler: Path, texts: Mapping[str, str], into: Path, server: str
) -> None:
    """Leave ``out/classes`` in ``into``, and the jar ``server`` of the image as ``out/server.jar``."""
    words = (
        f"-jar {_PLACE}/ecj.jar -{RELEASE} -nowarn -encoding UTF-8 -d {_PLACE}/out/classes {_PLACE}/source"
    )
    copy = f"cp $(ls {server} | head -n 1) {_PLACE}/out/server.jar 2>/dev/null; " if server else ""
    script = (
        f"{copy}"
        f"exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC {words} "
        f"-classpath \"$(ls {jars} 2>/dev/null | tr '\\n' ':')\""
    )
    files: dict[str, str | bytes] = {f"{_PLACE}/ecj.jar": compiler.read_bytes(), f"{_PLACE}/out/": ""}
    files |= {f"{_PLACE}/source/{path}": text for path, text in texts.items()}
    with refusals(f"classes cannot be compiled in {image}"):
        container: Container = client().containers.create(
            image,
            [script],
            entrypoint=["sh", "-c"],
            labels={LABEL: "true"},
            network_mode="none",
            mem_limit="768m",
        )
        try:
            container.put_archive("/", archive(files))
            container.start()
            code = container.wait(timeout=SECONDS)["StatusCode"]
            if code != 0:
                said = container.logs(tail=20).decode(errors="replace").strip()
                raise EnvironmentRefusedError(
                    f"The Java sources of {image} do not compile in it.",
                    code="java-failed",
                    detail=f"java ended with code {code}:\n{said}",
                    actions=["sandbox up --runtime native"],
                )
            chunks, _ = container.get_archive(f"{_PLACE}/out")
            content = io.BytesIO(b"".join(chunks))
        finally:
            container.remove(force=True, v=True)
    with tarfile.open(fileobj=content) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                (into / member.name).parent.mkdir(parents=True, exist_ok=True)
                (into / member.name).write_bytes(file.read())

"""An engine's own client programs, taken out of its image with the libraries that they are linked to.

For clients that the native runtime has no like of: MariaDB's cannot log in to MySQL. They run on machines of
the image's own kind, by the image's own loader, whatever libraries are installed there.
"""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, silent
from sandbox.runtimes.docker.client import LABEL, client, refusals
from sandbox.runtimes.native.installs import publish

if TYPE_CHECKING:
    from docker.models.containers import Container

SECONDS = 180
_PLACE = "/tmp/sandbox-programs"  # noqa: S108 - in a container of its own
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "AMD64": "amd64"}
# The loader lists what a program is linked to instead of starting it; it is one of them itself.
_SCRIPT = f"""\
mkdir -p {_PLACE}/lib {_PLACE}/real
for name do
  path=$(command -v "$name") || continue
  cp -L "$path" {_PLACE}/real/ || exit 1
  LD_TRACE_LOADED_OBJECTS=1 "$path" | sed -n 's/^[^/]*\\(\\/[^ ]*\\) (0x.*/\\1/p' |
    while read -r library; do cp -L "$library" {_PLACE}/lib/ || exit 1; done || exit 1
done
"""
_START = """\
#!/bin/sh
here=$(dirname "$0")/..
exec "$here/lib/{loader}" --library-path "$here/lib" "$here/real/{name}" "$@"
"""


def folder(
    image: str, names: Sequence[str], wrapper: Callable[[str], str], cache: Path, sink: Sink = silent
) -> Path | None:
    """The folder with scripts of these names, made once for an image; None where its programs do not run.
    ``wrapper`` gives the text of a program's script, which finds the program in ``../programs``. The image
    must be there."""
    if not sys.platform.startswith("linux"):
        return None
    with refusals(f"{image} cannot be looked at"):
        found = client().images.get(image)
    if found.attrs.get("Architecture") != _ARCHITECTURES.get(platform.machine()):
        return None
    texts = {name: wrapper(name) for name in names}
    key = hashlib.sha256(repr((found.id, texts, _SCRIPT, _START)).encode()).hexdigest()[:12]

    def build(staging: Path) -> None:
        _take(image, names, staging)
        loader = next((path.name for path in (staging / "lib").glob("ld-*")), "")
        for real in (staging / "real").iterdir():
            for folder, text in (
                ("programs", _START.format(loader=loader, name=real.name)),
                ("bin", texts[real.name]),
            ):
                script = staging / folder / real.name
                script.parent.mkdir(mode=0o755, exist_ok=True)
                script.write_text(text, encoding="utf-8")
                script.chmod(0o755)

    return publish(cache, f"docker-programs-{key}", build, subject=image, sink=sink) / "bin"


def _take(image: str, names: Sequence[str], into: Path) -> None:
    """Leave the folders ``real`` and ``lib`` in ``into``."""
    with refusals(f"programs cannot be taken out of {image}"):
        container: Container = client().containers.create(
            image,
            ["-c", _SCRIPT, "sh", *names],
            entrypoint=["sh"],
            labels={LABEL: "true"},
            network_mode="none",
            mem_limit="256m",
        )
        try:
            container.start()
            code = container.wait(timeout=SECONDS)["StatusCode"]
            if code != 0:
                raise EnvironmentRefusedError(
                    f"The programs of {image} cannot be taken out of it.",
                    code="docker-error",
                    detail=container.logs(tail=20).decode(errors="replace").strip(),
                    actions=["sandbox doctor"],
                )
            chunks, _ = container.get_archive(_PLACE)
            content = io.BytesIO(b"".join(chunks))
        finally:
            container.remove(force=True, v=True)
    with tarfile.open(fileobj=content) as tar:
        for member in tar.getmembers():
            # Not by `extract`: its filters came with Python 3.11.4.
            _, *parts = PurePosixPath(member.name).parts
            target = into.joinpath(*parts)
            if not parts or ".." in parts:
                continue
            if member.isdir():
                target.mkdir(mode=0o755)
            elif (data := tar.extractfile(member)) is not None:
                target.write_bytes(data.read())
                target.chmod(member.mode & 0o755)

"""The command line of an engine on the JVM: small heap, fast start, nothing written outside its folder.

Measured on two cores, for a server that answers in half a second: the serial collector and the first compiler
alone save a third of the CPU seconds to the first query, a class-data archive another half.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from sandbox.errors import BugError
from sandbox.events import Sink
from sandbox.runtimes.native.ecj import compile_java
from sandbox.runtimes.native.fetch import fetch
from sandbox.runtimes.native.java import cds_key, find_java
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

FLAGS = (
    "-XX:+UseSerialGC",
    # The optimising compiler costs more seconds than a small sandbox ever gets back.
    "-XX:TieredStopAtLevel=1",
    # Else a file of every JVM lies in /tmp, for tools that nobody points at it.
    "-XX:-UsePerfData",
    # Better gone, and seen to be gone, than half alive.
    "-XX:+ExitOnOutOfMemoryError",
    # What cannot be archived, or an archive that does not fit any more, is nothing to tell the user.
    "-Xlog:cds=off",
    "-Xlog:cds+dynamic=off",
)

PROPERTIES = {"java.net.preferIPv4Stack": "true", "java.awt.headless": "true", "file.encoding": "UTF-8"}


def command(
    context: Context,
    main: str,
    *arguments: str,
    heap_mib: int,
    first_heap_mib: int = 32,
    flags: Sequence[str] = (),
    properties: Mapping[str, str] | None = None,
) -> list[str]:
    """argv for a main class on the class path of the install: its ``paths``, jars only, in their order.

    The heap begins with ``first_heap_mib`` and may grow to ``heap_mib``. Uses the class-data archive of the
    context when there is one, and has it written at exit when the context is training.
    """
    java = context.installed.java
    if java is None:
        raise BugError(f"{main} was installed without a Java.", code="no-java")
    return line(
        str(java.executable),
        os.pathsep.join(map(str, context.installed.paths.values())),
        main,
        *arguments,
        work=str(context.work),
        heap_mib=heap_mib,
        first_heap_mib=first_heap_mib,
        flags=[*_archive(context), *flags],
        properties=properties,
    )


def line(
    java: str,
    class_path: str,
    main: str,
    *arguments: str,
    work: str,
    heap_mib: int,
    first_heap_mib: int = 32,
    flags: Sequence[str] = (),
    properties: Mapping[str, str] | None = None,
) -> list[str]:
    """argv for a main class, with the flags that hold for all engines; ``work`` is for temporary files."""
    # Fatal errors are written beside the data, where `logs` and a person find them.
    own = {"java.io.tmpdir": work, **PROPERTIES, **(properties or {})}
    return [
        java,
        f"-Xms{first_heap_mib}m",
        f"-Xmx{heap_mib}m",
        *FLAGS,
        f"-XX:ErrorFile={work}/hs_err.log",
        *flags,
        *(f"-D{name}={value}" for name, value in own.items()),
        "-cp",
        class_path,
        main,
        *arguments,
    ]


def install(
    recipe: Recipe,
    name: str,
    cache: Path,
    sink: Sink,
    *,
    offline: bool,
    needed: Callable[[Path], bool] = lambda _: True,
) -> Installed:
    """Fetch the jars of a recipe's groups, find its Java, compile our own sources in ``java/<engine>`` into a
    jar called ``name``, and key the class-data archive.

    Our jar comes first on the class path: what it defines wins. ``needed`` says which jars the compiler is
    shown; fewer make the jar's key depend on fewer."""
    fetched = fetch((*recipe.groups, "ecj"), cache=cache, sink=sink, offline=offline)
    jars = [jar for group in recipe.groups for jar in fetched[group]]
    java = find_java(recipe.java, cache=cache, sink=sink, offline=offline)
    ours = compile_java(
        name,
        sources(recipe.engine),
        [jar for jar in jars if needed(jar)],
        cache=cache,
        java=java,
        sink=sink,
        offline=offline,
    )
    path = [ours, *jars]
    return Installed({jar.name: jar for jar in path}, java=java, archive_key=cds_key(java, path))


def _archive(context: Context) -> list[str]:
    if context.archive is None:
        return []
    if context.training:
        return [f"-XX:ArchiveClassesAtExit={context.archive}"]
    # "auto": a JVM that cannot use the archive starts without it, only slower.
    return ["-Xshare:auto", f"-XX:SharedArchiveFile={context.archive}"]


def sources(folder: str) -> dict[str, str]:
    """Our own Java sources in ``java/<folder>``, by the path that their package asks for
    (``sandbox/<folder>/Server.java``), as :func:`.ecj.compile_java` takes them."""
    found = resources.files(__package__).joinpath("java", folder)
    return {
        f"sandbox/{folder}/{file.name}": file.read_text(encoding="utf-8")
        for file in sorted(found.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".java")
    }

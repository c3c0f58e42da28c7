"""What is missing or odd on this machine, each with its remedy."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox import config, preflight
from sandbox.engines.registry import NAMES, engine
from sandbox.errors import SandboxError
from sandbox.runtimes import ports
from sandbox.runtimes.native import golden, process
from sandbox.runtimes.native.artifacts import this_platform
from sandbox.runtimes.native.registry import recipe
from sandbox.state import State, names

Level = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``remedy`` is empty where nothing is to be done."""

    subject: str
    level: Level
    text: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything; a look that fails is itself a finding."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _platform,
        _folders,
        _room,
        _java,
        _artifacts,
        _libraries,
        _docker,
        _ports,
        _sandboxes,
        _passwords,
    )
    for look in looks:
        try:
            yield from look()
        except (SandboxError, OSError) as problem:
            yield Finding(look.__name__.strip("_"), "problem", str(problem))


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding(
        "python", "ok" if fits else "problem", f"Python {version}", "" if fits else "use 3.11 to 3.13"
    )
    import importlib.util

    if importlib.util.find_spec("pip") is None:
        yield Finding(
            "pip",
            "warning",
            "this environment has no pip, which fetches the engines that come as wheels",
            "python -m ensurepip, or: uv pip install pip",
        )


def _platform() -> Iterator[Finding]:
    here = this_platform()
    without = [name for name in NAMES if here not in recipe(name).platforms]
    if without:
        yield Finding("platform", "problem", f"{here}: no native recipe for {', '.join(without)}")
    else:
        yield Finding("platform", "ok", here)


def _folders() -> Iterator[Finding]:
    for subject, folder, variable in (
        ("home", config.home(), "SANDBOX_HOME"),
        ("cache", config.cache(), "SANDBOX_CACHE"),
    ):
        there = next(p for p in (folder, *folder.parents) if p.exists())
        import os

        if subject == "cache" and there == folder and not os.access(there, os.W_OK):
            yield Finding(
                subject,
                "note",
                f"{folder} is another user's; data folders are prepared in {config.home() / golden.PREPARED}",
                "export SANDBOX_CACHE to a folder of yours, if something is to be fetched",
            )
        elif not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                subject, "problem", f"{folder} cannot be written", f"export {variable}=~/some/folder"
            )
        else:
            yield Finding(subject, "ok", str(folder))
        if process.lesser_user():
            closed = [p for p in (there, *there.parents) if not p.stat().st_mode & 0o001]
            if closed:
                yield Finding(
                    subject,
                    "problem",
                    f"{closed[-1]} keeps out the user {process.lesser_user()!r}, as whom engines run",
                    f"export {variable} to a folder that others may enter",
                )


def _room() -> Iterator[Finding]:
    free, needed = preflight.available_memory() >> 20, sum(recipe(n).memory_mib for n in NAMES)
    level: Level = "ok" if free > needed + preflight.RESERVE_MIB else "warning"
    yield Finding(
        "memory",
        level,
        f"{free} MiB free; all engines together take about {needed} MiB",
        "" if level == "ok" else "start fewer engines: sandbox up postgres redis",
    )
    folder = config.cache()
    there = next(p for p in (folder, *folder.parents) if p.exists())
    space = shutil.disk_usage(there).free >> 20
    wanted = sum(recipe(n).disk_mib for n in NAMES)
    level = "ok" if space > wanted else "warning"
    yield Finding(
        "disk",
        level,
        f"{space} MiB free at {there}; all engines together take about {wanted} MiB",
        "" if level == "ok" else "free some space, or export SANDBOX_CACHE to a roomier disk",
    )


def _java() -> Iterator[Finding]:
    from sandbox.runtimes.native.java import find_java

    asked = {recipe(name).java: name for name in reversed(NAMES) if recipe(name).java}
    for majors, name in asked.items():
        fits = " or ".join(str(major) for major in majors)
        try:
            found = find_java(majors, cache=config.cache(), offline=True)
        except SandboxError:
            yield Finding("java", "note", f"no Java {fits} for {name} here; one is fetched when it is needed")
        else:
            yield Finding("java", "ok", f"Java {found.version} ({found.origin}) for {name}: {found.home}")


def _artifacts() -> Iterator[Finding]:
    from sandbox.runtimes.native.artifacts import missing

    cache = config.cache()
    lacking = {n: sum(a.size for a in missing(recipe(n).groups, cache)) for n in NAMES}
    absent = {n: size for n, size in lacking.items() if size}
    if absent:
        listed = ", ".join(f"{n} {size / 1e6:.0f} MB" for n, size in absent.items())
        yield Finding("artifacts", "note", f"not fetched yet: {listed}", "sandbox pull")
    else:
        yield Finding("artifacts", "ok", "everything is in the cache: no network is needed")


def _libraries() -> Iterator[Finding]:
    import ctypes

    for library, package in (("libcrypt.so.1", "libcrypt1"), ("libsystemd.so.0", "libsystemd0")):
        try:
            ctypes.CDLL(library)
        except OSError:
            yield Finding(
                "mysql", "problem", f"{library} is missing, which MariaDB needs", f"apt-get install {package}"
            )


def _docker() -> Iterator[Finding]:
    from sandbox.runtimes.docker.doctor import examine as examine_docker

    yield from examine_docker()


def _ports() -> Iterator[Finding]:
    ours: set[int] = set()
    for name in names():
        try:
            for record in State(name).engines.values():
                ours.update(record.ports.values())
        except SandboxError:
            continue
    for name in NAMES:
        port = engine(name).default_port
        if recipe(name).prefers_default_port and port not in ours and not ports.free(port):
            yield Finding(
                "ports", "note", f"{port} is held by {ports.holder(port)}; {name} will take another port"
            )


def _sandboxes() -> Iterator[Finding]:
    from sandbox.sandbox import Sandbox

    for name in names():
        try:
            found = Sandbox(name=name).status(probe=False)
        except SandboxError as problem:
            yield Finding(f"sandbox {name}", "problem", problem.title, "; ".join(problem.actions))
            continue
        died = [e.name for e in found if e.state == "died"]
        if died:
            yield Finding(
                f"sandbox {name}",
                "warning",
                f"died: {', '.join(died)}",
                f"sandbox up {' '.join(died)} --name {name}",
            )
        else:
            up = [e.name for e in found if e.state == "running"]
            yield Finding(f"sandbox {name}", "ok", f"runs: {', '.join(up)}" if up else "is down")


def _passwords() -> Iterator[Finding]:
    for name in NAMES:
        why = recipe(name).no_password
        if why:
            yield Finding("passwords", "note", f"{name} has none: {why}")

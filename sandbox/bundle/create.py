"""Make a bundle: fetch what the engines need, then write it into one file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox import __version__, config
from sandbox.events import Sink, silent
from sandbox.runtimes.native.artifacts import Artifact, group_names, this_platform, this_python, unique

from .contents import README, Manifest, Member, now
from .writing import Source, chunks_of, refuse_existing, write


def groups_of(engine: str) -> list[str]:
    """The groups of the lock that an engine needs on a machine that has nothing: also Java, where it runs on
    that, and the compiler for our own Java sources."""
    from sandbox.runtimes.native.registry import recipe

    found = recipe(engine)
    groups = list(found.groups)
    if found.java:
        java = next((f"java-{major}" for major in found.java if f"java-{major}" in group_names()), None)
        groups += [group for group in ("ecj", java) if group]
    return groups


def create(
    file: Path,
    engines: Sequence[str],
    *,
    images: bool = False,
    wheels: bool = False,
    force: bool = False,
    sink: Sink = silent,
) -> Manifest:
    """Write a bundle of some engines to ``file``; what is missing here is fetched first.

    On a platform that an engine has no native recipe for, the bundle can hold its image only.

    Raises UsageError when the file exists and ``force`` is not given; EnvironmentRefusedError as
    :func:`sandbox.runtimes.native.fetch.fetch` does, when wheels or images cannot be had, or the file not be
    written.
    """
    from sandbox.runtimes.native.fetch import fetch, verify
    from sandbox.runtimes.native.registry import check_platform, recipe

    file = file.expanduser().absolute()
    refuse_existing(file, force=force)
    cache = config.cache()
    native = [name for name in engines if this_platform() in recipe(name).platforms]
    if not images:
        for engine in engines:
            check_platform(engine)
    groups = [group for engine in native for group in groups_of(engine)]
    if images and any(recipe(engine).java for engine in engines):
        # The Docker runtime compiles our own Java sources with it, in a container.
        groups.append("ecj")
    fetch(groups, cache=cache, sink=sink)

    def mend() -> None:
        verify(groups, cache=cache, remove=True)
        fetch(groups, cache=cache, sink=sink)

    sources = [_artifact(artifact, cache, mend) for artifact in unique(groups)]
    if wheels:
        sources += _wheels(cache, sink)
    if images:
        from .images import sources as images_of_engines

        sources += images_of_engines(engines, sink)
    facts = Manifest(
        sandbox=__version__,
        created=now(),
        platform=this_platform(),
        python=this_python(),
        engines=tuple(
            {"engine": name, "product": recipe(name).product, "version": recipe(name).version}
            for name in engines
        ),
        members=(),
    )
    pip = next((s.member.name for s in sources if s.member.name.startswith("wheels/pip-")), "")
    readme = _readme(file.name, facts, pip, images=images).encode()
    return write(file, facts, [_text(README, "text", readme), *sources], force=force, sink=sink)


def _artifact(artifact: Artifact, cache: Path, mend: Callable[[], None]) -> Source:
    member = Member(
        f"artifacts/{artifact.sha256[:16]}/{artifact.file}",
        "artifact",
        artifact.size,
        artifact.sha256,
        artifact.coordinate,
        artifact.python,
    )
    return Source(member, chunks_of(artifact.path(cache)), mend=mend)


def _wheels(cache: Path, sink: Sink) -> list[Source]:
    from sandbox.runtimes.native.fetch import sha256

    from .wheels import dependencies, own_wheel, own_wheel_name

    own = _text(f"wheels/{own_wheel_name()}", "wheel", own_wheel(sink))
    return [
        own,
        *(
            Source(
                Member(f"wheels/{wheel.name}", "wheel", wheel.stat().st_size, sha256(wheel)), chunks_of(wheel)
            )
            for wheel in dependencies(cache, sink)
        ),
    ]


def _text(name: str, kind: str, text: bytes) -> Source:
    return Source(Member(name, kind, len(text), hashlib.sha256(text).hexdigest()), lambda: iter((text,)))


def _readme(name: str, facts: Manifest, pip: str, *, images: bool) -> str:
    import shlex

    file, python = shlex.quote(name), f"python{facts.python}"
    names = [entry["engine"] for entry in facts.engines]
    engines, up = ", ".join(names), " ".join(["sandbox up", *names])
    if images:
        up += f"\n    {up} --runtime docker    # the same from images, where Docker is"
    begin = f"""\
Everything that `sandbox` {facts.sandbox} needs to run {engines}
on a machine without a network ({facts.platform}, Python {facts.python}).
"""
    if not pip:
        return f"""{begin}
It does not hold `sandbox` itself, which must be installed there already. Then:

    sandbox bundle load {file}
    {up}
"""
    return f"""{begin}
1. Install `sandbox` from this file:

    tar -xf {file} wheels
    {python} -m venv sandbox-venv && sandbox-venv/bin/pip install --no-index --find-links wheels sandbox

2. Bring the engines' files into its cache, then start:

    . sandbox-venv/bin/activate
    sandbox bundle load {file}
    {up}

Where `{python} -m venv` says that ensurepip is missing, this takes pip from here instead:

    {python} -m venv --without-pip sandbox-venv
    sandbox-venv/bin/python {pip}/pip install --no-index --find-links wheels sandbox
"""

"""Images in a bundle: what Docker saves, compressed on the way, and given back to Docker on load."""

from __future__ import annotations

import functools
import re
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.events import Sink

from .contents import Member
from .writing import CHUNK, Source

if TYPE_CHECKING:
    from docker.api.client import APIClient

_SECONDS = 1800
"""How long Docker may be silent: older engines write the whole image to the disk before its first byte."""
_LEVEL = 1
_RATIO = 0.52
"""What gzip at this level leaves of an image at most, for the check of the room (measured: 0.36 to 0.52)."""


def images_of(engines: Sequence[str]) -> list[str]:
    """The images that the Docker runtime runs these engines from, each once."""
    from sandbox.runtimes.docker.recipe import recipe

    return list(dict.fromkeys(recipe(engine).image for engine in engines))


def sources(engines: Sequence[str], sink: Sink) -> list[Source]:
    """The images of some engines, pulled first where they are not there.

    Raises EnvironmentRefusedError when no Docker engine answers, or an image cannot be had.
    """
    from sandbox.runtimes.docker.client import client, refusals
    from sandbox.runtimes.docker.images import pull
    from sandbox.runtimes.docker.recipe import recipe

    names = images_of(engines)
    pull([recipe(engine) for engine in engines], sink, offline=False, cancelled=threading.Event())
    made = []
    for name in names:
        with refusals(f"{name} cannot be looked at"):
            found = client().images.get(name)
        member = Member(
            name=f"images/{re.sub(r'[^a-z0-9._-]+', '-', name)}.tar.gz",
            kind="image",
            bytes=int(found.attrs["Size"] * _RATIO),
            sha256="",
            of=name,
            id=str(found.id),
        )
        made.append(Source(member, functools.partial(_saved, name), sized=False))
    return made


def _saved(name: str) -> Iterator[bytes]:
    from sandbox.runtimes.docker.client import refusals

    pack = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    with refusals(f"{name} cannot be saved"), _patient() as api:
        for some in api.get_image(name, chunk_size=CHUNK):
            yield pack.compress(some)
    yield pack.flush()


def is_there(member: Member) -> bool:
    """Whether Docker has that very image under its name; EnvironmentRefusedError when it does not answer."""
    from docker.errors import ImageNotFound

    from sandbox.runtimes.docker.client import client, refusals

    with refusals(f"{member.of} cannot be looked at"):
        try:
            return bool(client().images.get(member.of).id == member.id)
        except ImageNotFound:
            return False


def bring(member: Member, chunks: Iterable[bytes]) -> None:
    """Give an image to Docker; its name then means this one. EnvironmentRefusedError when Docker refuses."""
    from sandbox.runtimes.docker.client import client, refusals

    with refusals(f"{member.of} cannot be loaded"), _patient() as api:
        for said in api.load_image(chunks, quiet=True) or ():
            if "error" in said:
                from docker.errors import ImageLoadError

                raise ImageLoadError(said["error"])
        client().images.get(member.of)


@contextmanager
def _patient() -> Iterator[APIClient]:
    from sandbox.runtimes.docker.client import client

    api = client().api
    before, api.timeout = api.timeout, _SECONDS
    try:
        yield api
    finally:
        api.timeout = before

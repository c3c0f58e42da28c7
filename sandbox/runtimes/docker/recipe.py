"""How one engine runs from an official image, as plain data for the runtime.

One recipe a module in this package, named after its engine (``postgres.py`` ...) and a provider that is not
the usual one (``aws_localstack.py``), instance ``RECIPE``. What everybody would want of a container of this
image stands in ``compose/<engine>.yaml``, which also works with plain ``docker compose``; a recipe says only
what one sandbox's container has besides: passwords, settings, files.
"""

from __future__ import annotations

import importlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

from sandbox.endpoint import Endpoint
from sandbox.engines.base import ASKED_AGAIN_SECONDS, Credentials, Engine
from sandbox.events import Sink
from sandbox.runtimes.base import Facts
from sandbox.state import kind_of


@dataclass(frozen=True)
class Context:
    """All that a recipe needs to say what a container shall have.

    ``cache`` is where fetched artifacts lie. ``durable``: keep every acknowledged write over a crash of the
    machine. ``options`` are settings of the engine's own configuration that differ from the recipe's.
    ``published`` is the port on which this machine reaches it. ``primary`` is the host name of a replica's
    primary in their network, where it listens on the image's own port; ``number`` which replica it is.
    ``ring``: it is a node that others may join, or that joins others.
    """

    credentials: Credentials
    cache: Path
    sink: Sink
    durable: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    published: int = 0
    primary: str = ""
    number: int = 0
    ring: bool = False


KEPT = ".sandbox-kept"
"""A folder of a volume that no snapshot replaces: it holds what is no data."""

Content = str | bytes | Callable[[], str | bytes]


def as_bytes(content: str | bytes) -> bytes:
    """Of a file's content."""
    return content.encode() if isinstance(content, str) else content


@dataclass(frozen=True)
class Container:
    """What one sandbox's container has besides what its Compose file says.

    ``variables`` fill the ``${...}`` of the Compose file (``SANDBOX_PASSWORD`` is always given).
    ``environment``, ``command``, ``entrypoint``, ``user`` and ``tmpfs`` are those of a Compose service; None
    leaves what the file says. ``files`` are put into the container before its first start: text or bytes by
    absolute path, readable by everybody in the container, or what makes them, of which each will do as well
    as another (keys); a path that ends with a slash is a folder, also in a volume, that everybody there may
    write to.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    user: str | None = None
    tmpfs: Sequence[str] | None = None
    files: Mapping[str, Content] = field(default_factory=dict)


class Recipe(Facts, ABC):
    """How one engine runs in a container. ``version`` is the image's tag until the engine was asked."""

    image: ClassVar[str]
    """The official image with its tag, as the Compose file names it; SANDBOX_<ENGINE>_IMAGE names another."""
    provider: ClassVar[str] = ""
    """Which of the engine's providers it is; empty for the usual one."""
    port: ClassVar[int]
    """The port it listens on inside of the container."""
    first_password: ClassVar[str] = ""
    """The password that new data have before :meth:`Engine.secure` gives them the sandbox's; empty when the
    image sets that itself."""
    copy_mark: ClassVar[str] = ""
    """A file in the container, with ``$NAME`` for variables of its environment, that is there as long as a
    replica's data hold nothing but what its primary has."""
    entrypoint: ClassVar[tuple[str, ...]] = ("docker-entrypoint.sh",)
    """The official image's own."""
    again: ClassVar[str] = ""
    """An option with which the container's command starts the engine without the entrypoint, on data that are
    there, as the user whom that would choose; empty when the entrypoint costs nothing."""
    unheard: ClassVar[tuple[str, ...]] = ()
    """Words of a replica that ended because nobody answered it in time: on a busy machine the others may
    stand still for longer than it waits."""
    passing: ClassVar[re.Pattern[str] | None] = None
    """Which files on its volumes the server makes anew when it needs them, so that no copy has to have them;
    by the ends of their paths."""
    stop_seconds: ClassVar[int] = 20
    """How long a clean stop may take before SIGKILL."""
    start_seconds: ClassVar[float] = 180.0
    """How long the probe may go on failing before the start counts as failed."""

    def prepare(self, cache: Path, sink: Sink, *, offline: bool) -> None:
        """Make ready in the cache what goes into containers; the image is there. Cheap when it is done."""

    def probe_first(self, engine: Engine, endpoint: Endpoint) -> None:
        """As the engine's own probe, for the first node of a ring whose others may not run yet: being told
        that too few of them do is an answer."""
        engine.probe(endpoint, seconds=ASKED_AGAIN_SECONDS)

    @property
    def kind(self) -> str:
        """What :func:`recipe` finds it by."""
        return kind_of(self.engine, self.provider)

    @property
    def chosen_image(self) -> str:
        """The image that containers are made of: the official one, unless the environment names another."""
        return os.environ.get(self.image_variable) or self.image

    @property
    def image_variable(self) -> str:
        """The variable that names another image."""
        return f"SANDBOX_{self.engine.upper()}_IMAGE"

    def bin(self, cache: Path) -> tuple[Path, ...]:
        """Folders with clients for it that are there: those of the native runtime, unless they do not fit."""
        from sandbox.runtimes.docker.clients import folders

        return folders(self.engine, cache)

    @abstractmethod
    def container(self, context: Context) -> Container:
        """What the container of a sandbox has besides what the Compose file says."""


@cache
def recipe(kind: str) -> Recipe:
    """The recipe of an engine, or of another provider of it (``aws-localstack``)."""
    module = importlib.import_module(f"sandbox.runtimes.docker.{kind.replace('-', '_')}")
    found: Recipe = module.RECIPE
    return found

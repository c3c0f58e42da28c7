"""A native recipe: how one engine is made to run from fetched artifacts, as plain data for the runtime.

One recipe a module in this package, named after its engine (``postgres.py`` ...), instance ``RECIPE``.
The runtime does the rest the same way for all: fetch, golden copy, ports, start, probe, passwords, stop.

The way of an engine to its first query::

    install()      artifacts -> install folders in the cache (cheap when they are there)
    initialise()   an empty data folder                         \\  once per golden key, in a staging
    service()      argv, env, files, ports -> process, probe     | folder; then load(), clean stop,
                                                                /  rename to golden/<engine>/<key>
    service()      on a copy of the golden folder, with this sandbox's ports and passwords
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sandbox.engines.base import Credentials
from sandbox.events import Sink
from sandbox.runtimes.base import Facts, ServiceSpec

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.runtimes.native.java import Java


@dataclass(frozen=True)
class Installed:
    """Where a recipe's artifacts lie after :meth:`Recipe.install`.

    ``paths`` is the recipe's own naming (``root``, ``jars`` ...). ``java`` for JVM engines.
    ``archive_key`` identifies the class-data archive (JVM build + class path), empty when there is none.
    ``bin`` are folders with clients to put on PATH (psql, mariadb, valkey-cli, aws).
    """

    paths: Mapping[str, Path]
    java: Java | None = None
    archive_key: str = ""
    bin: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Context:
    """All that a recipe needs to say what to run.

    ``data`` is the engine's data folder, ``work`` a folder for its configuration, sockets and temporary
    files (made anew at each start); both belong to ``user`` (None: the user who runs sandbox; as root a
    lesser one, because PostgreSQL refuses root and nothing here needs it). ``archive``: the class-data
    archive to use if it exists; ``training`` asks for it to be written at exit (``ArchiveClassesAtExit``).
    ``durable``: keep every acknowledged write over a kill -9, at the price of speed.
    """

    installed: Installed
    data: Path
    work: Path
    ports: Mapping[str, int]
    credentials: Credentials
    user: str | None = None
    archive: Path | None = None
    training: bool = False
    durable: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    """Settings of the engine's own configuration file that differ from the recipe's."""
    primary: Endpoint | None = None
    """For a replica: where the administrator reaches its primary."""
    number: int = 0
    """Which replica it is, from 1; 0 for a primary."""


class Recipe(Facts, ABC):
    """How one engine runs natively. ``version`` is part of the golden key; ``disk_mib`` is for data folder,
    golden copy and install together; ``empty_is_fast`` says that an instance starts sooner on an empty folder
    than on a copy of the golden one."""

    config_version: ClassVar[int] = 1
    """Raise it when configuration or the first folder changes so that old golden copies must go."""
    groups: ClassVar[tuple[str, ...]]
    """Names of artifact groups in the lock."""
    java: ClassVar[tuple[int, ...]] = ()
    """Major versions of Java that fit; the last resort is fetched in the first of them."""
    platforms: ClassVar[tuple[str, ...]] = ("linux-x86_64",)
    """Platforms the artifacts exist for."""
    spreads: ClassVar[tuple[str, ...]] = ()
    """Folders below the data folder in which the engine makes and drops folders (:mod:`.spread`)."""
    nice: ClassVar[int] = 0
    """Niceness while it starts beside others."""
    first_password: ClassVar[str] = ""
    """The password that a new data folder has before :meth:`Engine.secure` gives it the golden copy's; empty
    when :meth:`initialise` sets that itself."""
    stop_signal: ClassVar[int] = signal.SIGTERM
    """What asks the engine to stop cleanly."""
    abort_signal: ClassVar[int] = signal.SIGKILL
    """What ends it at once when its data are not needed any more."""
    stop_seconds: ClassVar[float] = 60.0
    """How long a clean stop may take before SIGKILL, which loses what an engine saves when it stops."""
    settle_seconds: ClassVar[float] = 180.0
    """The same at the end of a golden build, when a JVM also writes its class-data archive."""
    start_seconds: ClassVar[float] = 300.0
    """How long the probe may go on failing before the start counts as failed."""

    @abstractmethod
    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        """Fetch what is missing and unpack it into the cache; only a few stats when all is there."""

    @abstractmethod
    def initialise(self, context: Context) -> None:
        """Make an empty, startable data folder with the credentials of the context. Runs programs, if it
        must, as ``context.user`` (see :func:`sandbox.runtimes.native.process.run_as`)."""

    def recover(self, context: Context) -> None:
        """Make a data folder startable that a killed process left. Called before each start on a folder
        that was used before, when no process of ours lives."""

    def copy(self, context: Context) -> None:
        """Make the data folder of a replica of ``context.primary``, in ``context.data``, which is empty; or,
        when it is copied at rest, make the copy there one of a replica."""

    def is_copy(self, data: Path) -> bool:  # noqa: ARG002
        """Whether a replica's data folder is known to hold nothing but what its running primary has, so that
        it may be made anew when the replica does not start on it."""
        return False

    def discard(self, data: Path) -> None:
        """Free what a killed process holds outside its data folder, before that is deleted."""

    @abstractmethod
    def service(self, context: Context) -> ServiceSpec:
        """What to run on ``context.data``. Pure: no I/O beyond looking at the install."""

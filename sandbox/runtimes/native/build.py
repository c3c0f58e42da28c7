"""Making a golden copy: first folder, start, load, clean stop, rename."""

from __future__ import annotations

import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.base import Credentials, Engine
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Warned
from sandbox.runtimes import ports
from sandbox.runtimes.clock import Clock
from sandbox.runtimes.native import golden, process
from sandbox.runtimes.native.launch import LAST_LINES, Launch
from sandbox.runtimes.native.recipe import Context, Installed, Recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from sandbox.datasets import Dataset


@dataclass
class Build:
    """A golden copy to be made for a seat. ``archive`` is where the class-data archive of a JVM engine
    belongs; it is written at the end of the build when it is not there yet."""

    cache: Path
    seat: Seat
    recipe: Recipe
    engine: Engine
    installed: Installed
    archive: Path | None
    dataset: Dataset
    key: str
    clock: Clock
    user: str | None
    cancelled: threading.Event

    def make(self) -> golden.Golden:
        """Make it, unless somebody else just did: one builder of a key at a time."""
        from filelock import FileLock

        locks = self.cache / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"golden-{self.seat.engine}-{self.key}.lock"):
            made = golden.find(self.cache, self.recipe, self.key)
            if made is None or self._training:
                self._make()
                made = golden.find(self.cache, self.recipe, self.key)
        if made is None:
            raise EnvironmentRefusedError(
                f"The golden copy of {self.recipe.product} vanished while it was made.", code="build-failed"
            )
        return made

    @property
    def _training(self) -> bool:
        return self.archive is not None and not self.archive.exists()

    def _make(self) -> None:
        staged = golden.staging(self.cache, self.recipe, self.key)
        launch = self._launch(staged)
        try:
            rows = self._load(launch)
        except SandboxError:
            raise
        except Exception as problem:
            raise EnvironmentRefusedError(
                f"The first data folder of {self.recipe.product} could not be made: {problem}",
                code="build-failed",
                detail=process.tail(launch.log, LAST_LINES),
                actions=[f"sandbox logs {self.seat.engine}", "sandbox doctor"],
            ) from problem
        finally:
            launch.end()
            self.seat.folder.mkdir(parents=True, exist_ok=True)
            if launch.log.exists():
                shutil.copyfile(launch.log, self.seat.folder / "build.log")
        if launch.context.training:
            self._keep_archive(launch.context)
        golden.keep(self.cache, self.recipe, self.key, staged, launch.context.credentials, rows)

    def _launch(self, staged: Path) -> Launch:
        for part in (staged / "data", staged / "work"):
            part.chmod(0o700)
            process.own(part, self.user)
        chosen: dict[str, int] = {}
        for role in self.recipe.ports:
            chosen[role] = ports.any_free(chosen.values())
        context = Context(
            installed=self.installed,
            data=staged / "data",
            work=staged / "work",
            ports=chosen,
            credentials=Credentials(secrets.token_hex(12), secrets.token_hex(12)),
            user=self.user,
            archive=staged / "work" / "classes.jsa" if self._training else self.archive,
            training=self._training,
            durable=self.seat.record.durable,
        )
        return Launch(
            self.engine,
            self.recipe,
            context,
            self.seat.build_run,
            staged / "build.log",
            self.seat.mark,
            self.clock,
            self.cancelled,
        )

    def _load(self, launch: Launch) -> dict[str, int]:
        context, engine = launch.context, self.engine
        with self.clock.phase("initialise"):
            self.recipe.initialise(context)
        endpoint = engine.endpoint(ports.HOST, context.ports["main"], context.credentials)
        first = endpoint
        if self.recipe.first_password:
            given = Credentials(self.recipe.first_password, self.recipe.first_password)
            first = engine.endpoint(ports.HOST, context.ports["main"], given)
        launch.start()
        launch.wait([endpoint, first], "first start")
        engine.secure(first, endpoint, context.credentials)
        with self.clock.phase("load"):
            rows = engine.load(endpoint, self.dataset, self.clock.sink)
        with self.clock.phase("settle", "writes the class-data archive" if context.training else ""):
            launch.end(settle=True)
        return rows

    def _keep_archive(self, context: Context) -> None:
        if self.archive is None or context.archive is None or not context.archive.exists():
            text = f"{self.recipe.product} wrote no class-data archive; it will start slower."
            self.clock.sink(Warned(text))
            return
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.archive.with_suffix(".new")
        shutil.copyfile(context.archive, fresh)
        fresh.rename(self.archive)

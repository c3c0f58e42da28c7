"""MiniStack from the official image, started by our :mod:`sandbox.runtimes.native.aws_server`."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.events import Sink
from sandbox.runtimes.docker.recipe import KEPT, Container, Context, Recipe
from sandbox.runtimes.native.artifacts import this_platform
from sandbox.runtimes.native.aws import RECIPE as NATIVE
from sandbox.runtimes.native.aws import SOURCES, settings, sources
from sandbox.runtimes.native.environments import environment

PLACE = "/opt/sandbox"
CLI = "awscli"
DATA = "/tmp/ministack-data"  # noqa: S108 - of the image, where its user may write


class AwsRecipe(Recipe):
    """One process for all services and accounts, with what the native runtime adds to MiniStack."""

    engine = "aws"
    image = "ministackorg/ministack:1.5.33-full"
    version = NATIVE.version
    product = NATIVE.product
    port = 4566
    memory_mib = 120
    disk_mib = 40
    order = 60
    approximation = NATIVE.approximation
    lacks = NATIVE.lacks
    passing = re.compile(rf"/{re.escape(KEPT)}(/|$)")

    def prepare(self, cache: Path, sink: Sink, *, offline: bool) -> None:
        if _has_cli():
            environment(CLI, cache, sink=sink, offline=offline)

    def bin(self, cache: Path) -> tuple[Path, ...]:
        try:
            return (environment(CLI, cache, offline=True).bin,) if _has_cli() else ()
        except SandboxError:
            return ()

    def container(self, context: Context) -> Container:
        environment = {
            **settings(context.credentials.admin, DATA, durable=context.durable),
            "SANDBOX_BIND": "0.0.0.0",  # noqa: S104 - of the container
            # What we add relies on the insides of this version.
            "SANDBOX_MINISTACK": self.version,
            "DOCKER_HOST": f"unix://{PLACE}/no-docker",
            # As natively; and where its user may write, so that only the first start compiles.
            "PYTHONOPTIMIZE": "",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": f"{DATA}/{KEPT}",
            **context.options,
        }
        # MiniStack itself lies in the image's working folder, what it needs where its Python looks.
        command = ["python", "-s", f"{PLACE}/{SOURCES[0]}", "/opt/ministack"]
        files: dict[str, str | bytes] = {f"{PLACE}/{name}": text for name, text in sources().items()}
        return Container(environment=environment, entrypoint=command, user="ministack", files=files)


def _has_cli() -> bool:
    """Whether the AWS CLI that answers and the prompt use exists for this machine."""
    return this_platform() in NATIVE.platforms


RECIPE = AwsRecipe()

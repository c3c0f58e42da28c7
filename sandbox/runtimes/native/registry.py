"""Native recipes by engine, imported on first use."""

from __future__ import annotations

import importlib
import platform
from functools import cache

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.native.recipe import Recipe


def this_platform() -> str:
    """``linux-x86_64`` and the like."""
    return f"{platform.system().lower()}-{platform.machine().lower()}"


@cache
def recipe(engine: str) -> Recipe:
    """The engine's recipe."""
    module = importlib.import_module(f"sandbox.runtimes.native.{engine}")
    found: Recipe = module.RECIPE
    return found


def check_platform(engine: str) -> None:
    """EnvironmentRefusedError when the recipe's artifacts do not exist for this machine."""
    found = recipe(engine)
    if this_platform() not in found.platforms:
        raise EnvironmentRefusedError(
            f"{found.product} cannot be run natively on {this_platform()}.",
            code="platform-unsupported",
            detail=f"Its artifacts exist for: {', '.join(found.platforms)}.",
            actions=["sandbox doctor"],
        )

"""Native recipes by engine, imported on first use."""

from __future__ import annotations

import importlib
from functools import cache

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.native.artifacts import this_platform
from sandbox.runtimes.native.recipe import Recipe


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

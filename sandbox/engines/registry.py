"""The engines there are, in the order in which they are shown. Modules are imported on first use."""

from __future__ import annotations

import importlib
from functools import cache

from sandbox.engines.base import Engine
from sandbox.errors import unknown_name

NAMES: tuple[str, ...] = ("postgres", "mysql", "cassandra", "mongodb", "redis", "gremlin", "aws")


@cache
def engine(name: str) -> Engine:
    """The engine of that name; UsageError with the nearest names when there is none."""
    if name not in NAMES:
        raise unknown_name("engine", name, NAMES, list_command="sandbox engines")
    module = importlib.import_module(f"sandbox.engines.{name}")
    found: Engine = module.ENGINE
    return found


def chosen(names: list[str] | None) -> list[str]:
    """The names given, checked and in the order of the registry; all of them for none."""
    if not names:
        return list(NAMES)
    for name in names:
        if name not in NAMES:
            raise unknown_name("engine", name, NAMES, list_command="sandbox engines")
    return [name for name in NAMES if name in names]

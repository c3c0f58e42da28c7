"""For tests of programs that use the engines: what the pytest plugin and unittest are built on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.testing.case import SandboxTestCase
    from sandbox.testing.choice import Choice
    from sandbox.testing.endpoints import AwsEndpoint, FreshEngine, LiveEndpoint
    from sandbox.testing.session import Session

__all__ = ["AwsEndpoint", "Choice", "FreshEngine", "LiveEndpoint", "SandboxTestCase", "Session"]

_PLACES = {
    "AwsEndpoint": "endpoints",
    "FreshEngine": "endpoints",
    "LiveEndpoint": "endpoints",
    "SandboxTestCase": "case",
    "Choice": "choice",
    "Session": "session",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)

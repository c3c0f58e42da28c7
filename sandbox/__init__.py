"""`sandbox`: the data services of a cloud course on your own machine.

The public API is what this module names: :class:`Sandbox`, :class:`Endpoint` and the error classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.errors import (
    BugError,
    EnvironmentRefusedError,
    NotSoError,
    SandboxError,
    UsageError,
)

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.sandbox import Sandbox

__version__ = "0.1.0"

__all__ = [
    "BugError",
    "Endpoint",
    "EnvironmentRefusedError",
    "NotSoError",
    "Sandbox",
    "SandboxError",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `sandbox --help` must not pay for the domain code.
    if name == "Sandbox":
        from sandbox.sandbox import Sandbox

        return Sandbox
    if name == "Endpoint":
        from sandbox.endpoint import Endpoint

        return Endpoint
    raise AttributeError(name)

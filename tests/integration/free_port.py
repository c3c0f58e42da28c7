"""A port for a test that names one before it is used."""

from __future__ import annotations

import secrets

from sandbox.runtimes import ports

LOWEST = 10_000


def free_port(*avoid: int) -> int:
    """A free port that nobody takes before it is used: sandboxes choose theirs from higher ones, of which
    others have some at work, and the kernel gives out those above."""
    while True:
        port = secrets.choice(range(LOWEST, ports.LOWEST))
        if port not in avoid and ports.free(port):
            return port

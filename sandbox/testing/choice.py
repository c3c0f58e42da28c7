"""Which sandbox a run of tests uses. Light: a run that asks for no engine imports no more than this."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """Which sandbox a run of tests uses, and how. All its processes share it.

    ``own``: it is the run's own, and deleted at its end. ``keep``: what the run starts goes on running.
    ``together`` are engines that are started side by side with the first one. ``dataset``
    (``course``, ``empty``, ``scale-12`` or a folder) is for a sandbox of the run's own; ``runtime`` is for
    engines that are new. ``worker`` names one process of several that share it; somebody else calls
    :func:`sandbox.testing.session.finish` then."""

    name: str
    own: bool = False
    keep: bool = False
    together: tuple[str, ...] = ()
    dataset: str = ""
    runtime: str = ""
    worker: str = ""

    @classmethod
    def of(
        cls,
        name: str | None = None,
        *,
        keep: bool = False,
        key: str = "",
        together: Sequence[str] = (),
        dataset: str = "",
        runtime: str = "",
    ) -> Choice:
        """The sandbox of that name (else of ``SANDBOX_NAME``), or one of the run's own. ``key`` tells apart
        the ones that are kept: the next run of the same key goes on with it."""
        named = name or os.environ.get("SANDBOX_NAME")
        if named:
            return cls(named, keep=keep, together=tuple(together), runtime=runtime)
        own = f"tests-{key}" if keep and key else f"tests-{secrets.token_hex(6)}"
        return cls(own, True, keep, tuple(together), dataset, runtime)

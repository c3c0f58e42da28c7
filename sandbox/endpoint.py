"""Where an engine answers: all that a client needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of a running engine.

    ``database`` is the place of the dataset in the engine's own words (database, keyspace, traversal
    source, Redis database number); empty where there is none. ``options`` are engine-specific extras
    (for ``aws``: ``region``; for TLS: ``ca``), all strings. ``url`` is the conventional connection URL.
    """

    engine: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    database: str = ""
    url: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        # Reprs reach logs and test reports: keep the password out of them.
        where = f"{self.engine} at {self.host}:{self.port}"
        return f"Endpoint({where}, user={self.user!r}, database={self.database!r})"

"""What grading needs to know of one running engine of one sandbox, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Credentials

if TYPE_CHECKING:
    from sandbox.engines.base import Engine


@dataclass(frozen=True)
class Place:
    """A running engine of a sandbox, ready to be graded on.

    ``home`` is the sandbox's own state folder (locks of grading go there). ``endpoint`` and ``credentials``
    are the administrator's and stay with the grader; the answer gets what ``engine.begin`` returns.
    ``bin`` are folders put before the system's on the answer's PATH (psql, valkey-cli, aws ...), ``env``
    variables added to its environment. ``lacks`` are the capabilities that this recipe has not;
    ``approximation`` is the recipe's sentence, empty when the engine is the real one. ``facts`` go into
    every result as they are: ``engine_version``, ``product``, ``runtime``, ``dataset_hash``.
    """

    sandbox: str
    home: Path
    engine: Engine
    endpoint: Endpoint
    credentials: Credentials
    bin: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    approximation: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

"""What grading needs to know of one running engine of one sandbox, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Credentials

if TYPE_CHECKING:
    from sandbox.engines.base import Engine


class Instance(Protocol):
    """A process of an engine that one attempt has for itself, and its replicas (endpoints of their
    administrator). ``killed``: ``kill`` ended it, and nothing has started it since."""

    killed: bool

    @property
    def place(self) -> Place: ...

    @property
    def replicas(self) -> Sequence[Endpoint]: ...

    def kill(self) -> None:
        """End it by SIGKILL and see it gone."""

    def start(self) -> None:
        """Start it again on the same data and port."""

    def restart(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """A running engine of a sandbox, ready to be graded on.

    ``home`` is the sandbox's own state folder (locks of grading go there). ``endpoint`` and ``credentials``
    are the administrator's and stay with the grader; the answer gets what ``engine.begin`` returns.
    ``bin`` are folders put before the system's on the answer's PATH (psql, valkey-cli, aws ...), ``env``
    variables added to its environment. ``lacks`` are the capabilities that this recipe has not;
    ``approximation`` is the recipe's sentence, empty when the engine is the real one. ``facts`` go into
    every result as they are: ``engine_version``, ``product``, ``runtime``, ``dataset_hash``.

    ``instance(key, replicas=, options=, dataset=)`` gives an attempt an :class:`Instance` of its own, ended
    with the context; ``neighbour(engine)`` is the place of another running engine of the same sandbox;
    ``revive()`` starts the engine again on its data when its process is gone.
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
    instance: Callable[..., AbstractContextManager[Instance]] | None = None
    neighbour: Callable[[str], Place] | None = None
    revive: Callable[[], None] | None = None

"""What may be touched on a server that is not ours: the place that we made there, and what was claimed.

The place is the database, the keyspace, the tables in which the dataset lies. It carries a mark: who owns
it, and what else was made for this owner (databases of exercises, a role for answers). A place without our
mark is left alone, and so is everything that an exercise wants to drop and that was there before.
"""

from __future__ import annotations

import json
import tempfile
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sandbox.engines.base import Attempt, Credentials, Engine
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Sink, silent
from sandbox.runtimes.external.refusals import explained

if TYPE_CHECKING:
    from filelock import FileLock

    from sandbox.datasets import Dataset
    from sandbox.endpoint import Endpoint

LEARNER = "learner"
"""Claim of the user under whom answers run."""


@dataclass(frozen=True)
class Mark:
    """Who owns a place (empty: it is there, and nobody marked it), and what is claimed, as ``kind:name``;
    names may be patterns as in ``owns``."""

    owner: str = ""
    claims: frozenset[str] = field(default_factory=frozenset)

    def text(self) -> str:
        return json.dumps({"sandbox-owner": self.owner, "claims": sorted(self.claims)})

    @classmethod
    def read(cls, text: str | None) -> Mark:
        try:
            found = json.loads(text or "")
            return cls(str(found["sandbox-owner"]), frozenset(found["claims"]))
        except (ValueError, TypeError, KeyError):
            return cls()


class Guard(Engine):
    """An engine on a server that is not ours. Subclasses come before the engine's own class::

        class ExternalPostgres(Guard, PostgresEngine): ...

    ``owner`` is what this sandbox's marks say."""

    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of ``owns`` that lie outside of the place."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    # -- what each engine says -------------------------------------------------------------------------

    @abstractmethod
    def mark(self, endpoint: Endpoint) -> Mark | None:
        """The mark of the place; None when there is no place."""

    @abstractmethod
    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        """Write the mark, and make the place when there is none."""

    @abstractmethod
    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> Iterable[str]:
        """The names that exist of a kind and match."""

    @abstractmethod
    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        """Delete what the mark claims, then the place. What is gone already is no error."""

    @abstractmethod
    def empty(self, endpoint: Endpoint) -> None:
        """Empty the place, which is ours; the mark may go with it."""

    def make_learner(self, endpoint: Endpoint, credentials: Credentials) -> bool:  # noqa: ARG002
        """Whether answers can run as a lesser user, made now if need be."""
        return False

    # -- what follows from it --------------------------------------------------------------------------

    def held(self, endpoint: Endpoint) -> Mark:
        """Our mark; the place is made when there is none. EnvironmentRefusedError when it is somebody's."""
        found = self.mark(endpoint)
        if found is None:
            found = Mark(self.owner)
            self.write(endpoint, found)
        if found.owner != self.owner:
            raise not_ours(endpoint, self, found)
        return found

    def settle_in(self, endpoint: Endpoint, credentials: Credentials) -> None:
        """Take or find the place; make the learner where the given user may."""
        mark = self.held(endpoint)
        if LEARNER not in mark.claims and self.make_learner(endpoint, credentials):
            self.write(endpoint, replace(mark, claims=mark.claims | {LEARNER}))

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        self.held(endpoint)
        with explained(self, endpoint):
            return self.fill(endpoint, dataset, sink)

    def fill(self, endpoint: Endpoint, dataset: Dataset, sink: Sink) -> dict[str, int]:
        """Bring the dataset into the place, which is ours."""
        return super().load(endpoint, dataset, sink)  # type: ignore[safe-super]

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        mark = self.held(endpoint)
        with explained(self, endpoint):
            self.empty(endpoint)
            self.write(endpoint, mark)
            return self.fill(endpoint, dataset, sink)

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        """Nothing: passwords of others are not changed."""

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        """As the engine does it, once it is sure that all it will drop is ours. Answers run as the given user
        where no lesser one could be made."""
        mark = self._claim(endpoint, attempt)
        with explained(self, endpoint):
            if LEARNER in mark.claims:
                return super().begin(endpoint, attempt, credentials)  # type: ignore[safe-super]
            self.begin_as_given(endpoint, attempt)
            return self.attempt_endpoint(endpoint, attempt)

    @abstractmethod
    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        """Drop what the attempt owns, all of which is ours."""

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        mark = self._claim(endpoint, attempt)
        with explained(self, endpoint):
            if LEARNER in mark.claims:
                super().clear(endpoint, attempt)  # type: ignore[safe-super]
            else:
                self.begin_as_given(endpoint, attempt)
        # What somebody makes under these names from now on is theirs.
        with self._alone():
            mark = self.held(endpoint)
            self.write(endpoint, replace(mark, claims=mark.claims - self._claims(endpoint, attempt)))

    def owned(self, endpoint: Endpoint, attempt: Attempt) -> Mapping[str, Sequence[str]]:  # noqa: ARG002
        """What the attempt will make outside of the place, by kind: names or patterns."""
        return {kind: attempt.owns.get(kind, ()) for kind in self.kinds}

    def _claims(self, endpoint: Endpoint, attempt: Attempt) -> frozenset[str]:
        owned = self.owned(endpoint, attempt)
        return frozenset(f"{kind}:{name}" for kind, names in owned.items() for name in names)

    def _claim(self, endpoint: Endpoint, attempt: Attempt) -> Mark:
        """Our mark with what the attempt owns; an error when something of it is there and was not claimed."""
        with self._alone():
            return self._claim_alone(endpoint, attempt)

    def _alone(self) -> FileLock:
        """Attempts at exercises of different services run side by side, and change one mark."""
        from filelock import FileLock

        return FileLock(Path(tempfile.gettempdir()) / f"sandbox-owner-{self.owner}.lock", mode=0o600)

    def _claim_alone(self, endpoint: Endpoint, attempt: Attempt) -> Mark:
        mark = self.held(endpoint)
        wanted = self._claims(endpoint, attempt) - mark.claims
        for kind, names in self.owned(endpoint, attempt).items():
            patterns = [name for name in names if f"{kind}:{name}" in wanted]
            strangers = sorted(self.there(endpoint, kind, patterns)) if patterns else []
            if strangers:
                raise EnvironmentRefusedError(
                    f"{self.title} at {endpoint.host}:{endpoint.port} has {kind} that are not ours: "
                    f"{', '.join(strangers)}.",
                    code="external-not-ours",
                    detail=f"{attempt.exercise} would drop them. Nothing was touched.",
                    actions=[f"sandbox up {self.name} --name local   # an engine of your own"],
                )
        if wanted:
            mark = replace(mark, claims=mark.claims | wanted)
            self.write(endpoint, mark)
        return mark

    def release(self, endpoint: Endpoint) -> None:
        """Delete all that is ours there."""
        found = self.mark(endpoint)
        if found is not None and found.owner == self.owner:
            with explained(self, endpoint):
                self.remove(endpoint, found)


def claimed(mark: Mark, kind: str) -> list[str]:
    """The names, or patterns, that a mark claims of a kind."""
    return sorted(c.partition(":")[2] for c in mark.claims if c.startswith(f"{kind}:"))


def not_ours(endpoint: Endpoint, engine: Engine, mark: Mark) -> EnvironmentRefusedError:
    """The error for a place of that name which somebody else has."""
    whose = "another sandbox" if mark.owner else "somebody"
    place = repr(endpoint.database) if endpoint.database else "tables, stream or bucket of the dataset"
    return EnvironmentRefusedError(
        f"{engine.title} at {endpoint.host}:{endpoint.port} has {place} already, of {whose}.",
        code="external-not-ours",
        detail="Nothing was touched. We load into a place of that name only when we made and marked it.",
        actions=[f"sandbox up {engine.name} --name local   # an engine of your own"],
    )


def cannot(engine: Engine, why: str) -> SandboxError:
    """The error for what is not done on servers of others."""
    return EnvironmentRefusedError(
        f"{engine.title} is external: {why}.",
        code="external-cannot",
        actions=[f"sandbox up {engine.name} --name local   # an engine of your own"],
    )

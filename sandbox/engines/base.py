"""What every engine can do, in its own protocol.

An engine knows its driver and nothing of how it is run (rule 1): it is handed an :class:`Endpoint` and
speaks to it. Engines are stateless; one instance per module, named ``ENGINE``, found by the registry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.endpoint import Endpoint
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

PROBE_SECONDS = 20.0
"""How long a probe waits for its answer: on a busy machine a healthy server stands still for seconds."""
ASKED_AGAIN_SECONDS = 2.0
"""The same while a server starts: it is asked again and again, and its process is looked at in between."""


@dataclass(frozen=True)
class Credentials:
    """Passwords of one sandbox for one engine: the administrator's (the person who ran ``up``) and the
    learner's (the lesser user under whom answers run)."""

    admin: str
    learner: str

    def __repr__(self) -> str:
        return "Credentials(***)"


@dataclass(frozen=True)
class Attempt:
    """One run of an answer, as an engine sees it.

    ``owns`` says what the exercise may create, by kind in the engine's words, e.g.
    ``{"databases": ["demo_db"]}``, ``{"keyspaces": ["mykeyspace"]}``, ``{"buckets": ["course-*"]}``.
    ``key`` is short, unique among attempts that may run at once, made of ``[a-z0-9]``. ``alone``: the engine
    is an instance that nobody else uses and that is deleted after the attempt.
    """

    exercise: str
    key: str
    seed: int
    owns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alone: bool = False


@dataclass(frozen=True)
class Replication:
    """How a replica does. ``promoted``: it is its own primary now. ``lag_bytes``, ``lag_seconds``: how far it
    is behind, as far as the engine tells. ``problem``: why it does not follow, in the engine's words."""

    following: bool
    promoted: bool = False
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    problem: str = ""

    @property
    def level(self) -> bool:
        """Whether it has all that its primary had."""
        return self.following and not self.lag_bytes and not self.lag_seconds


class Engine(ABC):
    """One server with a wire protocol. Methods that talk raise the driver's own errors; callers wrap them."""

    name: ClassVar[str]
    """The short name on the command line: ``postgres``."""
    title: ClassVar[str]
    """What a person calls it: ``PostgreSQL``."""
    services: ClassVar[tuple[str, ...]]
    """Folder names of the services it stands in for, as in ``exercises/``: ``("rds-postgresql", ...)``."""
    default_port: ClassVar[int]
    admin: ClassVar[str]
    """Name of the administrator; empty when the engine has no users."""
    apart: ClassVar[bool] = False
    """Whether attempts at exercises of different services can do each other no harm: each has an account."""
    learner: ClassVar[str] = "learner"
    """Name of the lesser user under whom answers run."""
    providers: ClassVar[tuple[str, ...]] = ()
    """Products that can serve it by choice, the usual one first; empty when there is no choice."""
    suffixes: ClassVar[tuple[str, ...]]
    """Endings of answer files that its own client executes: ``(".sql",)``."""

    @abstractmethod
    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        """The administrator's endpoint, pointing at the place of the dataset, with its URL."""

    @abstractmethod
    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        """Have one real query answered by the driver the user will use, as that user. Any exception means
        "not yet". Bounded to about ``seconds``; leaves no connection open."""

    def warm(self, endpoint: Endpoint) -> None:  # noqa: B027 - most have nothing to do
        """Do what the first probe would lose time with (imports, a client), while the server starts."""

    @abstractmethod
    def version(self, endpoint: Endpoint) -> str:
        """The server's own version, as a person would say it: ``18.6``, ``MariaDB 11.4.5``."""

    @abstractmethod
    def connect(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        """The driver's connection (psycopg2 connection, cassandra Session, MongoClient, Redis, gremlin
        traversal source, boto3 Session ...), closed when the context ends. For SQL engines: autocommit."""

    def connect_guarded(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        """As :meth:`connect`, for the administrator of a check who looks at what an answer made: nothing
        there may have the administrator run the learner's code, where the engine can see to that."""
        return self.connect(endpoint)

    def connect_preparing(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        """As :meth:`connect`, for what an exercise prepares before its answer. The connection may stay open
        for the next one, as that of :meth:`connect_guarded` may."""
        return self.connect(endpoint)

    @abstractmethod
    def env(self, endpoint: Endpoint) -> dict[str, str]:
        """The conventional variables of this engine's clients (``PGHOST`` ...). The caller adds
        ``SANDBOX_<ENGINE>_{HOST,PORT,USER,PASSWORD,DATABASE,URL}`` for all."""

    @abstractmethod
    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        """Give a copied data folder this sandbox's own passwords: ``old`` logs in with the golden copy's,
        after which ``new`` must work; also set the learner's. Idempotent. Nothing to do where passwords
        are configuration and not data."""

    @abstractmethod
    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        """Bring the dataset in by the engine's bulk path; return rows by table (``customers``, ...).

        Idempotent: afterwards the dataset's tables hold exactly the dataset, whatever they held before.
        An empty dataset leaves the structures there, empty."""

    @abstractmethod
    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        """Rows in the engine of ``customers``, ``employees``, ``orders`` (order lines), counted by the
        engine itself. A table that is not there is left out."""

    @abstractmethod
    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        """Back to the state after ``up`` without a restart: whatever a person created is gone (databases,
        keyspaces, users, graphs ...), the dataset is whole. Returns rows by table."""

    def flush(self, endpoint: Endpoint) -> None:  # noqa: B027 - most write before they answer
        """Have the server write to its files all that it acknowledged so far, so that a copy of these holds
        it; also what makes the next start on such a copy short."""

    @abstractmethod
    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        """Make ready for an answer: drop everything ``attempt.owns`` names, see to it that the learner may
        create just that (and read the dataset), and return the learner's endpoint for this attempt."""

    def settle(self, endpoint: Endpoint, attempt: Attempt) -> None:  # noqa: B027 - most need nothing
        """End what an answer left at work in the engine (a session may outlive its killed client and hold
        locks), so that nothing moves while checks look."""

    @abstractmethod
    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        """Drop everything ``attempt.owns`` names, with open connections of the learner if need be."""

    def replication(self, replica: Endpoint, primary: Endpoint | None) -> Replication:
        """How a running replica does; ``primary`` is None when that does not run. Only for engines whose
        recipes can run as replicas."""
        raise NotImplementedError

    def welcome(self, primary: Endpoint, name: str) -> None:  # noqa: B027 - most need nothing
        """Have the primary expect a replica of that name (of [a-z0-9_]). Idempotent."""

    def follow(self, replica: Endpoint, primary: Endpoint, *, first: bool) -> None:  # noqa: B027
        """Have a replica that just started follow its primary, where its configuration does not say so.
        ``first``: it never did. One that was promoted since is left alone."""

    def forsake(self, primary: Endpoint, name: str) -> None:  # noqa: B027 - most need nothing
        """Have the primary forget a replica that is gone. Idempotent."""

    @abstractmethod
    def client(self, endpoint: Endpoint) -> Client:
        """The executor of statements typed in the words a practitioner would use."""

    def program(self, endpoint: Endpoint) -> tuple[list[str], dict[str, str]] | None:  # noqa: ARG002
        """The engine's own command-line client for ``sandbox shell``: argv, whose first word is a bare
        program name to be looked for on PATH and in the recipe's ``bin`` folders, and variables to add.
        Passwords go into the variables or a file, not into argv. None when there is no such client."""
        return None

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:  # noqa: ARG002
        """The administrator's endpoint as it sees one attempt's namespace (another account id, another
        graph); by default the administrator's own."""
        return endpoint

    def generic_env(self, endpoint: Endpoint, replica: int = 0) -> dict[str, str]:
        """``SANDBOX_<ENGINE>_*`` variables, from which :meth:`from_env` builds the endpoint again. Those
        of the first ``replica`` are ``SANDBOX_<ENGINE>_REPLICA_*``, of the n-th ``.._REPLICA_<n>_*``."""
        prefix = f"SANDBOX_{self.name.upper()}_"
        if replica:
            prefix += "REPLICA_" if replica == 1 else f"REPLICA_{replica}_"
        values = {
            "HOST": endpoint.host,
            "PORT": str(endpoint.port),
            "USER": endpoint.user,
            "PASSWORD": endpoint.password,
            "DATABASE": endpoint.database,
            "URL": endpoint.url,
            **{k.upper(): v for k, v in endpoint.options.items()},
        }
        return {prefix + key: value for key, value in values.items()}

    def from_env(self, environ: Mapping[str, str]) -> Endpoint | None:
        """The endpoint that :meth:`generic_env` wrote, or None when the variables are not there."""
        prefix = f"SANDBOX_{self.name.upper()}_"
        found = {k[len(prefix) :]: v for k, v in environ.items() if k.startswith(prefix)}
        found = {k: v for k, v in found.items() if not k.startswith("REPLICA_")}
        if "HOST" not in found or "PORT" not in found:
            return None
        base = ("HOST", "PORT", "USER", "PASSWORD", "DATABASE", "URL")
        return Endpoint(
            engine=self.name,
            host=found["HOST"],
            port=int(found["PORT"]),
            user=found.get("USER", ""),
            password=found.get("PASSWORD", ""),
            database=found.get("DATABASE", ""),
            url=found.get("URL", ""),
            options={k.lower(): v for k, v in found.items() if k not in base},
        )

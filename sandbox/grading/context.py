"""What a check is handed: the engine's state over the administrator's connection, and what the answer did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.clients.base import Result
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt
from sandbox.grading.model import CannotTell, Lost, Mismatch
from sandbox.grading.place import Instance, Place
from sandbox.grading.trial import Trial, fetched, trial


class Context:
    """``ctx`` of ``check.py``.

    ``endpoint``: the administrator's endpoint as it sees the attempt's namespace. ``learner``: the endpoint
    under which the answer runs. ``seed``: an int that data should vary by. ``given``: what ``prepare(ctx)``
    returned. After the answer: ``output``, the text it printed; ``results``, one
    :class:`~sandbox.clients.base.Result` for each result of a statement, in order, for answers in the
    engine's own language (empty for ``.sh`` and ``.py``); ``choices``, the parsed ``.toml`` answer.

    ``files`` is the answer's working folder before it runs: what ``prepare`` writes there lies there.
    ``work`` is the same folder afterwards, regular files only, all of them the answer's word and not to be
    trusted. ``run`` is the number of the run under way or last done, ``outputs`` the text of each,
    ``crashed`` whether ``crash(ctx)`` ended the first. ``instance`` and ``replicas`` (endpoints of the
    administrator) are there when the exercise needs them; ``on(engine)`` is the context of another engine.

    Once the answer has begun, PostgreSQL finds tables of the administrator's statements only by their schema
    (``public.orders``), and refuses views: ``trial`` looks at what the answer made, with the learner's
    rights. ``deadline`` (of ``time.monotonic()``) is when the trials of the check under way must end.
    """

    files: Path
    work: Path

    def __init__(self, place: Place, attempt: Attempt, learner: Endpoint) -> None:
        self.endpoint = place.engine.attempt_endpoint(place.endpoint, attempt)
        self.learner = learner
        self.seed = attempt.seed
        self.given: Mapping[str, Any] = {}
        self.output = ""
        self.results: Sequence[Result] = ()
        self.choices: Mapping[str, Any] = {}
        self.run = 0
        self.outputs: list[str] = []
        self.crashed = False
        self.instance: Instance | None = None
        self.replicas: tuple[Endpoint, ...] = ()
        self.others: dict[str, Context] = {}
        self._engine = place.engine
        self._place, self._attempt = place, attempt
        self._guarded = False
        self.deadline = 0.0
        self._open: dict[str | None, tuple[Any, ExitStack]] = {}

    def on(self, engine: str) -> Context:
        """The context of another engine that the exercise needs."""
        return self.others[engine]

    @property
    def connection(self) -> Any:
        """The driver's connection of the administrator, opened on first use and kept for the attempt."""
        return self.connect()

    def connect(self, database: str | None = None) -> Any:
        """The driver's connection to another database (or keyspace), kept as well."""
        if database not in self._open:
            target = self.endpoint if database is None else replace(self.endpoint, database=database)
            way = self._engine.connect_guarded if self._guarded else self._engine.connect_preparing
            if database is not None and self._guarded:
                self.connect()  # if this fails as well, it is not the answer's doing
            stack = ExitStack()
            try:
                self._open[database] = (stack.enter_context(way(target)), stack)
            except Exception as problem:
                if database is None or not self._guarded or isinstance(problem, Lost):
                    raise
                said = (str(problem).strip().splitlines() or ["refused"])[-1]
                raise Mismatch(f"A connection to {database}", expected="open", found=said) from problem
        return self._open[database][0]

    def guard(self) -> None:
        """From now on an answer may have made anything: the administrator's connections find only what is
        the server's own without its schema, where the engine can be told so."""
        self._guarded = True
        for other in self.others.values():
            other.guard()

    def settle(self) -> None:
        """End what the answer left at work in the engines."""
        self._engine.settle(self._place.endpoint, self._attempt)
        for other in self.others.values():
            other.settle()

    def trial(
        self, what: str, database: str = "", *, role: str = "", password: str = "", before: str = ""
    ) -> AbstractContextManager[Trial]:
        """Try what the answer made in PostgreSQL, as the learner or another role: see
        :func:`sandbox.grading.trial.trial`."""
        if self._engine.name != "postgres":
            raise CannotTell(f"A trial is for PostgreSQL, not for {self._engine.title}.")
        return trial(self, what, database, role=role, password=password, before=before)

    def rows(self, statement: str, params: Any = None, database: str | None = None) -> list[tuple[Any, ...]]:
        """The rows of one SQL or CQL statement; none for a statement that gives no rows."""
        connection = self.connect(database)
        if hasattr(connection, "cursor"):
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
                if self._guarded:
                    return fetched(cursor, "A value that the answer left")
                return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        if hasattr(connection, "execute"):  # a Cassandra session
            return [tuple(row) for row in connection.execute(statement, params)]
        raise CannotTell(f"{self._engine.title} has no statements with rows: use ctx.connection.")

    def scalar(self, statement: str, params: Any = None, database: str | None = None) -> Any:
        """The first value of the first row, or None when there is no row."""
        found = self.rows(statement, params, database)
        return found[0][0] if found else None

    def abandon(self) -> None:
        """Forget all connections without closing them: a call that hangs may still hold them."""
        self._open = {}
        for other in self.others.values():
            other.abandon()

    def close(self) -> None:
        """End all connections; later uses open new ones."""
        opened, self._open = self._open, {}
        for _, stack in opened.values():
            try:
                stack.close()
            except Exception:  # noqa: BLE001, S112 - a connection that is broken already is closed enough
                continue
        for other in self.others.values():
            other.close()

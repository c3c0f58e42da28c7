"""What a check is handed: the engine's state over the administrator's connection, and what the answer did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from sandbox.clients.base import Result
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt
from sandbox.grading.model import CannotTell
from sandbox.grading.place import Place


class Context:
    """``ctx`` of ``check.py``.

    ``endpoint``: the administrator's endpoint as it sees the attempt's namespace. ``learner``: the endpoint
    under which the answer runs. ``seed``: an int that data should vary by. ``given``: what ``prepare(ctx)``
    returned. After the answer: ``output``, the text it printed; ``results``, one
    :class:`~sandbox.clients.base.Result` for each result of a statement, in order, for answers in the
    engine's own language (empty for ``.sh`` and ``.py``); ``choices``, the parsed ``.toml`` answer.
    """

    def __init__(self, place: Place, attempt: Attempt, learner: Endpoint) -> None:
        self.endpoint = place.engine.attempt_endpoint(place.endpoint, attempt)
        self.learner = learner
        self.seed = attempt.seed
        self.given: Mapping[str, Any] = {}
        self.output = ""
        self.results: Sequence[Result] = ()
        self.choices: Mapping[str, Any] = {}
        self._engine = place.engine
        self._open: dict[str | None, tuple[Any, ExitStack]] = {}

    @property
    def connection(self) -> Any:
        """The driver's connection of the administrator, opened on first use and kept for the attempt."""
        return self.connect()

    def connect(self, database: str | None = None) -> Any:
        """The driver's connection to another database (or keyspace), kept as well."""
        if database not in self._open:
            target = self.endpoint if database is None else replace(self.endpoint, database=database)
            stack = ExitStack()
            self._open[database] = (stack.enter_context(self._engine.connect(target)), stack)
        return self._open[database][0]

    def rows(self, statement: str, params: Any = None, database: str | None = None) -> list[tuple[Any, ...]]:
        """The rows of one SQL or CQL statement; none for a statement that gives no rows."""
        connection = self.connect(database)
        if hasattr(connection, "cursor"):
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
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

    def close(self) -> None:
        """End all connections; later uses open new ones."""
        opened, self._open = self._open, {}
        for _, stack in opened.values():
            try:
                stack.close()
            except Exception:  # noqa: BLE001, S112 - a connection that is broken already is closed enough
                continue

"""Executors of statements in the words that a practitioner types. The same ones serve ``sandbox shell``,
answers of exercises, and ``exercise run``.

A client turns text into statements and a statement into results. It holds one connection for its life, so
that sessions, transactions, ``USE`` and variables carry over from one statement to the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.errors import NotSoError


@dataclass(frozen=True)
class Result:
    """What one statement gave.

    A table has ``columns`` and ``rows`` (tuples of Python values as the driver gave them, as long as
    ``columns``). ``value`` is a result that is no table (a Redis reply, a document, a traversal's list).
    ``text`` is a status line (``INSERT 0 1``) or output printed by the statement itself.
    ``extra["shown"]`` is the value as the language's own program prints it, for people (redis-cli, mongosh).
    """

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    value: Any = None
    has_value: bool = False
    text: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class StatementError(NotSoError):
    """The engine refused a statement. ``title`` is the engine's own message; exit code 1."""

    def __init__(self, title: str, *, detail: str = "", statement: str = "", line: int | None = None) -> None:
        super().__init__(title, code="statement-refused", detail=detail)
        self.statement = statement
        self.line = line


class Client(ABC):
    """A connection that executes statements of one language."""

    language: ClassVar[str]
    """``sql``, ``cql``, ``redis``, ``gremlin``, ``mongosh``, ``aws``: also the lexer's name for colours."""
    prompt: str
    """What stands before the cursor: ``postgres=> ``. May change (``USE``)."""

    @abstractmethod
    def split(self, text: str) -> tuple[list[str], str]:
        """Complete statements of the text, in order, and the incomplete rest (empty when none).

        Strings, comments, dollar quotes and brackets are respected. A caller at the end of its input
        executes the rest as a statement as well."""

    @abstractmethod
    def execute(self, statement: str) -> Iterator[Result]:
        """Run one statement and yield its results. StatementError when the engine refuses it."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    def complete(self, text: str) -> list[str]:  # noqa: ARG002
        """Words that could stand at the end of the text, for the prompt's completion."""
        return []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

"""What the SQL clients of all dialects share: files of statements, completion, Ctrl-C."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

from sandbox.clients.base import Client, Result, StatementError
from sandbox.clients.sql_split import words
from sandbox.endpoint import Endpoint

_T = TypeVar("_T")

_KEYWORDS = """
    select from where group by order having limit offset join left inner on union all distinct as and or not
    in like between is null exists case when then else end insert into values update set delete create table
    database schema view materialized index unique primary key foreign references constraint check default
    alter drop truncate add column begin commit rollback savepoint grant revoke role user explain analyze with
    recursive returning count sum avg min max coalesce cast
"""


def interruptible(work: Callable[[], _T], cancel: Callable[[], None]) -> _T:
    """Do blocking work so that Ctrl-C cancels the statement on the server and not the connection.

    Drivers that wait in C do not notice the signal; those in Python lose the thread of the protocol. Where
    nobody sits in front of a terminal the signal ends the process, as it does elsewhere."""
    if threading.current_thread() is not threading.main_thread() or not sys.stdin.isatty():
        return work()
    answers: list[_T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as problem:  # noqa: BLE001 - raised again where it belongs
            problems.append(problem)

    worker = threading.Thread(target=run, daemon=True, name="sql-statement")
    worker.start()
    try:
        worker.join()
    except KeyboardInterrupt:
        cancel()
        worker.join(5)
        if not problems:
            raise
    if problems:
        raise problems[0]
    return answers[0]


class SqlClient(Client):
    """What both dialects share: reading files, completion from the catalogue."""

    language: ClassVar[str] = "sql"
    _depth = 0
    _names: list[str] | None = None

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.left = False
        """Somebody said ``\\q``: what comes after it is not executed."""

    def complete(self, text: str) -> list[str]:
        """Keywords, and names of tables and columns, that go on from the last word of the text."""
        word = text.split()[-1] if text.strip() and not text[-1].isspace() else ""
        stem = re.split(r"[(,.;]", word)[-1]
        if not stem:
            return []
        if self._names is None:
            try:
                self._names = self._catalogue_names()
            except Exception:  # noqa: BLE001 - completion never disturbs
                self._names = []
        keywords = [k.upper() if stem.isupper() else k for k in _KEYWORDS.split()]
        fitting = [w for w in dict.fromkeys([*self._names, *keywords]) if w.lower().startswith(stem.lower())]
        return [word + w[len(stem) :] for w in fitting[:50]]

    def _catalogue_names(self) -> list[str]:
        raise NotImplementedError

    def _note_change(self, statement: str) -> None:
        """Names may be others after DDL, and in another database."""
        if next(words(statement), "") in {"create", "drop", "alter", "use"}:
            self._names = None

    def _file(self, name: str) -> Iterator[Result]:
        """Execute the statements of a file, as ``\\i`` and ``source`` do."""
        if self._depth > 8:
            raise StatementError(f"{name}: files read one another without end")
        try:
            text = Path(name.strip().strip("'\"")).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as problem:
            raise StatementError(f"{name}: {problem}") from problem
        self._depth += 1
        try:
            done, rest = self.split(text)
            for statement in [*done, *([rest] if rest else [])]:
                yield from self.execute(statement)
        finally:
            self._depth -= 1

"""A check that tries what a learner made in PostgreSQL, with the learner's own rights.

Views, triggers, policies, casts, operators and the conditions of indexes may run functions that the learner
wrote, and they run with the rights of whoever asks. From the administrator's connection they could do what
the administrator may, whatever role it has set before. So a check reads catalogs and tables of its own
preparation over ``ctx.rows``, and everything that the answer made in a trial.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.grading.model import Mismatch, Missing

if TYPE_CHECKING:
    from sandbox.grading.context import Context

STATEMENT_SECONDS = 15
WHOLE_SECONDS = 30.0
"""A function can catch the end of its time, or set another; after this long its session is ended."""
MOST_ROWS = 100_000
"""A query that gives more is not read to its end."""
_CANCELED = "57014"
_IN_TRANSACTION = 2


class Trial:
    """What :func:`trial` yields: ``rows = learner(statement, params)``.

    ``touched`` is the number of rows that the last statement gave or changed."""

    def __init__(self, cursor: Any, what: str) -> None:
        self._cursor, self._what = cursor, what
        self.touched = 0

    def __call__(self, statement: Any, params: Any = None) -> list[tuple[Any, ...]]:
        """The rows of a statement; the driver's error when the server refuses it."""
        if not self._is_query(statement):
            self._cursor.execute(statement, params)
            self.touched = self._cursor.rowcount
            return fetched(self._cursor, self._what)
        # By a cursor of the server: what it gives at once, the driver would keep in memory.
        self._cursor.execute(f"declare rows_of_trial no scroll cursor for {statement}", params)
        self._cursor.execute(f"fetch {MOST_ROWS + 1} from rows_of_trial")
        self.touched = self._cursor.rowcount
        rows = fetched(self._cursor, self._what)
        self._cursor.execute("close rows_of_trial")
        if len(rows) > MOST_ROWS:
            raise Mismatch(self._what, expected=f"at most {MOST_ROWS} rows", found="more")
        return rows

    def _is_query(self, statement: Any) -> bool:
        began = self._cursor.connection.info.transaction_status == _IN_TRANSACTION
        return (
            began and isinstance(statement, str) and statement.split(None, 1)[:1] in (["select"], ["SELECT"])
        )

    def tried(self, statement: Any, params: Any = None) -> list[tuple[Any, ...]] | Exception:
        """The rows of a statement, or the driver's error (``.pgcode``) when the server refuses it: of such a
        statement nothing stays, and the trial goes on. One that takes too long was not refused: it raises."""
        import psycopg2

        self("savepoint before_it")
        try:
            rows = self(statement, params)
        except psycopg2.Error as problem:
            if problem.pgcode in (None, _CANCELED):
                raise
            self._cursor.execute("rollback to before_it")
            return problem
        return rows


@contextmanager
def trial(
    ctx: Context, what: str, database: str = "", *, role: str = "", password: str = "", before: str = ""
) -> Iterator[Trial]:
    """A transaction of the learner, in ``database`` or the learner's own, that leaves nothing unless the
    check says ``commit``.

    ``role`` is somebody else as whom to act: one who logs in when there is a ``password``; else the
    learner's session becomes that role, after it has done ``before`` as the learner. A statement that the
    server refuses ends in a Mismatch that says ``what`` was tried: the reason can only be what the learner
    did. Settings of the role or the database do not count; a function that does not end is ended."""
    import psycopg2

    logs_in = bool(role and password)
    if role and not ctx.rows("select 1 from pg_catalog.pg_roles where rolname = %s", [role]):
        raise Missing(f"The role {role}")
    if role and not logs_in:
        _let_become(ctx, role)
    connection = watch = None
    try:
        connection = _open(ctx, database, role if logs_in else "", password)
        watch = _Watch(ctx, connection.info.backend_pid)
        with connection.cursor() as cursor:
            learner = Trial(cursor, what)
            learner("begin")
            if before:
                learner(before)
            if role and not logs_in:
                learner(f"set local role {_quoted(role)}")
            yield learner
    except psycopg2.Error as problem:
        said = problem.diag.message_primary or str(problem).strip()
        if watch is not None and watch.fired:
            said = "no end"
        raise Mismatch(what, expected="done", found=said) from problem
    finally:
        if watch is not None:
            watch.end()
        if connection is not None:
            connection.close()
        if role and not logs_in:
            ctx.rows(f"revoke set option for {_quoted(role)} from {_quoted(ctx.learner.user)}")


def _open(ctx: Context, database: str, user: str, password: str) -> Any:
    from dataclasses import replace

    from sandbox.engines.postgres_guard import neutral_connection

    endpoint = replace(ctx.learner, user=user, password=password) if user else ctx.learner
    settings = {"search_path": '"$user", public', "statement_timeout": f"{STATEMENT_SECONDS}s"}
    return neutral_connection(endpoint, database=database, settings=settings)


def _let_become(ctx: Context, role: str) -> None:
    ctx.rows(f"grant {_quoted(role)} to {_quoted(ctx.learner.user)} with set true, inherit false")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Watch:
    """Ends a session when the time of its trial is over."""

    def __init__(self, ctx: Context, pid: int) -> None:
        self._endpoint, self._pid = ctx.endpoint, pid
        self.fired = False
        left = ctx.deadline - time.monotonic() if ctx.deadline else WHOLE_SECONDS
        self._timer = threading.Timer(max(0.01, min(WHOLE_SECONDS, left)), self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self) -> None:
        from sandbox.engines.postgres_guard import neutral_connection

        self.fired = True
        with suppress(Exception):
            connection = neutral_connection(self._endpoint)
            try:
                with connection.cursor() as cursor:
                    cursor.execute("select pg_catalog.pg_terminate_backend(%s)", [self._pid])
            finally:
                connection.close()

    def end(self) -> None:
        self._timer.cancel()


def fetched(cursor: Any, what: str) -> list[tuple[Any, ...]]:
    """The rows of a cursor's statement; Mismatch for a value with which Python cannot reckon, such as a date
    before Christ or a number that is none."""
    if not cursor.description:
        return []
    try:
        rows = [tuple(row) for row in cursor.fetchall()]
    except (ValueError, ArithmeticError, RecursionError) as problem:
        raise Mismatch(what, expected="a value in its range", found=str(problem)) from problem
    for row in rows:
        for value in row:
            if _boundless(value):
                raise Mismatch(what, expected="a finite number", found=str(value))
    return rows


def _boundless(value: Any) -> bool:
    if isinstance(value, Decimal):
        return not value.is_finite()
    return isinstance(value, float) and value - value != 0

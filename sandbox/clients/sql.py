"""SQL clients over the Python drivers: one for PostgreSQL, one for MySQL and MariaDB.

They take what psql and the mysql client take: statements, and the commands of those programs that people
type most (``\\d``, ``\\dt``, ``\\l``, ``\\c``; ``DELIMITER``, ``use``, ``source``, ``\\G``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from sandbox.clients.base import Result, StatementError
from sandbox.clients.sql_base import SqlClient, interruptible
from sandbox.clients.sql_split import copy_parts, split_mysql, split_postgres, words
from sandbox.endpoint import Endpoint


class PostgresClient(SqlClient):
    """PostgreSQL over psycopg2, in autocommit mode, as psql is."""

    def __init__(self, endpoint: Endpoint) -> None:
        from sandbox.engines.postgres import open_connection

        super().__init__(endpoint)
        self._connection = open_connection(endpoint)
        self.vertical = False

    @property
    def prompt(self) -> str:  # type: ignore[override]
        """``sandbox=# ``: the database, the state of the transaction, whether one is a superuser."""
        from psycopg2 import extensions

        status = self._connection.info.transaction_status
        mark = {extensions.TRANSACTION_STATUS_INTRANS: "*", extensions.TRANSACTION_STATUS_INERROR: "!"}
        superuser = self._connection.info.parameter_status("is_superuser") == "on"
        return f"{self._connection.info.dbname}={mark.get(status, '')}{'#' if superuser else '>'} "

    def split(self, text: str) -> tuple[list[str], str]:
        return split_postgres(text)

    def execute(self, statement: str) -> Iterator[Result]:
        if self.left:
            return
        statement = statement.strip()
        if statement.startswith("\\"):
            from sandbox.clients.sql_meta import postgres_command

            yield from postgres_command(self, statement)
            return
        vertical = self.vertical
        if statement.endswith("\\gx"):
            statement, vertical = statement[:-3], True
        copied = None
        if next(words(statement), "") == "copy":
            statement, copied = copy_parts(statement)
        yield self.run(statement, copied=copied, vertical=vertical)

    def run(
        self, statement: str, params: Any = None, *, copied: str | None = None, vertical: bool = False
    ) -> Result:
        """Send one statement and give its result; ``copied`` are the data lines of a COPY FROM STDIN."""
        import psycopg2

        if self._connection.closed:
            # The server ended it, as psql would say; the statement gets a fresh one.
            self.reconnect()
        connection = self._connection
        del connection.notices[:]
        extra: dict[str, Any] = {"vertical": True} if vertical else {}
        with connection.cursor() as cursor:
            try:
                if copied is not None:
                    interruptible(
                        lambda: cursor.copy_expert(statement, io.StringIO(copied)), connection.cancel
                    )
                elif self._is_copy_to_stdout(statement):
                    out = io.StringIO()
                    interruptible(lambda: cursor.copy_expert(statement, out), connection.cancel)
                    return Result(text=out.getvalue().rstrip("\n"))
                else:
                    interruptible(lambda: cursor.execute(statement, params), connection.cancel)
                said = "".join(connection.notices)
                if cursor.description is not None:
                    columns = [c.name for c in cursor.description]
                    return Result(
                        columns=columns, rows=cursor.fetchall(), text=said.rstrip("\n"), extra=extra
                    )
                self._note_change(statement)
                # The driver has no words for a COPY of ours.
                status = cursor.statusmessage if copied is None else f"COPY {cursor.rowcount}"
                return Result(text=said + (status or ""))
            except psycopg2.Error as problem:
                raise _postgres_error(problem, statement, "".join(connection.notices)) from problem
            except ValueError as problem:
                # The driver itself refuses, for example a NUL in the statement.
                raise StatementError(f"ERROR:  {problem}", statement=statement) from problem

    @staticmethod
    def _is_copy_to_stdout(statement: str) -> bool:
        found = list(words(statement))
        return found[:1] == ["copy"] and ("to", "stdout") in pairwise(found)

    def reconnect(self, database: str = "", user: str = "") -> None:
        """Leave the connection for another database or user, as ``\\c`` does; keep it when that fails."""
        import psycopg2

        from sandbox.engines.postgres import open_connection

        endpoint = replace(
            self.endpoint,
            database=database or self.endpoint.database,
            user=user or self.endpoint.user,
        )
        try:
            fresh = open_connection(endpoint)
        except psycopg2.OperationalError as problem:
            raise _postgres_error(problem, "", "Previous connection kept") from problem
        self._connection.close()
        self._connection, self.endpoint, self._names = fresh, endpoint, None

    def close(self) -> None:
        self._connection.close()

    def _catalogue_names(self) -> list[str]:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "select table_name from information_schema.tables"
                " where table_schema = any(current_schemas(false))"
                " union select column_name from information_schema.columns"
                " where table_schema = any(current_schemas(false)) order by 1"
            )
            return [row[0] for row in cursor.fetchall()]


def _postgres_error(problem: Any, statement: str, notices: str) -> StatementError:
    """The server's words: ``ERROR:  relation "x" does not exist``, its detail and hint, and the line."""
    diagnosis = problem.diag
    if diagnosis.message_primary is None:
        title, _, more = "\n".join([str(problem).strip(), *([notices] if notices else [])]).partition("\n")
        return StatementError(title or type(problem).__name__, detail=more, statement=statement)
    line, lines = None, [notices.rstrip("\n")] if notices else []
    if diagnosis.statement_position:
        at = int(diagnosis.statement_position) - 1
        line = statement.count("\n", 0, at) + 1
        begin = statement.rfind("\n", 0, at) + 1
        shown = statement[begin:].partition("\n")[0]
        lead = f"LINE {line}: "
        lines += [lead + shown, " " * (len(lead) + at - begin) + "^"]
    for label, text in (
        ("DETAIL", diagnosis.message_detail),
        ("HINT", diagnosis.message_hint),
        ("CONTEXT", diagnosis.context),
    ):
        if text:
            lines.append(f"{label}:  {text}")
    title = f"{diagnosis.severity or 'ERROR'}:  {diagnosis.message_primary}"
    return StatementError(title, detail="\n".join(lines), statement=statement, line=line)


class MySqlClient(SqlClient):
    """MySQL and MariaDB over PyMySQL, in autocommit mode, as the mysql client is."""

    def __init__(self, endpoint: Endpoint) -> None:
        from sandbox.engines.mysql import open_connection

        super().__init__(endpoint)
        # LOAD DATA LOCAL reads what the person may read, as in the mysql client.
        self._connection = open_connection(endpoint, local_infile=True)
        self.delimiter = ";"

    @property
    def prompt(self) -> str:  # type: ignore[override]
        """``mysql [sandbox]> ``, with the database in use."""
        return f"mysql [{self._database() or '(none)'}]> "

    def _database(self) -> str:
        database = self._connection.db
        return database.decode() if isinstance(database, bytes) else database or ""

    def split(self, text: str) -> tuple[list[str], str]:
        return split_mysql(text, self.delimiter)

    def execute(self, statement: str) -> Iterator[Result]:
        if self.left:
            return
        statement = statement.strip()
        if statement.endswith(self.delimiter):
            statement = statement[: -len(self.delimiter)].rstrip()
        from sandbox.clients.sql_meta import mysql_command

        command = mysql_command(self, statement)
        if command is not None:
            yield from command
            return
        vertical = statement.endswith("\\G")
        yield from self.run(statement.removesuffix("\\G"), vertical=vertical)

    def run(self, statement: str, params: Any = None, *, vertical: bool = False) -> list[Result]:
        """Send one statement and give its results: a procedure may have several."""
        import pymysql

        found: list[Result] = []
        if not self._connection.open:
            self._reopen()
        with self._connection.cursor() as cursor:
            try:
                interruptible(lambda: cursor.execute(statement, params), self._cancel)
                while True:
                    found.append(self._result(cursor, vertical))
                    if not cursor.nextset():
                        break
            except (pymysql.err.Error, UnicodeError) as problem:
                raise _mysql_error(problem, statement) from problem
        self._note_change(statement)
        if next(words(statement), "") == "use" and len(found) == 1:
            with self._connection.cursor() as cursor:
                cursor.execute("select database()")
                self._connection.db = (cursor.fetchone() or [""])[0] or ""
            return [Result(text="Database changed")]
        # The state of a CALL comes after its tables, and says nothing then.
        return [r for r in found if r.columns] or found

    @staticmethod
    def _result(cursor: Any, vertical: bool) -> Result:
        if cursor.description is not None:
            columns = [c[0] for c in cursor.description]
            return Result(
                columns=columns, rows=cursor.fetchall(), extra={"vertical": True} if vertical else {}
            )
        rows = cursor.rowcount
        text = f"Query OK, {rows} row{'' if rows == 1 else 's'} affected"
        message = getattr(cursor._result, "message", b"")
        # Its length stands before it, which the driver takes for a part of it.
        if message[:1] == bytes([len(message) - 1 & 255]):
            message = message[1:]
        if message:
            text += "\n" + message.decode(errors="replace")
        return Result(text=text, extra={"rows_affected": rows, "last_insert_id": cursor.lastrowid})

    def _reopen(self) -> None:
        """A fresh connection in place of one that the server ended, to the same database."""
        import pymysql

        from sandbox.engines.mysql import open_connection

        try:
            self._connection = open_connection(self.endpoint, database=self._database(), local_infile=True)
        except pymysql.err.Error as problem:
            raise _mysql_error(problem, "") from problem

    def _cancel(self) -> None:
        """Cancel what runs, from beside: the connection itself is waiting for its answer."""
        from sandbox.engines.mysql import open_connection

        beside = open_connection(self.endpoint)
        try:
            with beside.cursor() as cursor:
                cursor.execute("kill query %s", [self._connection.thread_id()])
        finally:
            beside.close()

    def close(self) -> None:
        if self._connection.open:
            self._connection.close()

    def _catalogue_names(self) -> list[str]:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "select table_name from information_schema.tables where table_schema = database()"
                " union select column_name from information_schema.columns where table_schema = database()"
                " order by 1"
            )
            return [row[0] for row in cursor.fetchall()]


def _mysql_error(problem: Any, statement: str) -> StatementError:
    """The server's words as its client prints them: ``ERROR 1146: Table 'x.y' doesn't exist``."""
    code, message = (*problem.args, "", "")[:2]
    if not isinstance(code, int):
        return StatementError(f"ERROR: {problem}", statement=statement)
    at = re.search(r" at line (\d+)$", str(message))
    return StatementError(
        f"ERROR {code}: {message}", statement=statement, line=int(at.group(1)) if at else None
    )

"""CQL as one types it into cqlsh: statements, ``USE``, ``DESCRIBE``, ``CONSISTENCY``, ``TRACING``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from sandbox.clients.base import Client, Result, StatementError
from sandbox.clients.cql_split import bare, split_cql
from sandbox.clients.cql_values import plain
from sandbox.endpoint import Endpoint
from sandbox.engines.cassandra_driver import driver, make_cluster, text

TRACE_SECONDS = 60.0
"""How long the server may take to write down a trace, which it does after it has answered."""

_KEYWORDS = (  # noqa: SIM905 - eighty quotes less
    "SELECT INSERT INTO UPDATE DELETE FROM WHERE AND SET VALUES USING TTL TIMESTAMP LIMIT ORDER BY GROUP "
    "ALLOW FILTERING IF NOT EXISTS PER PARTITION DISTINCT JSON TOKEN CONTAINS "
    "CREATE ALTER DROP TRUNCATE KEYSPACE TABLE INDEX CUSTOM TYPE FUNCTION AGGREGATE MATERIALIZED VIEW ROLE "
    "WITH REPLICATION PRIMARY KEY STATIC CLUSTERING ASC DESC GRANT REVOKE LIST PERMISSIONS ROLES ON TO OF "
    "BEGIN UNLOGGED BATCH APPLY USE DESCRIBE KEYSPACES TABLES CONSISTENCY SERIAL TRACING OFF SHOW "
    "VERSION HOST HELP"
).split()

_HELP = """\
CQL statements end with a semicolon. Commands of the shell may end with their line:
  DESCRIBE KEYSPACES | TABLES | KEYSPACE name | TABLE name | CLUSTER | SCHEMA ...
  USE keyspace                    names without a keyspace mean this one
  CONSISTENCY [level]             how many replicas must answer
  SERIAL CONSISTENCY [level]      the same for IF ... (lightweight transactions)
  TRACING [ON | OFF]              show what the server did for each statement
  SHOW VERSION | HOST"""

_ABSENT = ("source", "capture", "login", "copy", "expand", "history", "debug", "elapsed")


class CqlClient(Client):
    """A driver session that takes what cqlsh takes. Begins in the endpoint's keyspace, if it names one.

    A statement that gives no table gives no result, as in cqlsh. A SELECT gives all its rows. What the
    server warns of follows as text. Raises the driver's own errors when it cannot connect.
    """

    language: ClassVar[str] = "cql"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._cluster = make_cluster(endpoint, tuples=True)
        try:
            self._session = self._cluster.connect(endpoint.database or None)
        except BaseException:
            self._cluster.shutdown()
            raise
        self._consistency = "ONE"
        self._serial = "SERIAL"
        self._tracing = False
        self._commands: dict[str, Callable[[str], Iterator[Result]]] = {
            "help": lambda _words: iter([Result(text=_HELP)]),
            "consistency": self._set_consistency,
            "serial": self._set_serial,
            "tracing": self._set_tracing,
            "show": self._show,
            "describe": self._describe,
            "desc": self._describe,
            # Every result comes whole, and the prompt keeps its page: nothing to switch.
            "paging": lambda _words: iter(()),
            "clear": lambda _words: iter(()),
            "cls": lambda _words: iter(()),
        }

    @property
    def prompt(self) -> str:  # type: ignore[override]
        """``cassandra@cqlsh:sandbox> ``, as cqlsh prints it."""
        keyspace = self._session.keyspace
        return f"{self._endpoint.user}@cqlsh{f':{keyspace}' if keyspace else ''}> "

    def split(self, text: str) -> tuple[list[str], str]:
        return split_cql(text)

    def execute(self, statement: str) -> Iterator[Result]:
        words = bare(statement).rstrip("; ")
        first = words.split(" ", 1)[0].lower()
        if not words:
            return
        if first in _ABSENT:
            raise StatementError(
                f"{first.upper()} is a command of the program cqlsh, which this prompt does not have.",
                detail="`sandbox load --from DIR` and `sandbox shell cassandra --file F` may serve instead.",
                statement=statement,
            )
        if first in self._commands:
            yield from self._commands[first](words)
        else:
            yield from self._run(statement)

    def close(self) -> None:
        self._cluster.shutdown()

    def complete(self, text: str) -> list[str]:
        # The prompt replaces all back to the last blank: what stands before the name there stays.
        end = text.split(" ")[-1] if text else ""
        word = re.split(r"[(,=]", end)[-1]
        prefix = end[: len(end) - len(word)]
        try:
            names = self._names(word)
        except self._refusals():
            names = []
        lower = word.islower()
        keywords = [k.lower() if lower else k for k in _KEYWORDS]
        return [prefix + name for name in [*names, *keywords] if name.startswith(word) and name != word]

    # -- statements ----------------------------------------------------------------------------------

    def _run(self, statement: str) -> Iterator[Result]:
        from cassandra import ConsistencyLevel
        from cassandra.query import SimpleStatement

        request = SimpleStatement(
            statement,
            consistency_level=ConsistencyLevel.name_to_value[self._consistency],
            serial_consistency_level=ConsistencyLevel.name_to_value[self._serial],
        )
        # What is yielded is worked on by others: their errors must not look like the server's.
        results: list[Result] = []
        try:
            answer = self._session.execute(request, trace=self._tracing)
            if answer.column_names:
                rows = [tuple(plain(value) for value in row) for row in answer]
                results.append(Result(columns=tuple(answer.column_names), rows=rows))
            warnings = list(answer.response_future.warnings or ())
            if warnings:
                said = "\n".join(["Warnings:", *warnings])
                results.append(Result(text=said, extra={"warnings": warnings}))
            if self._tracing:
                results.append(self._trace(answer))
        except self._refusals() as problem:
            raise refusal(problem, statement) from None
        yield from results

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._session.execute(statement)]

    def _trace(self, answer: Any) -> Result:
        trace = answer.get_query_trace(max_wait_sec=TRACE_SECONDS)
        columns = ("activity", "timestamp", "source", "source_elapsed")
        rows: list[tuple[Any, ...]] = [("Execute CQL3 query", trace.started_at, trace.coordinator, 0)]
        for event in trace.events:
            elapsed = int(event.source_elapsed.total_seconds() * 1e6) if event.source_elapsed else 0
            rows.append((event.description, event.datetime.replace(tzinfo=None), event.source, elapsed))
        took = int(trace.duration.total_seconds() * 1e6) if trace.duration else None
        rows.append(("Request complete", None, trace.coordinator, took))
        return Result(columns, rows, text=f"Tracing session: {trace.trace_id}; elapsed in microseconds.")

    def _describe(self, words: str) -> Iterator[Result]:
        if " " not in words:
            words += " KEYSPACES"
        try:
            answer = self._session.execute(words)
            columns, rows = tuple(answer.column_names or ()), [tuple(row) for row in answer]
        except self._refusals() as problem:
            raise refusal(problem, words) from None
        if "create_statement" in columns:
            at = columns.index("create_statement")
            yield Result(text="\n\n".join(str(row[at]).strip() for row in rows))
            return
        if "name" in columns and "type" in columns:
            # Of keyspaces the first and the last column say the same.
            keep = [at for at, column in enumerate(columns) if column != "type"]
            if rows and all(row[columns.index("type")] == "keyspace" for row in rows):
                keep = [columns.index("name")]
            columns, rows = tuple(columns[at] for at in keep), [tuple(row[at] for at in keep) for row in rows]
        yield Result(columns=columns, rows=[tuple(plain(value) for value in row) for row in rows])

    # -- settings of the session -----------------------------------------------------------------------

    def _set_consistency(self, words: str) -> Iterator[Result]:
        level = words.partition(" ")[2].upper()
        if not level:
            yield Result(text=f"Current consistency level is {self._consistency}.")
            return
        self._consistency = _level(level, words)
        yield Result(text=f"Consistency level set to {level}.")

    def _set_serial(self, words: str) -> Iterator[Result]:
        match = re.fullmatch(r"serial consistency(?: (\w+))?", words, flags=re.IGNORECASE)
        if not match:
            raise StatementError("SERIAL must be followed by CONSISTENCY.", statement=words)
        if not match[1]:
            yield Result(text=f"Current serial consistency level is {self._serial}.")
            return
        level = match[1].upper()
        if level not in ("SERIAL", "LOCAL_SERIAL"):
            raise StatementError(
                f"{level} is no serial consistency level: SERIAL or LOCAL_SERIAL.", statement=words
            )
        self._serial = level
        yield Result(text=f"Serial consistency level set to {level}.")

    def _set_tracing(self, words: str) -> Iterator[Result]:
        wish = words.partition(" ")[2].lower()
        if wish not in ("", "on", "off"):
            raise StatementError("TRACING takes ON or OFF.", statement=words)
        if wish:
            self._tracing = wish == "on"
        yield Result(text=f"Tracing is {'on' if self._tracing else 'off'}.")

    def _show(self, words: str) -> Iterator[Result]:
        what = words.partition(" ")[2].lower()
        if what == "host":
            where = f"{self._endpoint.host}:{self._endpoint.port}"
            yield Result(text=f"Connected to {self._cluster.metadata.cluster_name} at {where}")
        elif what == "version":
            [(release, cql, protocol)] = self._rows(
                "SELECT release_version, cql_version, native_protocol_version FROM system.local"
            )
            yield Result(text=f"[Cassandra {release} | CQL spec {cql} | Native protocol v{protocol}]")
        else:
            raise StatementError("SHOW takes VERSION or HOST.", statement=words)

    # -- names for completion --------------------------------------------------------------------------

    def _names(self, word: str) -> list[str]:
        keyspaces = [row[0] for row in self._rows("SELECT keyspace_name FROM system_schema.keyspaces")]
        keyspace, dot, _rest = word.partition(".")
        if dot:
            return [f"{keyspace}.{table}" for table in self._tables(keyspace)]
        current = self._session.keyspace
        columns = []
        if current:
            columns = self._rows(
                f"SELECT column_name FROM system_schema.columns WHERE keyspace_name = {text(current)}"  # noqa: S608
            )
        tables = self._tables(current) if current else []
        return [*tables, *keyspaces, *sorted({row[0] for row in columns})]

    def _tables(self, keyspace: str) -> list[str]:
        found = self._rows(
            f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = {text(keyspace)}"  # noqa: S608
        )
        return [row[0] for row in found]

    @staticmethod
    def _refusals() -> tuple[type[Exception], ...]:
        from cassandra import DriverException
        from cassandra.protocol import ErrorMessage
        from cassandra.query import TraceUnavailable

        return (DriverException, ErrorMessage, driver().NoHostAvailable, TraceUnavailable)


def _level(level: str, words: str) -> str:
    from cassandra import ConsistencyLevel

    known = [k for k in ConsistencyLevel.name_to_value if not k.endswith("SERIAL")]
    if level not in known:
        raise StatementError(
            f"{level} is no consistency level.", detail=f"There are {', '.join(known)}.", statement=words
        )
    return level


def refusal(problem: Exception, statement: str) -> StatementError:
    """The server's words about a statement, without what the driver wraps around them."""
    errors = getattr(problem, "errors", None)
    if isinstance(errors, dict) and errors:
        problem = next((e for e in errors.values() if isinstance(e, Exception)), problem)
    inner = problem.args[0] if problem.args else None
    message = getattr(problem, "message", None) or getattr(inner, "message", None)
    if not isinstance(message, str) or not message:
        found = re.search(r'message="(.*)"', str(problem), flags=re.DOTALL)
        message = found[1] if found else str(problem)
    code = re.search(r"code=(\w+) \[([^]]*)\]", str(problem))
    line = re.match(r"line (\d+):\d+", message)
    detail = f"{code[2]} (code {code[1]})" if code else type(problem).__name__
    required, alive = (getattr(problem, f"{which}_replicas", None) for which in ("required", "alive"))
    if required is not None:
        detail += f": {required} replicas must answer, alive: {alive}"
    return StatementError(
        message,
        detail=detail,
        statement=statement,
        line=int(line[1]) if line else None,
    )

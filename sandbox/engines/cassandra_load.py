"""The dataset into Cassandra, and the question whether it is still there as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.engines.cassandra_driver import driver, name, text
from sandbox.engines.cassandra_tables import (
    COPIES,
    KEYSPACE,
    SHAPES,
    Shape,
    replication,
    shapes_in,
    written_at,
)
from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from sandbox.datasets.dataset import Dataset

BATCH = 100
"""Rows of one partition in one unlogged batch: one mutation for the server."""

HELD = 20_000
"""Rows waiting for others of their partition, at most: the load's memory does not grow with the dataset."""

IN_FLIGHT = 128
"""Batches sent and not yet answered: half of the time of 24, and no slower than 256."""

STEP = 500


def prepare_keyspace(session: Any, keyspace: str = KEYSPACE, copies: int = 1) -> list[Shape]:
    """See to it that the keyspace holds exactly the dataset's tables, of the right shape and nothing else,
    with that many copies of each row; what is right already stays. Returns the tables that were made anew,
    and so are empty."""
    found = _schema(session, keyspace, "keyspaces", "replication, durable_writes")
    few = bool(found) and found[0][0].get("replication_factor") != str(copies)
    # Another number of copies is true of what is written from then on only, but where there is one node.
    odd = (few and copies > 1) or any(_schema(session, keyspace, kind, "keyspace_name") for kind in _RARE)
    if odd:
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
    if odd or not found:
        session.execute(f"CREATE KEYSPACE {keyspace} {replication(copies)}")
    elif few or not found[0][1]:
        session.execute(f"ALTER KEYSPACE {keyspace} {replication(copies)}")
    drop_strangers(session, keyspace)
    wrong = _wrong(session, keyspace)
    for shape in wrong:
        session.execute(f"DROP TABLE IF EXISTS {keyspace}.{shape.name}")
        session.execute(shape.create)
    return wrong


def copies(session: Any) -> int:
    """How many copies of each row the nodes of a ring of ours keep."""
    others = len(list(session.execute("SELECT peer FROM system.peers_v2")))
    return min(COPIES, 1 + others)


_RARE = ("types", "functions", "aggregates", "triggers")
"""What nobody has made in the dataset's keyspace without meaning to; it is gone with the keyspace."""


def drop_strangers(session: Any, keyspace: str = KEYSPACE) -> None:
    """Drop views and tables that are not the dataset's. A view first: its table cannot go before it."""
    ours = {shape.name for shape in SHAPES}
    for (view,) in _schema(session, keyspace, "views", "view_name"):
        session.execute(f"DROP MATERIALIZED VIEW IF EXISTS {keyspace}.{name(view)}")
    for (table,) in _schema(session, keyspace, "tables", "table_name"):
        if table not in ours:
            session.execute(f"DROP TABLE IF EXISTS {keyspace}.{name(table)}")


def _wrong(session: Any, keyspace: str) -> list[Shape]:
    """The tables that are not there, or not as they were created."""
    options = {
        row.table_name: {
            option: value
            for option, value in row._asdict().items()
            if option not in ("table_name", "id", "extensions")
        }
        for row in _schema(session, keyspace, "tables")
    }
    layouts: dict[str, set[Any]] = {}
    wanted = "table_name, column_name, type, kind, position, clustering_order"
    for row in _schema(session, keyspace, "columns", wanted):
        layouts.setdefault(row[0], set()).add(tuple(row[1:]))
    changed_tables = {
        row[0]
        for kind in ("indexes", "dropped_columns")
        for row in _schema(session, keyspace, kind, "table_name")
    }
    # All tables are created with the same options: one that was altered (a default TTL, say) stands out.
    usual = max(options.values(), key=list(options.values()).count, default={})
    return [
        shape
        for shape in shapes_in(keyspace)
        if layouts.get(shape.name) != shape.layout()
        or options.get(shape.name) != usual
        or usual.get("default_time_to_live") != 0
        or shape.name in changed_tables
    ]


def _schema(session: Any, keyspace: str, kind: str, columns: str = "*") -> list[Any]:
    """Rows of ``system_schema.<kind>`` for a keyspace."""
    statement = f"SELECT {columns} FROM system_schema.{kind} WHERE keyspace_name = {text(keyspace)}"  # noqa: S608
    return list(session.execute(statement))


def truncate(session: Any, shapes: Iterable[Shape]) -> None:
    """Empty some tables, side by side: each waits for a flush, mostly idle."""
    futures = [session.execute_async(f"TRUNCATE {shape.keyspace}.{shape.name}") for shape in shapes]
    for future in futures:
        future.result()


def fill(session: Any, dataset: Dataset, shapes: Sequence[Shape], sink: Sink) -> None:
    """Bring the dataset into some tables, which are empty: prepared inserts, concurrent, in batches of one
    partition."""
    driver()
    from cassandra.concurrent import execute_concurrent

    timestamp = written_at(dataset)
    total = sum(dataset.count(shape.source) for shape in shapes)
    done = told = 0
    for shape in shapes:
        prepared = session.prepare(shape.insert(timestamp))
        sizes: list[int] = []
        work = _statements(prepared, shape, dataset, sizes)
        answers = execute_concurrent(
            session, work, concurrency=IN_FLIGHT, raise_on_first_error=True, results_generator=True
        )
        # Answers come in the order of the statements, each after its statement was made.
        for number, _answer in enumerate(answers):
            done += sizes[number]
            if done - told >= STEP:
                told = done
                sink(Progress("cassandra", "load", min(done, total), total, "rows"))
    sink(Progress("cassandra", "load", total, total, "rows"))


def _statements(
    prepared: Any, shape: Shape, dataset: Dataset, sizes: list[int]
) -> Iterator[tuple[Any, None]]:
    from cassandra.query import UNSET_VALUE, BatchStatement, BatchType

    static = [at for at, column in enumerate(shape.columns) if column.name in shape.static]

    def statement(rows: list[tuple[Any, ...]]) -> tuple[Any, None]:
        sizes.append(len(rows))
        if len(rows) == 1:
            return prepared.bind(rows[0]), None
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.add(prepared, rows[0])
        for row in rows[1:]:
            if static:
                # Said once for the partition, in the batch's first row.
                short = list(row)
                for at in static:
                    short[at] = UNSET_VALUE
                batch.add(prepared, short)
            else:
                batch.add(prepared, row)
        return batch, None

    at = next(i for i, column in enumerate(shape.columns) if column.name == shape.partition)
    waiting: dict[Any, list[tuple[Any, ...]]] = {}
    held = 0
    for row in shape.rows(dataset):
        group = waiting.setdefault(row[at], [])
        group.append(row)
        held += 1
        if len(group) == BATCH:
            held -= BATCH
            yield statement(waiting.pop(row[at]))
        elif held >= HELD:
            yield from map(statement, waiting.values())
            waiting, held = {}, 0
    yield from map(statement, waiting.values())


def changed(session: Any, dataset: Dataset, shapes: Sequence[Shape] = SHAPES) -> list[Shape]:
    """Those of some tables that do not hold exactly the dataset, found by the server itself.

    No rows come over: all cells have the dataset's own write time, and each column as many as it should."""
    timestamp = written_at(dataset)
    futures = [session.execute_async(_fingerprint(shape)) for shape in shapes]
    wanted = [_expected(shape, dataset, timestamp) for shape in shapes]
    return [
        shape
        for shape, future, right in zip(shapes, futures, wanted, strict=True)
        if tuple(future.result().one()) != right
    ]


def _fingerprint(shape: Shape) -> str:
    """One row: the number of rows; for each column outside the key how many have it, and the times of its
    oldest and its newest cell."""
    parts = ["count(*)"]
    for column in shape.values:
        parts.append(f"count({column.name})")
        parts.append(f"min(writetime({column.name}))")
        parts.append(f"max(writetime({column.name}))")
    return f"SELECT {', '.join(parts)} FROM {shape.keyspace}.{shape.name}"  # noqa: S608


def _expected(shape: Shape, dataset: Dataset, timestamp: int) -> tuple[int | None, ...]:
    positions = {column.name: at for at, column in enumerate(shape.columns)}
    nullable = [column.name for column in shape.values if column.nullable]
    if nullable or shape.is_selective:
        rows = list(shape.rows(dataset))
        total = len(rows)
        filled = {name: sum(row[positions[name]] is not None for row in rows) for name in nullable}
    else:
        total, filled = dataset.count(shape.source), {}
    found: list[int | None] = [total]
    for column in shape.values:
        count = filled.get(column.name, total)
        moment = timestamp if count else None
        found += [count, moment, moment]
    return tuple(found)

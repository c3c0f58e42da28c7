"""The dataset into Cassandra, and the question whether it is still there as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.engines.cassandra_driver import driver, text
from sandbox.engines.cassandra_tables import CREATE_KEYSPACE, KEYSPACE, SHAPES, Shape, written_at
from sandbox.events import Progress, Sink

if TYPE_CHECKING:
    from sandbox.datasets.dataset import Dataset

BATCH = 100
"""Rows of one partition in one unlogged batch: one mutation for the server."""

HELD = 20_000
"""Rows waiting for others of their partition, at most: the load's memory does not grow with the dataset."""

IN_FLIGHT = 24
"""Batches sent and not yet answered. More only wait in the server's queue."""

STEP = 500


def prepare_keyspace(session: Any) -> bool:
    """See to it that the keyspace holds exactly the dataset's tables, of the right shape and nothing else.
    True when it was made anew."""
    if is_whole(session):
        return False
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
    session.execute(CREATE_KEYSPACE)
    for shape in SHAPES:
        session.execute(shape.create)
    return True


def is_whole(session: Any) -> bool:
    """Whether the keyspace is as :func:`prepare_keyspace` leaves it."""

    def schema(table: str, columns: str = "*") -> list[Any]:
        # Statements without %s: the driver leaves them as they are.
        return list(
            session.execute(
                f"SELECT {columns} FROM system_schema.{table} WHERE keyspace_name = {text(KEYSPACE)}"  # noqa: S608
            )
        )

    replication = schema("keyspaces", "replication, durable_writes")
    if not replication or replication[0][0].get("replication_factor") != "1" or not replication[0][1]:
        return False
    tables = {row.table_name: row._asdict() for row in schema("tables")}
    if set(tables) != {shape.name for shape in SHAPES}:
        return False
    # All tables are created with the same options; one that was altered (a default TTL, say) stands out.
    options = [
        {k: v for k, v in table.items() if k not in ("table_name", "id", "extensions")}
        for table in tables.values()
    ]
    if options[0]["default_time_to_live"] != 0 or any(other != options[0] for other in options):
        return False
    layouts: dict[str, set[Any]] = {}
    for row in schema("columns", "table_name, column_name, type, kind, position, clustering_order"):
        layouts.setdefault(row[0], set()).add(tuple(row[1:]))
    if any(layouts.get(shape.name) != shape.layout() for shape in SHAPES):
        return False
    extras = ("indexes", "views", "types", "functions", "aggregates", "triggers", "dropped_columns")
    return not any(schema(extra, "keyspace_name") for extra in extras)


def truncate(session: Any, shapes: Iterable[Shape]) -> None:
    """Empty some tables, side by side: each waits for a flush, mostly idle."""
    futures = [session.execute_async(f"TRUNCATE {KEYSPACE}.{shape.name}") for shape in shapes]
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


def changed(session: Any, dataset: Dataset) -> list[Shape]:
    """The tables that do not hold exactly the dataset, found by the server itself.

    No rows come over: all cells have the dataset's own write time, and each column as many as it should."""
    timestamp = written_at(dataset)
    futures = [session.execute_async(_fingerprint(shape)) for shape in SHAPES]
    wanted = [_expected(shape, dataset, timestamp) for shape in SHAPES]
    return [
        shape
        for shape, future, right in zip(SHAPES, futures, wanted, strict=True)
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
    return f"SELECT {', '.join(parts)} FROM {KEYSPACE}.{shape.name}"  # noqa: S608


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

"""PostgreSQL: RDS for PostgreSQL and Aurora PostgreSQL. The driver is psycopg2."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.endpoint import Endpoint
from sandbox.engines.base import PROBE_SECONDS, Attempt, Credentials, Engine, Replication
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

PLACE = "sandbox"
"""The database of the dataset."""
CONNECTIONS_OF_LEARNER = 30


class PostgresEngine(Engine):
    """PostgreSQL over psycopg2. The dataset is in schema ``public`` of database ``sandbox``."""

    name = "postgres"
    title = "PostgreSQL"
    services = ("rds-postgresql", "aurora-postgresql")
    default_port = 5432
    admin = "postgres"
    suffixes = (".sql",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return _endpoint(host, port, self.admin, credentials.admin)

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        import psycopg2

        limit = math.ceil(seconds)
        try:
            connection = open_connection(endpoint, connect_timeout=limit)
        except psycopg2.OperationalError as problem:
            # The password is checked before the database is looked for: this is an answer, too. A person
            # may have dropped the database, and a new data folder does not have it yet.
            if f'database "{endpoint.database}" does not exist' not in str(problem):
                raise
            connection = open_connection(endpoint, database="postgres", connect_timeout=limit)
        try:
            with connection.cursor() as cursor:
                cursor.execute("set statement_timeout = %s", [f"{limit}s"])
                cursor.execute("select count(*) from pg_catalog.pg_database")
        finally:
            connection.close()

    def version(self, endpoint: Endpoint) -> str:
        connection = open_connection(endpoint, database="postgres")
        try:
            number = connection.server_version
        finally:
            connection.close()
        return f"{number // 10000}.{number % 10000}"

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[Any]:
        connection = open_connection(endpoint)
        try:
            yield connection
        finally:
            connection.close()

    def connect_guarded(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        from sandbox.engines.postgres_guard import GUARDED, guarded_connection
        from sandbox.engines.postgres_kept import kept_connection

        if endpoint.database == PLACE:
            return kept_connection(endpoint, PLACE, GUARDED)
        return closing(guarded_connection(endpoint))

    def connect_preparing(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        from sandbox.engines.postgres_kept import kept_connection

        if endpoint.database == PLACE:
            return kept_connection(endpoint, PLACE, {"search_path": '"$user", public'})
        return self.connect(endpoint)

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        return {
            "PGHOST": endpoint.host,
            "PGPORT": str(endpoint.port),
            "PGUSER": endpoint.user,
            "PGPASSWORD": endpoint.password,
            "PGDATABASE": endpoint.database,
            "DATABASE_URL": endpoint.url,
        }

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        import psycopg2

        try:
            connection = open_connection(old, database="postgres")
        except psycopg2.OperationalError:
            # Done before, and interrupted after: the new password holds already.
            connection = open_connection(new, database="postgres")
        try:
            with connection.cursor() as cursor:
                set_learner(cursor, self.learner, verifier(connection, self.learner, credentials.learner))
                cursor.execute(
                    f"alter role {self.admin} password %s",
                    [verifier(connection, self.admin, credentials.admin)],
                )
        finally:
            connection.close()

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.postgres_load import load

        return load(endpoint, dataset, self.learner, sink)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.postgres_load import counts

        return counts(endpoint)

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.postgres_reset import reset

        return reset(endpoint, dataset, self.learner, sink)

    def flush(self, endpoint: Endpoint) -> None:
        # All is in the log; what a server on the copy need not read again of it, makes its start short.
        connection = open_connection(endpoint, database="postgres")
        try:
            with connection.cursor() as cursor:
                cursor.execute("checkpoint")
        finally:
            connection.close()

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        from sandbox.engines.postgres_reset import begin

        begin(endpoint, attempt.owns, self.learner, credentials.learner)
        return _endpoint(endpoint.host, endpoint.port, self.learner, credentials.learner)

    def settle(self, endpoint: Endpoint, attempt: Attempt) -> None:  # noqa: ARG002
        from sandbox.engines.postgres_guard import settle

        settle(endpoint, self.learner)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        from sandbox.engines.postgres_reset import clear

        clear(endpoint, attempt.owns, self.learner)

    def replication(self, replica: Endpoint, primary: Endpoint | None) -> Replication:
        # The primary first: what it writes in between makes no replica look better than it is.
        written = None
        if primary:
            ((written,),) = _rows(primary, "select pg_current_wal_lsn()", seconds=2)
        ((recovers, streams, lag),) = _rows(
            replica,
            "select pg_is_in_recovery(),"
            " exists (select 1 from pg_stat_wal_receiver where status = 'streaming'),"
            " greatest(0, pg_wal_lsn_diff(%s, pg_last_wal_replay_lsn()))",
            [written],
            seconds=2,
        )
        if not recovers:
            return Replication(following=False, promoted=True)
        problem = "" if streams else "its receiver of write-ahead log is not connected"
        return Replication(streams, lag_bytes=None if lag is None else int(lag), problem=problem)

    def welcome(self, primary: Endpoint, name: str) -> None:
        # What the slot keeps is bounded by max_slot_wal_keep_size.
        _rows(
            primary,
            "select pg_create_physical_replication_slot(%s, true) where not exists"
            " (select 1 from pg_replication_slots where slot_name = %s)",
            [name, name],
        )

    def forsake(self, primary: Endpoint, name: str) -> None:
        _rows(
            primary,
            "select pg_terminate_backend(active_pid, 60000) from pg_replication_slots"
            " where slot_name = %s and active_pid is not null",
            [name],
        )
        _rows(
            primary,
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
            [name],
        )

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.sql import PostgresClient

        return PostgresClient(endpoint)

    def program(self, endpoint: Endpoint) -> tuple[list[str], dict[str, str]]:
        return ["psql", "--no-password"], self.env(endpoint)


def _endpoint(host: str, port: int, user: str, password: str) -> Endpoint:
    place = f"{user}:{quote(password, safe='')}@{host}:{port}/{PLACE}"
    return Endpoint(
        engine="postgres",
        host=host,
        port=port,
        user=user,
        password=password,
        database=PLACE,
        url=f"postgresql://{place}",
        # Which driver SQLAlchemy takes for the plain URL depends on its version.
        options={"sqlalchemy_url": f"postgresql+psycopg2://{place}"},
    )


def open_connection(
    endpoint: Endpoint,
    *,
    database: str = "",
    connect_timeout: int = 60,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """A psycopg2 connection in autocommit mode, to the endpoint's database unless another is named.

    ``settings`` go before those of the database and of the role."""
    import psycopg2

    connection = psycopg2.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
        dbname=database or endpoint.database,
        connect_timeout=connect_timeout,
        # Neither the person's own PGOPTIONS nor a certificate in the home folder must change what we do.
        options=" ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items()),
        sslmode="prefer",
        gssencmode="disable",
        application_name="sandbox",
    )
    connection.autocommit = True
    return connection


def _escaped(value: str) -> str:
    """A value as the server's command line takes it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _rows(
    endpoint: Endpoint, statement: str, params: Sequence[Any] = (), *, seconds: int = 60
) -> list[tuple[Any, ...]]:
    connection = open_connection(endpoint, database="postgres", connect_timeout=seconds)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, list(params))
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
    finally:
        connection.close()


def verifier(connection: Any, user: str, password: str) -> str:
    """What the server keeps of a password, made here: so no password reaches the server's log."""
    from psycopg2.extensions import encrypt_password

    made: str = encrypt_password(password, user, connection, "scram-sha-256")
    return made


def set_learner(cursor: Any, learner: str, secret: str) -> None:
    """Make the learner, or make it again what it should be. ``secret`` is a password verifier."""
    cursor.execute("select 1 from pg_roles where rolname = %s", [learner])
    verb = "alter" if cursor.fetchone() else "create"
    cursor.execute(
        f"{verb} role {learner} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit"
        f" connection limit {CONNECTIONS_OF_LEARNER} valid until 'infinity' password %s",
        [secret],
    )


ENGINE = PostgresEngine()

"""PostgreSQL: RDS for PostgreSQL and Aurora PostgreSQL. The driver is psycopg2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials, Engine
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

    def probe(self, endpoint: Endpoint) -> None:
        import psycopg2

        try:
            connection = open_connection(endpoint, connect_timeout=2)
        except psycopg2.OperationalError as problem:
            # The password is checked before the database is looked for: this is an answer, too. A person
            # may have dropped the database, and a new data folder does not have it yet.
            if f'database "{endpoint.database}" does not exist' not in str(problem):
                raise
            connection = open_connection(endpoint, database="postgres", connect_timeout=2)
        try:
            with connection.cursor() as cursor:
                cursor.execute("set statement_timeout = '2s'; select count(*) from pg_catalog.pg_database")
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

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        from sandbox.engines.postgres_reset import begin

        begin(endpoint, attempt.owns, self.learner, credentials.learner)
        return _endpoint(endpoint.host, endpoint.port, self.learner, credentials.learner)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        from sandbox.engines.postgres_reset import clear

        clear(endpoint, attempt.owns, self.learner)

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


def open_connection(endpoint: Endpoint, *, database: str = "", connect_timeout: int = 10) -> Any:
    """A psycopg2 connection in autocommit mode, to the endpoint's database unless another is named."""
    import psycopg2

    connection = psycopg2.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
        dbname=database or endpoint.database,
        connect_timeout=connect_timeout,
        # Neither the person's own PGOPTIONS nor a certificate in the home folder must change what we do.
        options="",
        sslmode="prefer",
        gssencmode="disable",
        application_name="sandbox",
    )
    connection.autocommit = True
    return connection


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

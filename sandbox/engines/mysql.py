"""MySQL and MariaDB: RDS for MySQL and Aurora MySQL. The driver is PyMySQL."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
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
_UNKNOWN_DATABASE = 1049
_ACCESS_DENIED = 1045


class MySqlEngine(Engine):
    """MySQL or MariaDB over PyMySQL. The dataset is in database ``sandbox``."""

    name = "mysql"
    title = "MySQL"
    services = ("aurora-mysql",)
    default_port = 3306
    admin = "admin"
    suffixes = (".sql",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return _endpoint(host, port, self.admin, credentials.admin)

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        import pymysql

        # Its port may be held by a program that says no word.
        limit = math.ceil(seconds)
        try:
            connection = open_connection(endpoint, read_timeout=limit)
        except pymysql.err.OperationalError as problem:
            # The password is checked before the database is looked for: this is an answer, too. A person
            # may have dropped the database, and a new data folder does not have it yet.
            if problem.args[0] != _UNKNOWN_DATABASE:
                raise
            connection = open_connection(endpoint, database="", read_timeout=limit)
        try:
            with connection.cursor() as cursor:
                cursor.execute("select count(*) from information_schema.schemata")
        finally:
            connection.close()

    def version(self, endpoint: Endpoint) -> str:
        with self._anywhere(endpoint) as connection, connection.cursor() as cursor:
            cursor.execute("select version()")
            number, _, build = cursor.fetchone()[0].partition("-")
        return f"MariaDB {number}" if "mariadb" in build.lower() else f"MySQL {number}"

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[Any]:
        connection = open_connection(endpoint)
        try:
            yield connection
        finally:
            # A statement that was killed may have taken the connection with it.
            if connection.open:
                connection.close()

    @contextmanager
    def _anywhere(self, endpoint: Endpoint) -> Iterator[Any]:
        connection = open_connection(endpoint, database="")
        try:
            yield connection
        finally:
            connection.close()

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        return {
            "MYSQL_HOST": endpoint.host,
            "MYSQL_TCP_PORT": str(endpoint.port),
            "MYSQL_USER": endpoint.user,
            "MYSQL_PWD": endpoint.password,
            "MYSQL_DATABASE": endpoint.database,
        }

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        import pymysql

        try:
            connection = open_connection(old, database="")
        except pymysql.err.OperationalError as problem:
            if problem.args[0] != _ACCESS_DENIED:
                raise
            # Done before, and interrupted after: the new password holds already.
            connection = open_connection(new, database="")
        try:
            with connection.cursor() as cursor:
                set_learner(cursor, self.learner, credentials.learner)
                set_password(cursor, self.admin, credentials.admin)
        finally:
            connection.close()

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.mysql_load import load

        return load(endpoint, dataset, sink)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.mysql_load import counts

        return counts(endpoint)

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.mysql_reset import reset

        return reset(endpoint, dataset, self.learner, sink)

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        from sandbox.engines.mysql_reset import begin

        begin(endpoint, attempt.owns, self.learner, credentials.learner)
        return _endpoint(endpoint.host, endpoint.port, self.learner, credentials.learner)

    def settle(self, endpoint: Endpoint, attempt: Attempt) -> None:  # noqa: ARG002
        from sandbox.engines.mysql_reset import settle

        settle(endpoint, self.learner)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        from sandbox.engines.mysql_reset import clear

        clear(endpoint, attempt.owns, self.learner)

    def replication(self, replica: Endpoint, primary: Endpoint | None) -> Replication:
        from sandbox.engines.mysql_replication import seen

        return seen(replica, primary)

    def welcome(self, primary: Endpoint, name: str) -> None:  # noqa: ARG002
        from sandbox.engines.mysql_replication import welcome

        welcome(primary)

    def follow(self, replica: Endpoint, primary: Endpoint, *, first: bool) -> None:
        from sandbox.engines.mysql_replication import follow

        follow(replica, primary, first=first)

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.sql import MySqlClient

        return MySqlClient(endpoint)

    def program(self, endpoint: Endpoint) -> tuple[list[str], dict[str, str]]:
        argv = ["mysql", f"--user={endpoint.user}", "--default-character-set=utf8mb4"]
        return [*argv, endpoint.database] if endpoint.database else argv, self.env(endpoint)


def _endpoint(host: str, port: int, user: str, password: str) -> Endpoint:
    place = f"{user}:{quote(password, safe='')}@{host}:{port}/{PLACE}"
    return Endpoint(
        engine="mysql",
        host=host,
        port=port,
        user=user,
        password=password,
        database=PLACE,
        url=f"mysql://{place}",
        options={"sqlalchemy_url": f"mysql+pymysql://{place}?charset=utf8mb4"},
    )


def open_connection(
    endpoint: Endpoint,
    *,
    database: str | None = None,
    connect_timeout: int = 60,
    read_timeout: int | None = None,
    local_infile: bool = False,
) -> Any:
    """A PyMySQL connection in autocommit mode, to the endpoint's database unless another (or "") is named."""
    import pymysql

    return pymysql.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
        database=(endpoint.database if database is None else database) or None,
        charset="utf8mb4",
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        autocommit=True,
        local_infile=local_infile,
        program_name="sandbox",
        # On the loopback only, and PyMySQL would read all the system's certificates each time: 20 ms.
        ssl_disabled=True,
    )


@contextmanager
def server_cursor(endpoint: Endpoint) -> Iterator[Any]:
    """A cursor of a connection to no database, closed when the context ends."""
    connection = open_connection(endpoint, database="")
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def hashed(password: str) -> str:
    """What ``mysql_native_password`` keeps of a password, so that the password itself is in no statement."""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's own scheme
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324


def set_password(cursor: Any, user: str, password: str, *, create: bool = False) -> None:
    """Give a user (of any host) a password; with ``create``, make the user if there is none."""
    verb = "create user if not exists" if create else "alter user"
    from sandbox.engines.mysql_kinds import is_mariadb

    if is_mariadb(cursor):
        # The hash is made here: the password itself is in no statement, and so in no log.
        method, secret = "via mysql_native_password using", hashed(password)
    else:
        # MySQL 9 has another scheme, and takes the passwords out of its logs itself.
        method, secret = "by", password
    cursor.execute(f"{verb} {user}@'%%' identified {method} %s", [secret])


def set_learner(cursor: Any, learner: str, password: str) -> None:
    """Make the learner, or make it again what it should be: it may read the dataset, and nothing more."""
    set_password(cursor, learner, password, create=True)
    set_password(cursor, learner, password)
    restrict_learner(cursor, learner)


def restrict_learner(cursor: Any, learner: str) -> None:
    cursor.execute(
        f"alter user {learner}@'%' require none with max_user_connections {CONNECTIONS_OF_LEARNER}"
        " account unlock"
    )
    cursor.execute(f"revoke all privileges, grant option from {learner}@'%'")
    cursor.execute(f"grant select on {PLACE}.* to {learner}@'%'")


ENGINE = MySqlEngine()

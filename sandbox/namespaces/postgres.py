"""Databases of PostgreSQL, copied from the template that ``load`` keeps or from the server's empty one."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from sandbox.engines.postgres_guard import neutral_connection
from sandbox.engines.postgres_load import TEMPLATE, drop_database, ensure_learner, fill, refresh_template
from sandbox.events import silent
from sandbox.namespaces.base import Namespaces


class PostgresNamespaces(Namespaces):
    """One connection to the server makes and drops them. Copying files (``file_copy``) is faster here than
    going through the write-ahead log, which syncs nothing either."""

    ahead = MappingProxyType({False: 1, True: 1})
    """A database is some 300 files, with or without the dataset."""

    links = ("_connection",)

    _connection: Any = None
    _template = ""

    def _make(self, name: str, loaded: bool) -> None:
        cursor = self._cursor()
        if loaded and not self._template:
            self._template = self._own_template() if self.external else self._shared_template(cursor)
        source = self._template if loaded else "template0"
        self._create(cursor, name, f"{source} strategy file_copy")

    def _create(self, cursor: Any, name: str, template: str) -> None:
        # Known to the server beforehand: a statement that it has not yet read tells nobody of itself.
        cursor.execute("set application_name = %s", [name])
        cursor.execute(f"create database {name} template {template}")

    def _shared_template(self, cursor: Any) -> str:
        with self._claims.locked():
            ensure_learner(cursor, self.engine.learner)
            refresh_template(self.admin, cursor, self.dataset, self.engine.learner, silent)
        return TEMPLATE

    def _own_template(self) -> str:
        """One that goes when we go, in a server that is not ours."""
        name = self._claim()
        self._create(self._cursor(), name, "template0")
        connection = neutral_connection(self.admin, database=name)
        try:
            fill(connection, self.dataset, "current_user", silent)
        finally:
            connection.close()
        return name

    def _has(self, name: str, loaded: bool) -> bool:  # noqa: ARG002
        cursor = self._cursor()
        cursor.execute("select 1 from pg_database where datname = %s", [name])
        return cursor.fetchone() is not None

    def _sweep(self, name: str) -> None:
        # The server goes on making a database whose client was killed, and it is not there to be dropped yet.
        self._cursor().execute(
            "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
            " where pid <> pg_backend_pid() and application_name = %s",
            [name],
        )
        super()._sweep(name)

    def _drop(self, name: str) -> None:
        import psycopg2

        cursor = self._cursor()
        try:
            cursor.execute(f"drop database if exists {name} with (force)")
        except psycopg2.errors.ObjectInUse:
            self._end_replication(name)
            cursor.execute(f"drop database if exists {name} with (force)")
        except psycopg2.errors.WrongObjectType:
            # A test made a template of it.
            drop_database(cursor, name)

    def _end_replication(self, name: str) -> None:
        """Slots at work and subscriptions keep their database from being dropped."""
        from psycopg2 import sql

        cursor = self._cursor()
        cursor.execute(
            "select pg_terminate_backend(active_pid, 2000) from pg_replication_slots"
            " where database = %s and active_pid is not null",
            [name],
        )
        cursor.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = %s", [name]
        )
        there = neutral_connection(self.admin, database=name)
        try:
            with there.cursor() as work:
                work.execute(
                    "select subname from pg_subscription join pg_database d on d.oid = subdbid"
                    " where datname = current_database()"
                )
                for (subscription,) in work.fetchall():
                    for change in (
                        "alter subscription {} disable",
                        "alter subscription {} set (slot_name = none)",
                    ):
                        work.execute(sql.SQL(change).format(sql.Identifier(subscription)))
                    work.execute(sql.SQL("drop subscription {}").format(sql.Identifier(subscription)))
        finally:
            there.close()

    def _cursor(self) -> Any:
        if self._connection is None:
            self._connection = neutral_connection(self.admin, database="postgres")
        return self._connection.cursor()

    def _disconnect(self) -> None:
        connection, self._connection, self._template = self._connection, None, ""
        if connection is not None:
            connection.close()


NAMESPACES = PostgresNamespaces

"""Databases of MySQL and MariaDB. There are no templates: the dataset's rows come over within the server,
from a database that is there while anybody uses namespaces."""

from __future__ import annotations

from typing import Any

from sandbox.datasets.schema import TABLES
from sandbox.engines.mysql import open_connection
from sandbox.engines.mysql_load import create_tables, load
from sandbox.events import silent
from sandbox.namespaces.base import TEMPLATE, Namespaces

_PATIENCE = 1
"""Seconds that a drop waits for a table that somebody has locked, before the locks' holders are ended."""

_LONG_PATIENCE = 60
"""Seconds that it waits for those to end."""

_LOCK_WAIT_TIMEOUT = 1205


class MySqlNamespaces(Namespaces):
    """One connection to the server makes and drops them."""

    links = ("_connection",)

    _connection: Any = None
    _template = ""

    def _make(self, name: str, loaded: bool) -> None:
        cursor = self._cursor()
        if loaded:
            self._see_to_template(cursor)
        cursor.execute(f"create database {name} character set utf8mb4")
        if not loaded:
            return
        cursor.execute(f"use {name}")
        create_tables(cursor)
        cursor.execute("begin")
        for table in TABLES:
            cursor.execute(f"insert into {table} select * from {self._template}.{table}")  # noqa: S608 - our own names
        cursor.execute("commit")

    def _see_to_template(self, cursor: Any) -> None:
        if self._template:
            return
        dataset = self.dataset
        if self.external:
            # One that goes when we go, in a server that is not ours.
            name = self._claim()
            load(self.admin, dataset, silent, place=name)
            self._template = name
            return
        with self._claims.locked():
            # The comment of the table that is filled last tells of what.
            cursor.execute(
                "select table_comment from information_schema.tables"
                " where table_schema = %s and table_name = 'orders'",
                [TEMPLATE],
            )
            if cursor.fetchone() != (dataset.hash,):
                cursor.execute(f"drop database if exists {TEMPLATE}")
                load(self.admin, dataset, silent, place=TEMPLATE)
                cursor.execute(f"alter table {TEMPLATE}.orders comment = %s", [dataset.hash])
        self._template = TEMPLATE

    def _has(self, name: str, loaded: bool) -> bool:  # noqa: ARG002
        cursor = self._cursor()
        cursor.execute("select 1 from information_schema.schemata where schema_name = %s", [name])
        return cursor.fetchone() is not None

    def _drop(self, name: str) -> None:
        import pymysql

        cursor = self._cursor()
        self._end_sessions(
            cursor,
            "select id from information_schema.processlist where db = %s and id <> connection_id()",
            name,
        )
        try:
            cursor.execute(f"drop database if exists {name}")
        except pymysql.err.OperationalError as problem:
            if problem.args[0] != _LOCK_WAIT_TIMEOUT:
                raise
            # From another database, which the list of processes does not tell.
            self._end_sessions(
                cursor,
                "select processlist_id from performance_schema.metadata_locks"
                " join performance_schema.threads on owner_thread_id = thread_id"
                " where object_schema = %s and processlist_id <> connection_id()",
                name,
            )
            cursor.execute(f"set lock_wait_timeout = {_LONG_PATIENCE}")
            try:
                cursor.execute(f"drop database if exists {name}")
            finally:
                cursor.execute(f"set lock_wait_timeout = {_PATIENCE}")

    def _end_sessions(self, cursor: Any, question: str, name: str) -> None:
        import pymysql

        cursor.execute(question, [name])
        for (session,) in cursor.fetchall():
            try:
                cursor.execute("kill %s", [session])
            except pymysql.err.OperationalError:
                continue  # gone by itself

    def _tidy(self) -> None:
        if not self.external:
            self._cursor().execute(f"drop database if exists {TEMPLATE}")

    def _cursor(self) -> Any:
        if self._connection is None:
            self._connection = open_connection(self.admin, database="")
            self._connection.cursor().execute(
                f"set lock_wait_timeout = {_PATIENCE}, foreign_key_checks = 0, unique_checks = 0"
            )
        return self._connection.cursor()

    def _disconnect(self) -> None:
        connection, self._connection, self._template = self._connection, None, ""
        if connection is not None and connection.open:
            connection.close()


NAMESPACES = MySqlNamespaces

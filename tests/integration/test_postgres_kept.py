"""Connections that one attempt leaves for the next: the same session, which remembers nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.postgres import PostgresEngine, open_connection
from sandbox.engines.postgres_kept import kept_connection


@pytest.fixture
def admin(engine_up: Callable[[str], tuple[PostgresEngine, Endpoint]]) -> Iterator[Endpoint]:
    _, endpoint = engine_up("postgres")
    # Nobody else holds this one.
    yield replace(endpoint)


def ask(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def pid(endpoint: Endpoint, database: str = "sandbox") -> int:
    with kept_connection(endpoint, database) as connection:
        return int(connection.info.backend_pid)


def test_the_next_use_gets_the_same_session_and_another_database_another(admin: Endpoint) -> None:
    assert pid(admin) == pid(admin) != pid(admin, "postgres")


def test_two_at_a_time_do_not_share(admin: Endpoint) -> None:
    with kept_connection(admin, "sandbox") as connection:
        assert pid(admin) != connection.info.backend_pid


def test_a_session_remembers_nothing_of_its_last_use(admin: Endpoint) -> None:
    with kept_connection(admin, "sandbox", {"search_path": "public", "statement_timeout": "7s"}) as made:
        assert ask(made, "show search_path") == "public"
        assert ask(made, "show statement_timeout") == "7s"
        for statement in (
            "create temporary table left_over (number int)",
            "prepare left_over as select 1",
            "select pg_advisory_lock(4711)",
            "set datestyle = 'german'",
            "set role learner",
        ):
            ask(made, statement)
        session = made.info.backend_pid
    with kept_connection(admin, "sandbox") as again:
        assert again.info.backend_pid == session
        assert ask(again, "show search_path") == "pg_catalog"
        assert ask(again, "show statement_timeout") == "0"
        assert ask(again, "show datestyle").startswith("ISO")
        assert ask(again, "select current_user") == "postgres"
        assert ask(again, "select to_regclass('pg_temp.left_over')") is None
        assert ask(again, "select count(*) from pg_prepared_statements") == 0
        assert ask(again, "select count(*) from pg_locks where locktype = 'advisory'") == 0


def test_what_a_server_does_not_know_is_skipped(admin: Endpoint) -> None:
    with kept_connection(admin, "sandbox", {"no_such_setting": "1", "work_mem": "5MB"}) as connection:
        assert ask(connection, "show work_mem") == "5MB"


@pytest.mark.parametrize("how", ["error", "transaction", "autocommit"])
def test_a_connection_that_was_not_left_as_it_was_given_is_not_used_again(how: str, admin: Endpoint) -> None:
    before = pid(admin)
    try:
        with kept_connection(admin, "sandbox") as connection:
            if how == "autocommit":
                connection.autocommit = False
            ask(
                connection,
                "select 1 / 0" if how == "error" else "begin" if how == "transaction" else "select 1",
            )
    except psycopg2.errors.DivisionByZero:
        assert how == "error"
    assert pid(admin) != before


def test_one_that_the_server_ended_is_made_anew(admin: Endpoint) -> None:
    before = pid(admin)
    other = open_connection(admin)
    try:
        assert ask(other, f"select pg_terminate_backend({before}, 60000)")
    finally:
        other.close()
    assert pid(admin) != before


def test_statistics_of_what_was_done_are_there_at_once(admin: Endpoint) -> None:
    with kept_connection(admin, "sandbox", {"search_path": "public"}) as connection:
        ask(connection, "create table counted as select 1 as one")
    try:
        for _ in range(3):
            with kept_connection(admin, "sandbox") as connection:
                ask(connection, "select count(*) from public.counted")
        other = open_connection(admin)
        try:
            assert ask(other, "select seq_scan from pg_stat_user_tables where relname = 'counted'") == 3
        finally:
            other.close()
    finally:
        with kept_connection(admin, "sandbox") as connection:
            ask(connection, "drop table public.counted")


def test_it_ends_when_nobody_holds_the_endpoint_any_more(admin: Endpoint) -> None:
    mine = replace(admin)
    with kept_connection(mine, "sandbox") as connection:
        pass
    assert not connection.closed
    del mine
    gc.collect()
    assert connection.closed

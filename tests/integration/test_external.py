"""Engines that somebody else runs: used as they are, touched only where our mark is, and never stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt
from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.runtimes.external.addresses import SCHEMES, Address, parse
from sandbox.runtimes.external.guard import LEARNER, Guard, Mark
from sandbox.sandbox import Sandbox

ROWS = {"customers": 635, "employees": 17, "orders": 5087}
WITH_PASSWORDS = [name for name in NAMES if name != "aws"]
Foreign = Callable[[str], Endpoint]


@pytest.fixture(scope="module")
def theirs() -> Iterator[Sandbox]:
    """Somebody else's servers: those of another sandbox."""
    box = Sandbox(name="theirs")
    yield box
    box.down(delete=True)


@pytest.fixture
def foreign(theirs: Sandbox) -> Foreign:
    """``foreign("redis")``: the administrator's endpoint of such a server, in which nothing of ours is."""

    def up(name: str) -> Endpoint:
        if name not in theirs.running():
            for problem in theirs.up([name], dataset=Dataset.empty).failed.values():
                raise problem
        endpoint = theirs.endpoint(name)
        guard(name).remove(endpoint, Mark("test"))
        return endpoint

    return up


@pytest.fixture
def mine() -> Iterator[Sandbox]:
    box = Sandbox(name="mine")
    yield box
    box.down(delete=True)


def guard(name: str, owner: str = "test") -> Guard:
    import importlib

    made: Guard = importlib.import_module(f"sandbox.runtimes.external.{name}").GUARD(owner)
    return made


def address(endpoint: Endpoint, *, user: str = "", password: str = "", port: int = 0) -> Address:
    login = f"{quote(user or endpoint.user)}:{quote(password or endpoint.password)}"
    scheme = SCHEMES[endpoint.engine][0]
    return parse(f"{endpoint.engine}={scheme}://{login}@{endpoint.host}:{port or endpoint.port}")


def use(box: Sandbox, at: Address) -> SandboxError | None:
    """Bring it up; the error when it was refused."""
    return box.up(external={at.engine: at}).failed.get(at.engine)


def rows(box: Sandbox) -> dict[str, int]:
    return {row["table"]: row["rows"] for row in box.counts()}


@pytest.mark.parametrize("name", NAMES)
def test_a_server_is_loaded_reset_and_left_as_it_was(
    name: str, foreign: Foreign, mine: Sandbox, theirs: Sandbox
) -> None:
    there = foreign(name)
    assert use(mine, address(there)) is None
    [status] = mine.status()
    assert (status.name, status.runtime, status.healthy) == (name, "external", True)
    assert any(c.isdigit() for c in status.version)
    assert rows(mine) == ROWS
    assert mine.reset([name])
    assert rows(mine) == ROWS
    # Let go, and taken up again without being told where it is.
    mine.down()
    assert mine.running() == []
    assert not mine.up([name]).failed
    assert rows(mine) == ROWS
    mine.down(delete=True)
    assert name in theirs.running()
    assert guard(name).mark(there) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_place_of_that_name_that_somebody_else_made_is_left_alone(
    name: str, foreign: Foreign, mine: Sandbox
) -> None:
    there = foreign(name)
    guard(name, "somebody").write(there, Mark("somebody"))
    try:
        refused = use(mine, address(there))
        assert refused is not None
        assert refused.code == "external-not-ours"
        mine.down(delete=True)
        assert guard(name).mark(there) == Mark("somebody")
    finally:
        guard(name).remove(there, Mark("somebody"))


def test_a_dataset_without_a_mark_is_left_alone(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("aws")
    with engine_named("aws").connect(there) as session:
        session.client("s3").create_bucket(Bucket="sandbox-course-data")
        refused = use(mine, address(there))
        assert refused is not None
        assert refused.code == "external-not-ours"
        assert session.client("s3").list_buckets()["Buckets"]


OWNED: dict[str, tuple[str, dict[str, list[str]]]] = {
    "postgres": ("create database theirs_db", {"databases": ["theirs_*"]}),
    "mysql": ("create database theirs_db", {"databases": ["theirs_db"]}),
    "cassandra": (
        "CREATE KEYSPACE theirs_db WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        {"keyspaces": ["theirs_db"]},
    ),
    "mongodb": ("theirs_db", {"databases": ["theirs_db"]}),
}


@pytest.mark.parametrize("name", OWNED)
def test_an_exercise_does_not_drop_what_was_there_before(name: str, foreign: Foreign, mine: Sandbox) -> None:
    there = foreign(name)
    make, owns = OWNED[name]
    _run(name, there, make)
    try:
        assert use(mine, address(there)) is None
        attempt = Attempt("an/exercise", "k", 1, owns)
        with pytest.raises(EnvironmentRefusedError, match="theirs_db") as refused:
            mine.engine(name).begin(mine.endpoint(name), attempt, mine.seat(name).credentials)
        assert refused.value.code == "external-not-ours"
        with pytest.raises(EnvironmentRefusedError):
            mine.engine(name).clear(mine.endpoint(name), attempt)
        kind = next(iter(owns))
        assert list(guard(name).there(there, kind, ["theirs_db"])) == ["theirs_db"]
    finally:
        _run(name, there, "DROP KEYSPACE theirs_db" if name == "cassandra" else "drop database theirs_db")


def _run(name: str, endpoint: Endpoint, what: str) -> None:
    engine: Any = engine_named(name)
    if name == "mongodb":
        with engine.connect(endpoint) as client:
            if what.startswith("drop"):
                client.drop_database("theirs_db")
            else:
                client[what].things.insert_one({})
        return
    place = {"postgres": "postgres", "mysql": "", "cassandra": ""}[name]
    with engine.connect(replace(endpoint, database=place)) as connection:
        if name == "cassandra":
            connection.execute(what)
        else:
            connection.cursor().execute(what)


def test_an_attempt_drops_what_it_made_itself_and_lets_go_of_the_name(
    foreign: Foreign, mine: Sandbox
) -> None:
    there = foreign("mysql")
    assert use(mine, address(there)) is None
    engine, endpoint, seat = mine.engine("mysql"), mine.endpoint("mysql"), mine.seat("mysql")
    attempt = Attempt("an/exercise", "k", 1, {"databases": ["demo_db"]})
    for _ in range(2):
        engine.begin(endpoint, attempt, seat.credentials)
        _run("mysql", there, "create database demo_db")
    engine.clear(endpoint, attempt)
    assert list(guard("mysql").there(there, "databases", ["demo_db"])) == []
    mark = guard("mysql").mark(there)
    assert mark is not None
    assert "databases:demo_db" not in mark.claims


def test_answers_run_as_a_lesser_user_where_one_can_be_made(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("postgres")
    with engine_named("postgres").connect(replace(there, database="postgres")) as connection:
        # A copy of the dataset that servers of ours keep, in which the role may read.
        connection.cursor().execute("alter database sandbox_template with is_template false")
        connection.cursor().execute("drop database sandbox_template")
        connection.cursor().execute("drop role learner")
    assert use(mine, address(there)) is None
    mark = guard("postgres").mark(there)
    assert mark is not None
    assert LEARNER in mark.claims
    assert mine.place("postgres").approximation == ""
    attempt = Attempt("an/exercise", "k", 1, {"databases": ["demo_db"]})
    endpoint, seat = mine.endpoint("postgres"), mine.seat("postgres")
    given = mine.engine("postgres").begin(endpoint, attempt, seat.credentials)
    assert given.user == "learner"
    with engine_named("postgres").connect(given) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from customers")
        assert cursor.fetchone() == (635,)
    mine.down(delete=True)
    with engine_named("postgres").connect(replace(there, database="postgres")) as connection:
        cursor = connection.cursor()
        cursor.execute("select 1 from pg_roles where rolname = 'learner'")
        assert cursor.fetchone() is None


def test_the_report_says_when_answers_run_as_the_given_user(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("redis")
    assert use(mine, address(there)) is None
    assert "'default'" in mine.place("redis").approximation


def test_a_user_without_the_right_to_make_databases_is_told_so(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("postgres")
    server = replace(there, database="postgres")
    with engine_named("postgres").connect(server) as connection:
        connection.cursor().execute("create role poor login password 'poor'")
    try:
        refused = use(mine, address(there, user="poor", password="poor"))
        assert refused is not None
        assert refused.code == "external-rights"
    finally:
        with engine_named("postgres").connect(server) as connection:
            connection.cursor().execute("drop role poor")


def test_a_user_with_createdb_is_enough(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("postgres")
    server = replace(there, database="postgres")
    with engine_named("postgres").connect(server) as connection:
        connection.cursor().execute("create role maker login createdb password 'maker'")
    try:
        assert use(mine, address(there, user="maker", password="maker")) is None
        assert rows(mine) == ROWS
        mine.reset()
        assert rows(mine) == ROWS
        mine.down(delete=True)
    finally:
        with engine_named("postgres").connect(server) as connection:
            connection.cursor().execute("drop role maker")


@pytest.mark.parametrize("name", WITH_PASSWORDS)
def test_a_wrong_password_is_told_as_such(name: str, foreign: Foreign, mine: Sandbox) -> None:
    refused = use(mine, address(foreign(name), password="wrong"))
    assert refused is not None
    assert refused.code == "external-login", refused.detail
    assert "wrong" not in refused.title
    assert mine.running() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_is_not_there_is_told_as_such(name: str, foreign: Foreign, mine: Sandbox) -> None:
    refused = use(mine, address(foreign(name), port=1))
    assert refused is not None
    assert refused.code == "external-unreachable", refused.detail


def test_a_server_that_wants_tls_is_told_as_such(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("mysql")
    server = replace(there, database="")
    with engine_named("mysql").connect(server) as connection:
        connection.cursor().execute("create user if not exists secure@'%' identified by 'secure' require ssl")
        connection.cursor().execute("set global require_secure_transport = on")
        try:
            refused = use(mine, address(there))
        finally:
            connection.cursor().execute("set global require_secure_transport = off")
            connection.cursor().execute("drop user secure@'%'")
    assert refused is not None
    assert refused.code in ("external-tls", "external-login"), refused.detail


def test_what_a_load_that_failed_left_is_deleted(
    foreign: Foreign, mine: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = foreign("redis")

    def fails(*_given: object) -> dict[str, int]:
        raise RuntimeError("half way")

    monkeypatch.setattr(type(guard("redis")), "fill", fails)
    refused = use(mine, address(there))
    assert refused is not None
    assert guard("redis").mark(there) is not None
    mine.down(delete=True)
    assert guard("redis").mark(there) is None


def test_a_server_that_is_gone_can_be_forgotten_and_what_stays_there_is_told(
    foreign: Foreign, mine: Sandbox, theirs: Sandbox
) -> None:
    there = foreign("redis")
    assert use(mine, address(there)) is None
    theirs.down(["redis"])
    told: list[Any] = []
    mine.sink = told.append
    [status] = mine.status()
    assert (status.state, status.problem) == ("died", "it cannot be reached")
    mine.down(delete=True)
    assert not mine.exists()
    assert any("what is ours there" in getattr(event, "text", "") for event in told)


def test_an_engine_of_ones_own_is_not_turned_into_an_external_one(foreign: Foreign, mine: Sandbox) -> None:
    there = foreign("redis")
    mine.up(["redis"], dataset=Dataset.empty)
    with pytest.raises(SandboxError) as refused:
        use(mine, address(there))
    assert refused.value.code == "runtime-differs"


def test_what_only_engines_of_our_own_can_is_refused(foreign: Foreign, mine: Sandbox) -> None:
    assert use(mine, address(foreign("redis"))) is None
    with pytest.raises(SandboxError) as refused:
        list(mine.logs("redis"))
    assert refused.value.code == "external-cannot"
    with pytest.raises(SandboxError) as refused:
        mine.up(["redis"], replicas=1)
    assert refused.value.code == "no-replicas"

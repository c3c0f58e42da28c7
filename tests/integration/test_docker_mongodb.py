"""MongoDB in Docker: logins, what it has and the native stand-in has not, durability; and FerretDB, known
where it answers under that name: just what is said to be lacking is lacking."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError, WriteError

from sandbox.clients.mongosh import MongoshClient
from sandbox.clients.render import render
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.mongodb import Mongodb
from sandbox.runtimes.base import Facts
from sandbox.runtimes.docker.client import client
from sandbox.runtimes.docker.compose import container_name
from sandbox.runtimes.registry import facts
from sandbox.sandbox import Sandbox
from tests.integration.plain_compose import composed

pytestmark = pytest.mark.docker

Up = Callable[[str], tuple[Mongodb, Endpoint]]
ATTEMPT = Attempt("documentdb/01-create-insert-query", "d1", 1, {"databases": ["mydatabase"]})
SECRETS = Credentials("unused", "learners-password")


@pytest.fixture
def mongodb(docker_up: Up) -> tuple[Mongodb, Endpoint]:
    return docker_up("mongodb")


@pytest.fixture
def driver(mongodb: tuple[Mongodb, Endpoint]) -> Iterator[MongoClient[dict[str, Any]]]:
    engine, admin = mongodb
    with engine.connect(admin) as found:
        yield found
        found.drop_database("scratch")


@pytest.fixture
def known(mongodb: tuple[Mongodb, Endpoint], docker_sandbox: Sandbox) -> Facts:
    """What is known of the server that answers."""
    return docker_sandbox.runtime.facts(docker_sandbox.seat("mongodb"))


def test_a_stand_in_under_mongodbs_name_is_told_and_the_real_one_is_not(
    mongodb: tuple[Mongodb, Endpoint], docker_sandbox: Sandbox, driver: MongoClient[dict[str, Any]]
) -> None:
    stand_in = "ferretdb" in driver.server_info()
    (status,) = docker_sandbox.status(["mongodb"])
    place = docker_sandbox.place("mongodb")
    assert status.product.startswith("FerretDB " if stand_in else "MongoDB 8")
    assert bool(status.approximation) is bool(place.approximation) is stand_in
    assert ("roles" in place.lacks) is stand_in
    assert not facts("mongodb", "docker").approximation


def test_nobody_gets_in_without_the_password(mongodb: tuple[Mongodb, Endpoint]) -> None:
    engine, admin = mongodb
    for url in (
        admin.url.replace(admin.password, "wrong"),
        f"mongodb://{admin.host}:{admin.port}/sandbox?directConnection=true",
    ):
        with pytest.raises(OperationFailure), engine.connect(replace(admin, url=url)) as found:
            found.sandbox.customers.find_one()


def test_the_password_is_on_no_command_line(
    mongodb: tuple[Mongodb, Endpoint], docker_sandbox: Sandbox
) -> None:
    _, admin = mongodb
    found = client().containers.get(container_name(docker_sandbox.seat("mongodb")))
    assert admin.password not in str(found.top())
    assert admin.password not in found.logs().decode()


def test_an_attempts_user_and_databases_come_and_go(mongodb: tuple[Mongodb, Endpoint]) -> None:
    engine, admin = mongodb
    for _ in range(2):
        learner = engine.begin(admin, ATTEMPT, SECRETS)
        with engine.connect(learner) as found:
            assert found.mydatabase.users.count_documents({}) == 0
            found.mydatabase.users.insert_one({"name": "Ada"})
            assert found.sandbox.customers.count_documents({"_id": 293}) == 1
    engine.clear(admin, ATTEMPT)
    engine.clear(admin, ATTEMPT)
    with pytest.raises(PyMongoError), engine.connect(learner) as found:
        found.mydatabase.users.find_one()
    with engine.connect(admin) as found:
        assert "mydatabase" not in found.list_database_names()


def _refused(trial: Callable[[], Any]) -> bool:
    try:
        trial()
    except OperationFailure as problem:
        assert problem.code == 13
        return True
    return False


def test_an_attempts_user_changes_nothing_else_where_roles_are_enforced(
    mongodb: tuple[Mongodb, Endpoint], known: Facts
) -> None:
    engine, admin = mongodb
    learner = engine.begin(admin, ATTEMPT, SECRETS)
    with engine.connect(learner) as found:
        trials: list[Callable[[], Any]] = [
            lambda: found.sandbox.customers.update_one({"_id": 293}, {"$set": {"seen": True}}),
            lambda: found.other.things.insert_one({}),
            lambda: found.admin.command("createUser", "eve", pwd="x", roles=["root"]),
        ]
        refused = [_refused(trial) for trial in trials]
    engine.reset(admin, Dataset.course())
    assert refused == ["roles" not in known.lacks] * len(trials)


def test_reset_takes_away_what_a_person_made(mongodb: tuple[Mongodb, Endpoint]) -> None:
    engine, admin = mongodb
    with engine.connect(admin) as found:
        found.mine.things.insert_one({})
        found.sandbox.create_collection("seen", viewOn="customers", pipeline=[{"$match": {"_id": 293}}])
        assert found.sandbox.seen.count_documents({}) == 1
        found.sandbox.customers.drop()
        found.mine.command("createUser", "ann", pwd="one", roles=["read"])
        assert engine.reset(admin, Dataset.course()) == dict(Dataset.course().counts)
        assert set(found.list_database_names()) <= {"admin", "config", "local", "sandbox"}
        assert set(found.sandbox.list_collection_names()) - {"system.views"} == {"customers", "employees"}
        users = found.admin.command("usersInfo", {"forAllDBs": True}).get("users", [])
        assert [user["user"] for user in users if user["user"] != "admin"] == []


def test_a_validator_refuses_what_does_not_fit_and_spares_the_old(
    driver: MongoClient[dict[str, Any]],
) -> None:
    things = driver.scratch.things
    things.insert_one({"_id": "old", "pieces": "many"})
    schema = {"required": ["pieces"], "properties": {"pieces": {"bsonType": "int", "minimum": 1}}}
    driver.scratch.command("collMod", "things", validator={"$jsonSchema": schema}, validationLevel="moderate")
    things.insert_one({"_id": "new", "pieces": 1})
    for refused in ({"pieces": 0}, {"pieces": "1"}, {"weight": 1}):
        with pytest.raises(WriteError) as problem:
            things.insert_one(refused)
        assert problem.value.code == 121
    things.update_one({"_id": "old"}, {"$set": {"seen": True}})
    with pytest.raises(WriteError):
        things.update_one({"_id": "new"}, {"$set": {"pieces": 0}})


def test_explain_tells_of_an_index_that_is_used(
    mongodb: tuple[Mongodb, Endpoint], known: Facts, driver: MongoClient[dict[str, Any]]
) -> None:
    _, admin = mongodb
    question = "db.customers.find({lastname: 'Abel'}).sort({firstname: 1}).explain('executionStats')"
    with MongoshClient(admin) as shell:
        assert "lastname_1_firstname_1" in "".join(render(result) for result in shell.execute(question))
    found = driver.sandbox.command(
        "explain", {"find": "customers", "filter": {"lastname": "Abel"}}, verbosity="executionStats"
    )
    statistics = found.get("executionStats")
    assert (statistics is None) is ("explain" in known.lacks)
    if statistics:
        assert statistics["totalDocsExamined"] == statistics["nReturned"] >= 1


@pytest.mark.parametrize("word", ["json-schema", "capped", "time-series", "collation", "custom-roles"])
def test_what_is_said_to_be_lacking_is_refused_and_all_else_works(
    word: str, known: Facts, driver: MongoClient[dict[str, Any]]
) -> None:
    database = driver.scratch
    trials: dict[str, Callable[[], Any]] = {
        "json-schema": lambda: database.create_collection(
            "shaped", validator={"$jsonSchema": {"additionalProperties": False, "properties": {"_id": {}}}}
        ),
        "capped": lambda: database.create_collection("ring", capped=True, size=4096),
        "time-series": lambda: database.create_collection("times", timeseries={"timeField": "at"}),
        "collation": lambda: database.words.create_index("word", collation={"locale": "de"}),
        "custom-roles": lambda: database.command("createRole", "counts", privileges=[], roles=["read"]),
    }
    if word in known.lacks:
        with pytest.raises(OperationFailure):
            trials[word]()
    else:
        trials[word]()
        database.command("dropAllRolesFromDatabase")


def test_acknowledged_writes_outlive_a_kill(own_home: Path) -> None:
    engine, box = Mongodb(), Sandbox(name="killed")
    assert not box.up(["mongodb"], runtime="docker").failed
    with engine.connect(box.endpoint("mongodb")) as found:
        for number in range(200):
            found.mine.things.insert_one({"_id": number})
        box.runtime.kill(box.seat("mongodb"))
    assert not box.up(["mongodb"]).failed
    with engine.connect(box.endpoint("mongodb")) as found:
        assert found.mine.things.count_documents({}) == 200
    assert engine.counts(box.endpoint("mongodb")) == dict(Dataset.course().counts)


def test_the_compose_file_alone_gives_a_server_for_its_user() -> None:
    with composed("mongodb") as (port, project):
        url = f"mongodb://admin:sandbox@127.0.0.1:{port}/?directConnection=true"
        found: MongoClient[dict[str, Any]] = MongoClient(
            url, serverSelectionTimeoutMS=120_000, connectTimeoutMS=120_000
        )
        with found:
            found.mine.things.insert_one({"_id": 1})
            assert found.mine.things.count_documents({}) == 1
        published = subprocess.run(
            ["docker", "port", f"{project}-mongodb-1"], capture_output=True, text=True, check=True
        )
        assert published.stdout.strip() == f"27017/tcp -> 127.0.0.1:{port}"

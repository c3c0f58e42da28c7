"""MongoDB's stand-in, for real: dataset, users, what it refuses, durability, the shell."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, Regex
from pymongo import MongoClient, UpdateOne
from pymongo.errors import BulkWriteError, ConfigurationError, OperationFailure, PyMongoError

from sandbox.clients.base import StatementError
from sandbox.clients.mongosh import MongoshClient
from sandbox.clients.render import render
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.mongodb import Mongodb
from sandbox.runtimes.native.mongodb import RECIPE
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[Mongodb, Endpoint]]
ATTEMPT = Attempt("documentdb/01-create-insert-query", "t1", 1, {"databases": ["mydatabase"]})
SECRETS = Credentials("unused", "learners-password")


@pytest.fixture
def mongodb(engine_up: Up) -> tuple[Mongodb, Endpoint]:
    return engine_up("mongodb")


@pytest.fixture
def driver(mongodb: tuple[Mongodb, Endpoint]) -> Iterator[MongoClient[dict[str, Any]]]:
    engine, admin = mongodb
    with engine.connect(admin) as client:
        yield client
        client.drop_database("scratch")


@pytest.fixture
def learner(mongodb: tuple[Mongodb, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = mongodb
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(driver: MongoClient[dict[str, Any]]) -> None:
    customers = driver.sandbox.customers
    abel = customers.find_one({"_id": 293})
    assert abel is not None
    assert (abel["firstname"], abel["lastname"], abel["fullname"]) == ("Catherine", "Abel", "Catherine Abel")
    assert customers.count_documents({"firstname": "John"}) == 19
    assert customers.find_one({"_id": 1221}) is None
    order = next(order for order in abel["orders"] if order["salesorderid"] == 71782)
    assert order["orderdate"] == datetime(2014, 5, 1)
    assert order["totaldue"] == Decimal128("37497.4457")
    line = next(line for line in order["lines"] if line["salesorderdetailid"] == 110667)
    assert (line["productid"], line["orderqty"], line["linetotal"]) == (714, 3, Decimal128("89.982"))
    blythe = driver.sandbox.employees.find_one({"_id": 275})
    assert blythe is not None
    assert (blythe["fullname"], blythe["managerid"], blythe["group"]) == (
        "Michael Blythe",
        274,
        "North America",
    )
    manager = driver.sandbox.employees.find_one({"_id": 274})
    assert manager is not None
    assert "managerid" not in manager


def test_sums_over_embedded_lines_are_exact(driver: MongoClient[dict[str, Any]]) -> None:
    total = sum((row[15] for row in Dataset.course().rows("orders")), Decimal(0))
    [found] = driver.sandbox.customers.aggregate(
        [
            {"$unwind": "$orders"},
            {"$unwind": "$orders.lines"},
            {"$group": {"_id": None, "total": {"$sum": "$orders.lines.linetotal"}}},
        ]
    )
    assert found["total"].to_decimal() == total


def test_counts_agree_with_the_manifest(mongodb: tuple[Mongodb, Endpoint]) -> None:
    engine, admin = mongodb
    assert engine.counts(admin) == Dataset.course().counts


def test_loading_twice_leaves_the_dataset_once(
    mongodb: tuple[Mongodb, Endpoint], driver: MongoClient[dict[str, Any]]
) -> None:
    engine, admin = mongodb
    driver.sandbox.customers.insert_one({"_id": 9999, "fullname": "Not Of The Dataset"})
    assert engine.load(admin, Dataset.course()) == Dataset.course().counts
    assert engine.counts(admin) == Dataset.course().counts


def test_reset_takes_away_what_a_person_made_and_restores_the_dataset(
    mongodb: tuple[Mongodb, Endpoint], driver: MongoClient[dict[str, Any]]
) -> None:
    engine, admin = mongodb
    driver.mine.things.insert_one({"a": 1})
    driver.sandbox.mine.insert_one({"a": 1})
    driver.sandbox.customers.delete_one({"_id": 293})
    driver.mine.command("createUser", "friend", pwd="secret", roles=["readWrite"])
    engine.reset(admin, Dataset.course())
    assert "mine" not in driver.list_database_names()
    assert sorted(driver.sandbox.list_collection_names()) == ["customers", "employees"]
    assert driver.sandbox.customers.find_one({"_id": 293}) is not None
    assert driver.mine.command("usersInfo", 1)["users"] == []
    assert engine.counts(admin) == Dataset.course().counts


# -- who may do what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "login", [{}, {"username": "admin", "password": "wrong"}, {"username": "nobody", "password": "x"}]
)
def test_a_wrong_password_and_none_are_refused(
    mongodb: tuple[Mongodb, Endpoint], login: dict[str, str]
) -> None:
    _, admin = mongodb
    with MongoClient(admin.host, admin.port, serverSelectionTimeoutMS=120_000, **login) as stranger:
        with pytest.raises(OperationFailure) as refused:
            stranger.sandbox.customers.find_one()
        assert refused.value.code in (13, 18)


def test_the_password_is_in_no_command_line_and_its_file_is_private(
    mongodb: tuple[Mongodb, Endpoint], sandbox: Sandbox
) -> None:
    _, admin = mongodb
    seat = sandbox.seat("mongodb")
    pid = int(seat.run.read_text().split()[0])
    assert admin.password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert (seat.work / "server.properties").stat().st_mode & 0o777 == 0o600


def test_it_listens_on_the_loopback_address_only(mongodb: tuple[Mongodb, Endpoint], sandbox: Sandbox) -> None:
    import psutil

    pid = int(sandbox.seat("mongodb").run.read_text().split()[0])
    listening = [c.laddr for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_a_learner_owns_the_databases_of_the_exercise(
    mongodb: tuple[Mongodb, Endpoint], learner: Endpoint
) -> None:
    engine, _ = mongodb
    with engine.connect(learner) as client:
        client.mydatabase.users.insert_one({"username": "johndoe"})
        client.mydatabase.users.create_index("username")
        assert client.mydatabase.list_collection_names() == ["users"]
        assert client.sandbox.customers.count_documents({}) == Dataset.course().count("customers")
        assert client.list_database_names() == ["mydatabase", "sandbox"]


def test_a_learner_changes_nothing_else(
    mongodb: tuple[Mongodb, Endpoint], learner: Endpoint, driver: MongoClient[dict[str, Any]]
) -> None:
    engine, _ = mongodb
    driver.secret.things.insert_one({"a": 1})
    with engine.connect(learner) as client:
        attempts: list[Callable[[], object]] = [
            lambda: client.sandbox.customers.delete_many({}),
            lambda: client.sandbox.mine.insert_one({}),
            lambda: client.drop_database("sandbox"),
            lambda: client.secret.things.find_one(),
            lambda: client.other.things.insert_one({}),
            lambda: client.mydatabase.a.aggregate([{"$out": {"db": "sandbox", "coll": "customers"}}]),
            lambda: client.mydatabase.a.aggregate(
                [{"$merge": {"into": {"db": "sandbox", "coll": "customers"}}}]
            ),
            lambda: client.sandbox.customers.aggregate([{"$out": "stolen"}]),
            lambda: client.admin.command("renameCollection", "sandbox.customers", to="mydatabase.customers"),
            lambda: client.admin.command("createUser", "x", pwd="x", roles=["root"]),
            lambda: client.mydatabase.command(
                "createUser", "x", pwd="x", roles=[{"role": "root", "db": "admin"}]
            ),
            lambda: client.mydatabase.command(
                "createUser", "x", pwd="x", roles=[{"role": "read", "db": "secret"}]
            ),
            lambda: client.secret.command("usersInfo", 1),
            lambda: client.admin.command("usersInfo", 1),
            lambda: client.admin.command("dropUser", "admin"),
            lambda: client.admin.command("shutdown"),
        ]
        for attempt in attempts:
            with pytest.raises(OperationFailure) as refused:
                attempt()
            assert refused.value.code == 13
    assert driver.sandbox.customers.count_documents({}) == Dataset.course().count("customers")
    driver.drop_database("secret")


def test_after_an_attempt_its_user_can_do_nothing_more(mongodb: tuple[Mongodb, Endpoint]) -> None:
    engine, admin = mongodb
    attempt = Attempt(ATTEMPT.exercise, "t2", 2, {"databases": ["otherdatabase"]})
    endpoint = engine.begin(admin, attempt, SECRETS)
    with engine.connect(endpoint) as client:
        client.otherdatabase.users.insert_one({})
        engine.clear(admin, attempt)
        with pytest.raises(OperationFailure):
            client.otherdatabase.users.insert_one({})
    with engine.connect(admin) as client:
        assert "otherdatabase" not in client.list_database_names()


def test_beginning_an_attempt_clears_what_was_left(mongodb: tuple[Mongodb, Endpoint]) -> None:
    engine, admin = mongodb
    with engine.connect(admin) as client:
        client.mydatabase.users.insert_one({"left": "over"})
        client.mydatabase2.users.insert_one({"not": "owned"})
        engine.begin(admin, ATTEMPT, SECRETS)
        assert "mydatabase" not in client.list_database_names()
        # A name that begins alike is another database.
        assert client.mydatabase2.users.count_documents({}) == 1
        client.drop_database("mydatabase2")
    engine.clear(admin, ATTEMPT)


def test_the_users_of_an_attempts_databases_go_with_it(
    mongodb: tuple[Mongodb, Endpoint], learner: Endpoint, driver: MongoClient[dict[str, Any]]
) -> None:
    engine, admin = mongodb
    with engine.connect(learner) as client:
        client.mydatabase.command("createUser", "ann", pwd="one", roles=["dbOwner"])
    driver.scratch.command("createUser", "ann", pwd="one", roles=["read"])
    engine.clear(admin, ATTEMPT)
    assert driver.mydatabase.command("usersInfo", 1)["users"] == []
    assert len(driver.scratch.command("usersInfo", 1)["users"]) == 1
    driver.scratch.command("dropUser", "ann")


MAY: dict[str, set[str]] = {
    "read": {"find", "stats"},
    "readWrite": {"find", "insert", "index", "stats"},
    "dbAdmin": {"index", "stats", "drop-database"},
    "userAdmin": {"create-user"},
    "dbOwner": {"find", "insert", "index", "stats", "create-user", "drop-database"},
}
TRIALS: dict[str, Callable[[Any], object]] = {
    "find": lambda db: db.things.find_one(),
    "insert": lambda db: db.things.insert_one({}),
    "index": lambda db: db.things.create_index("n"),
    "stats": lambda db: db.command("collStats", "things"),
    "create-user": lambda db: db.command("createUser", "more", pwd="x", roles=["read"]),
    "drop-database": lambda db: db.command("dropDatabase"),
}


@pytest.mark.parametrize("role", sorted(MAY))
def test_a_role_may_what_it_may_in_mongodb_and_no_more(
    mongodb: tuple[Mongodb, Endpoint], driver: MongoClient[dict[str, Any]], role: str
) -> None:
    _, admin = mongodb
    driver.scratch.command("createUser", "ann", pwd="one", roles=[role])
    place = {"authSource": "scratch", "serverSelectionTimeoutMS": 120_000}
    try:
        with MongoClient(admin.host, admin.port, username="ann", password="one", **place) as ann:
            for name, trial in TRIALS.items():
                driver.scratch.things.insert_one({"n": 1})
                if name in MAY[role]:
                    trial(ann.scratch)
                else:
                    with pytest.raises(OperationFailure) as refused:
                        trial(ann.scratch)
                    assert (name, refused.value.code) == (name, 13)
            # Everyone may see who they are themselves.
            assert ann.scratch.command("usersInfo", "ann")["users"][0]["user"] == "ann"
            with pytest.raises(OperationFailure):
                ann.scratch.command("grantRolesToUser", "ann", roles=[{"role": "read", "db": "sandbox"}])
    finally:
        driver.scratch.command("dropAllUsersFromDatabase")


def test_users_outlive_nothing_but_what_they_should(
    driver: MongoClient[dict[str, Any]], mongodb: tuple[Mongodb, Endpoint]
) -> None:
    _, admin = mongodb
    driver.scratch.command("createUser", "ann", pwd="one", roles=["read"])
    place = {"authSource": "scratch", "serverSelectionTimeoutMS": 120_000}
    with MongoClient(admin.host, admin.port, username="ann", password="one", **place) as ann:
        assert ann.scratch.things.find_one() is None
        with pytest.raises(OperationFailure):
            ann.scratch.things.insert_one({})
        driver.scratch.command("grantRolesToUser", "ann", roles=["readWrite"])
        ann.scratch.things.insert_one({})
        driver.scratch.command("revokeRolesFromUser", "ann", roles=["readWrite"])
        with pytest.raises(OperationFailure):
            ann.scratch.things.insert_one({})
        driver.scratch.command("dropUser", "ann")
        with pytest.raises(OperationFailure):
            ann.scratch.things.find_one()


# -- what it does as MongoDB does, and what it refuses -------------------------------------------------


def test_an_ordered_bulk_write_stops_at_the_first_error(driver: MongoClient[dict[str, Any]]) -> None:
    things = driver.scratch.things
    things.create_index("k", unique=True)
    things.insert_many([{"_id": 1, "k": 1}, {"_id": 2, "k": 2}, {"_id": 3, "k": 3}])
    writes = [UpdateOne({"_id": 1}, {"$set": {"k": 2}}), UpdateOne({"_id": 3}, {"$set": {"k": 30}})]
    with pytest.raises(BulkWriteError) as refused:
        things.bulk_write(writes, ordered=True)
    assert refused.value.details["nModified"] == 0
    assert things.count_documents({"k": 30}) == 0
    with pytest.raises(BulkWriteError) as refused:
        things.bulk_write(writes, ordered=False)
    assert refused.value.details["nModified"] == 1
    with pytest.raises(BulkWriteError) as refused:
        things.insert_many([{"_id": 7}, {"_id": 7}, {"_id": 8}])
    assert refused.value.details["nInserted"] == 1


def test_the_natural_order_is_that_of_insertion(driver: MongoClient[dict[str, Any]]) -> None:
    driver.scratch.order.insert_many([{"_id": 3}, {"_id": 1}, {"_id": 2}])
    driver.scratch.order.delete_one({"_id": 1})
    driver.scratch.order.insert_one({"_id": 0})
    assert [d["_id"] for d in driver.scratch.order.find()] == [3, 2, 0]


def test_dropping_indexes_of_one_collection_leaves_those_of_others(
    driver: MongoClient[dict[str, Any]],
) -> None:
    def names(collection: str) -> list[str]:
        return [index["name"] for index in driver.scratch[collection].list_indexes()]

    for collection in ("a", "b"):
        driver.scratch[collection].insert_one({"k": 1})
        driver.scratch[collection].create_index("k", unique=True, name="same")
        driver.scratch[collection].create_index([("n", -1), ("m", 1)])
    driver.scratch.a.drop_index("same")
    assert (names("a"), names("b")) == (["_id_", "n_-1_m_1"], ["_id_", "same", "n_-1_m_1"])
    driver.scratch.a.insert_one({"k": 1})
    with pytest.raises(PyMongoError, match="E11000"):
        driver.scratch.b.insert_one({"k": 1})
    driver.scratch.a.drop_indexes()
    driver.scratch.b.drop_index([("n", -1), ("m", 1)])
    assert (names("a"), names("b")) == (["_id_"], ["_id_", "same"])
    for name, code in (("none", 27), ("_id_", 72)):
        with pytest.raises(OperationFailure) as refused:
            driver.scratch.b.drop_index(name)
        assert refused.value.code == code


def test_concurrent_increments_are_all_counted(driver: MongoClient[dict[str, Any]]) -> None:
    counter = driver.scratch.counters
    counter.insert_one({"_id": 1, "n": 0})
    problems: list[Exception] = []

    def count() -> None:
        try:
            for _ in range(100):
                counter.update_one({"_id": 1}, {"$inc": {"n": 1}})
                counter.find_one({"_id": 1})
        except PyMongoError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert counter.find_one({"_id": 1}) == {"_id": 1, "n": 600}


def test_a_collection_takes_no_more_than_can_be_read(driver: MongoClient[dict[str, Any]]) -> None:
    things = driver.scratch.things
    many = [{"text": "x" * 4000} for _ in range(2000)]
    with pytest.raises(PyMongoError, match="no memory left"):
        for _ in range(20):
            things.insert_many([dict(one) for one in many])
    assert sum(1 for _ in things.find({}, {"_id": 1})) == things.count_documents({})
    driver.drop_database("scratch")
    things.insert_one({})


REFUSED: dict[str, Callable[[Any], object]] = {
    "change-streams": lambda db: db.a.watch(),
    "views": lambda db: db.create_collection("v", viewOn="a", pipeline=[]),
    "validation": lambda db: db.create_collection("v", validator={"a": 1}),
    "capped": lambda db: db.create_collection("v", capped=True, size=4096),
    "time-series": lambda db: db.create_collection("v", timeseries={"timeField": "t"}),
    "explain": lambda db: db.a.find().explain(),
    "ttl": lambda db: db.a.create_index("t", expireAfterSeconds=1),
    "partial-indexes": lambda db: db.a.create_index("t", partialFilterExpression={"t": 1}),
    "text-search": lambda db: db.a.create_index([("t", "text")]),
    "geospatial": lambda db: db.a.create_index([("t", "2dsphere")]),
    "collation": lambda db: list(db.a.find().collation({"locale": "en"})),
    "update-pipelines": lambda db: db.a.update_one({}, [{"$set": {"a": 1}}]),
    "custom-roles": lambda db: db.command("createRole", "r", privileges=[], roles=[]),
    "replica-set": lambda db: db.client.admin.command("replSetGetStatus"),
    "profiler": lambda db: db.command("profile", 1),
    "monitoring": lambda db: db.client.admin.command("top"),
    "window-functions": lambda db: list(db.a.aggregate([{"$setWindowFields": {"output": {}}}])),
    "json-schema": lambda db: list(db.a.find({"$jsonSchema": {}})),
    "computed-projections": lambda db: list(db.a.find({}, {"b": {"$add": ["$a", 1]}})),
}


@pytest.mark.parametrize("capability", sorted(REFUSED))
def test_what_is_lacking_is_refused_and_not_silently_wrong(
    driver: MongoClient[dict[str, Any]], capability: str
) -> None:
    assert capability in RECIPE.lacks
    driver.scratch.a.insert_one({"a": 1})
    with pytest.raises(OperationFailure):
        REFUSED[capability](driver.scratch)


def test_sessions_and_transactions_are_refused(driver: MongoClient[dict[str, Any]]) -> None:
    assert {"sessions", "transactions"} <= RECIPE.lacks
    with driver.start_session() as session, pytest.raises(ConfigurationError):
        driver.scratch.a.insert_one({}, session=session)
    with pytest.raises(OperationFailure, match="Transaction numbers"):
        driver.scratch.command(
            "insert", "a", documents=[{}], txnNumber=Int64(1), startTransaction=True, autocommit=False
        )


def test_every_capability_that_it_lacks_is_proven_here() -> None:
    # That indexes speed nothing up cannot be told from an answer.
    assert RECIPE.lacks == {*REFUSED, "sessions", "transactions", "index-performance"}


# -- durability --------------------------------------------------------------------------------------


def _kill(box: Sandbox) -> None:
    os.kill(int(box.seat("mongodb").run.read_text().split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "mongodb" in box.running():
        time.sleep(0.01)


def test_acknowledged_writes_outlive_a_kill_and_a_clean_restart(own_home: Path) -> None:
    engine = Mongodb()
    box = Sandbox(name="killed")
    assert not box.up(["mongodb"]).failed
    try:
        with engine.connect(box.endpoint("mongodb")) as client:
            things = client.mine.things
            for number in range(300):
                things.insert_one({"_id": number})
            things.update_many({"_id": {"$lt": 10}}, {"$set": {"small": True}})
            things.delete_one({"_id": 299})
            things.create_index("name", unique=True, sparse=True)
            client.mine.old.insert_one({"a": 1})
            client.mine.old.rename("new")
            things.aggregate([{"$match": {"small": True}}, {"$out": "few"}])
            client.mine.command("createUser", "ann", pwd="one", roles=["read"])
            _kill(box)
        assert not box.up(["mongodb"]).failed
        with engine.connect(box.endpoint("mongodb")) as client:
            mine = client.mine
            assert mine.things.count_documents({}) == 299
            assert mine.things.count_documents({"small": True}) == 10
            assert sorted(mine.list_collection_names()) == ["few", "new", "things"]
            assert (mine.new.count_documents({}), mine.few.count_documents({})) == (1, 10)
            mine.things.insert_one({"_id": "x", "name": "one"})
            with pytest.raises(PyMongoError, match="E11000"):
                mine.things.insert_one({"name": "one"})
            assert len(mine.command("usersInfo", "ann")["users"]) == 1
            # A name that was free again is empty again.
            assert mine.old.count_documents({}) == 0
        box.down(["mongodb"])
        assert not box.up(["mongodb"]).failed
        with engine.connect(box.endpoint("mongodb")) as client:
            assert client.mine.things.count_documents({}) == 300
        assert engine.counts(box.endpoint("mongodb")) == Dataset.course().counts
    finally:
        box.down(delete=True)


# -- the shell ---------------------------------------------------------------------------------------


@pytest.fixture
def shell(mongodb: tuple[Mongodb, Endpoint], driver: MongoClient[dict[str, Any]]) -> Iterator[MongoshClient]:
    _, admin = mongodb
    with MongoshClient(admin, seconds=120) as client:
        assert isinstance(client, MongoshClient)
        _run(client, "use scratch")
        yield client


def _run(client: MongoshClient, text: str) -> list[str]:
    statements, rest = client.split(text)
    return [render(result) for s in [*statements, *([rest] if rest else [])] for result in client.execute(s)]


def test_the_words_of_the_course_work_as_in_mongosh(
    shell: MongoshClient, driver: MongoClient[dict[str, Any]]
) -> None:
    said = _run(
        shell,
        """
        db.users.insertOne({username: "johndoe", email: "johndoe@example.com", created_at: new Date()})
        db.users.find({username: "johndoe"}, {_id: 0, created_at: 0})
        db.users.countDocuments({})
        """,
    )
    assert said[0].startswith("{\n  acknowledged: true,\n  insertedId: ObjectId('")
    assert said[1:] == ["[ { username: 'johndoe', email: 'johndoe@example.com' } ]", "1"]
    found = driver.scratch.users.find_one()
    assert found is not None
    assert abs((datetime.now(UTC) - found["created_at"].replace(tzinfo=UTC)).total_seconds()) < 600


def test_use_and_show_and_the_prompt(shell: MongoshClient) -> None:
    assert _run(shell, "use scratch\ndb.a.insertOne({})\nshow collections")[::2] == [
        "already on db scratch",
        "a",
    ]
    assert shell.prompt == "scratch> "
    assert any(line.startswith("sandbox") for line in _run(shell, "show dbs")[0].splitlines())
    assert _run(shell, 'use("other")\ndb') == ["switched to db other", "other"]
    assert shell.prompt == "other> "
    with pytest.raises(StatementError, match="not a valid argument"):
        _run(shell, "show nothing")


def test_variables_and_functions_live_from_statement_to_statement(shell: MongoshClient) -> None:
    text = "let n = 2; const twice = x => 2 * x\nfunction thrice(x) { return 3 * x }\ntwice(n) + thrice(n)"
    assert _run(shell, text) == ["10"]


def test_it_shows_the_next_twenty(shell: MongoshClient) -> None:
    _run(shell, "for (let i = 0; i < 49; i++) db.n.insertOne({_id: i})")
    said = _run(shell, "db.n.find().sort({_id: 1})\nit\nit\nit")
    assert said[0].startswith("[") and said[0].endswith('Type "it" for more')
    assert "_id: 20" in said[1] and said[1].endswith('Type "it" for more')
    assert "_id: 48" in said[2] and said[2].endswith("]")
    assert said[3] == "no cursor"


def test_types_reach_the_server_as_mongosh_sends_them(
    shell: MongoshClient, driver: MongoClient[dict[str, Any]]
) -> None:
    _run(
        shell,
        "db.t.insertOne({_id: 1, i: 5, d: 5.5, big: 3000000000, l: NumberLong(5), m: NumberDecimal('1.50'),"
        " n: Double(5), u: UUID('00112233-4455-4677-8899-aabbccddeeff'), when: ISODate('2024-05-01'),"
        " re: /a/i, nothing: null, missing: undefined, list: [1, {a: true}]})",
    )
    types = {
        "i": "int", "d": "double", "big": "double", "l": "long", "m": "decimal", "n": "double",
        "u": "binData", "when": "date",
    }  # fmt: skip
    for name, kind in types.items():
        assert driver.scratch.t.count_documents({name: {"$type": kind}}) == 1, name
    found = driver.scratch.t.find_one()
    assert found is not None
    assert found["re"] == Regex("a", "i")
    assert (found["nothing"], found["missing"], found["list"]) == (None, None, [1, {"a": True}])


def test_writes_answer_as_mongosh_does(shell: MongoshClient) -> None:
    said = _run(
        shell,
        """
        db.w.insertMany([{_id: 1}, {_id: 2}])
        db.w.updateOne({_id: 1}, {$set: {a: 1}})
        db.w.updateMany({}, {$inc: {n: 1}})
        db.w.replaceOne({_id: 3}, {b: 1}, {upsert: true})
        db.w.findOneAndUpdate({_id: 1}, {$set: {a: 2}}, {returnDocument: "after"})
        db.w.bulkWrite([{insertOne: {document: {_id: 9}}}, {deleteOne: {filter: {_id: 9}}}]).deletedCount
        db.w.deleteMany({_id: {$gt: 1}})
        db.w.createIndex({a: 1}, {unique: true, sparse: true})
        db.w.getIndexes().map(i => i.name)
        db.w.dropIndex("a_1").ok
        db.w.distinct("_id")
        db.w.aggregate([{$group: {_id: null, n: {$sum: "$n"}}}])
        db.w.findOne({_id: 77})
        db.w.drop()
        """,
    )
    assert said[0] == "{ acknowledged: true, insertedIds: { '0': 1, '1': 2 } }"
    assert "matchedCount: 1" in said[1] and "modifiedCount: 2" in said[2] and "upsertedCount: 1" in said[3]
    assert said[4:] == [
        "{ _id: 1, a: 2, n: 1 }", "1", "{ acknowledged: true, deletedCount: 2 }", "a_1", "[ '_id_', 'a_1' ]",
        "1", "[ 1 ]", "[ { _id: null, n: 1 } ]", "null", "true",
    ]  # fmt: skip


def test_a_cursor_is_walked_in_javascript(shell: MongoshClient) -> None:
    text = """
    db.c.insertMany([...Array(250).keys()].map(n => ({_id: n})))
    let sum = 0; db.c.find().forEach(d => { sum += d._id }); sum
    let count = 0
    for (const d of db.c.find({_id: {$gte: 240}})) { count++ }
    count
    db.c.find({}, {_id: 1}).sort({_id: -1}).skip(1).limit(2).toArray()
    db.c.find({_id: 7}).pretty().map(d => d._id * 2).next()
    """
    said = _run(shell, text)
    assert said[1] == "31125"
    assert said[-3:] == ["10", "[ { _id: 248 }, { _id: 247 } ]", "14"]


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("foo.bar", "ReferenceError: foo is not defined", 1),
        ("db.users.inserOne({})", "TypeError: db.users.inserOne is not a function", 1),
        ("let q = {\n a: 1,,\n}", "SyntaxError", 2),
        ("{\n let a = 1\n nothing()\n}", "ReferenceError: nothing is not defined", 3),
        ("db.e.insertMany([{_id: 1}, {_id: 1}])", "MongoBulkWriteError: E11000 duplicate key error", 1),
        (
            "db.e.updateOne({}, {a: 1})",
            "MongoInvalidArgumentError: Update document requires atomic operators",
            1,
        ),
        ("db.e.insertOne({}); db.e.find({$no: 1})", "MongoServerError: unknown top level operator: $no", 1),
        ("ObjectId('xyz')", "BSONError", 1),
        ("const c = 1; c = 2", "TypeError: Assignment to constant variable", 1),
        ("(function r() { return r() + 1 })()", "RangeError: Maximum call stack size exceeded", None),
    ],
)
def test_errors_come_in_mongoshs_words_with_the_line(
    shell: MongoshClient, code: str, message: str, line: int | None
) -> None:
    with pytest.raises(StatementError) as caught:
        _run(shell, code)
    assert caught.value.title.startswith(message)
    assert caught.value.line == line


def test_an_error_can_be_caught_in_javascript(shell: MongoshClient) -> None:
    said = _run(
        shell,
        "db.d.insertOne({_id: 1})\ntry { db.d.insertOne({_id: 1}) } catch (e) { print(e.code, e.name) }",
    )
    assert said[1] == "11000 MongoServerError"


def test_a_script_that_loops_is_ended_and_the_shell_goes_on(
    shell: MongoshClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(shell, "let kept = 1")
    with monkeypatch.context() as impatient:
        impatient.setattr(shell, "_seconds", 1.0)
        with pytest.raises(StatementError, match="computed for 1 seconds"):
            _run(shell, "while (true) {}")
    assert _run(shell, "1 + 1\ndb") == ["2", "scratch"]
    with pytest.raises(StatementError, match="kept is not defined"):
        _run(shell, "kept")


def test_a_script_that_fills_memory_is_stopped(shell: MongoshClient) -> None:
    with pytest.raises(StatementError, match=r"out of memory|computed for"):
        _run(shell, "let a = []; while (true) a.push('x'.repeat(100000) + a.length)")
    assert _run(shell, "db") == ["scratch"]


def test_the_javascript_reaches_nothing_but_the_database(shell: MongoshClient) -> None:
    for name in ("require", "process", "std", "os", "fetch", "XMLHttpRequest", "__call", "__print"):
        assert _run(shell, f"typeof {name}") == ["undefined"]


def test_no_process_of_the_shell_is_left_behind(mongodb: tuple[Mongodb, Endpoint]) -> None:
    _, admin = mongodb
    client = MongoshClient(admin)
    _run(client, "1")
    assert client._host is not None
    pid = client._host.pid
    client.close()
    assert not Path(f"/proc/{pid}").exists()

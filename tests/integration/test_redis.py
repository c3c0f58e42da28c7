"""Redis, for real: dataset, passwords, learners, durability, the client."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from redis import WatchError

from sandbox.clients.base import StatementError
from sandbox.clients.redis import RedisClient
from sandbox.clients.render import render
from sandbox.clients.resp import Wire
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.redis import Redis
from sandbox.engines.redis_monitor import Monitor, TooManyCommands
from sandbox.errors import UsageError
from sandbox.instances import instance
from sandbox.runtimes.native import process
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[Redis, Endpoint]]
ATTEMPT = Attempt("elasticache/01-create-insert-query", "t1", 1, {"keys": ["*"]})
SECRETS = Credentials("unused", "learners-password")


@pytest.fixture
def redis(engine_up: Up) -> tuple[Redis, Endpoint]:
    return engine_up("redis")


@pytest.fixture
def learner(redis: tuple[Redis, Endpoint]) -> Iterator[Endpoint]:
    engine, admin = redis
    yield engine.begin(admin, ATTEMPT, SECRETS)
    engine.clear(admin, ATTEMPT)


def _run(client: RedisClient, text: str) -> list[str]:
    statements, rest = client.split(text)
    assert rest == ""
    return [render(result) for statement in statements for result in client.execute(statement)]


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    with engine.connect(admin) as store:
        assert store.hgetall("customer:293") == {
            "customerid": "293", "firstname": "Catherine", "lastname": "Abel", "fullname": "Catherine Abel",
        }  # fmt: skip
        assert store.scard("customers:firstname:John") == 19
        assert not store.exists("customer:1221")
        order = store.hgetall("order:71782")
        assert (order["orderdate"], order["duedate"], order["shipdate"]) == (
            "2014-05-01",
            "2014-05-13",
            "2014-05-08",
        )
        assert (order["customerid"], order["employeeid"]) == ("293", "276")
        assert Decimal(order["totaldue"]) == Decimal("37497.4457")
        assert "110667" in store.smembers("order:71782:lines")
        line = store.hgetall("order:71782:line:110667")
        assert (line["productid"], line["orderqty"], line["linetotal"]) == ("714", "3", "89.982")
        assert store.hget("employee:275", "fullname") == "Michael Blythe"
        assert store.hget("employee:274", "managerid") is None
        assert "276" in store.smembers("employee:274:reports")


def test_the_leaderboard_and_the_stream_agree_with_the_files(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    spend: dict[int, Decimal] = {}
    orders = {row[0]: (row[6], row[10]) for row in Dataset.course().rows("orders")}
    for customer, total in orders.values():
        spend[customer] = spend.get(customer, Decimal(0)) + total
    best = max(spend, key=lambda customer: spend[customer])
    with engine.connect(admin) as store:
        assert store.zcard("customers:spend") == len(spend)
        first = store.zrevrange("customers:spend", 0, 0, withscores=True)[0]
        assert (first[0], first[1]) == (str(best), float(spend[best]))
        assert store.xlen("orders:stream") == len(orders) == store.zcard("orders")


def test_counts_agree_with_the_manifest(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    assert engine.counts(admin) == Dataset.course().counts


def test_loading_twice_leaves_the_dataset_once_and_other_keys_alone(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    with engine.connect(admin) as store:
        store.set("mine", "kept")
        store.hset("customer:9999", "fullname", "Not Of The Dataset")
        before = store.dbsize() - 1
        assert engine.load(admin, Dataset.course()) == Dataset.course().counts
        assert store.dbsize() == before
        assert store.get("mine") == "kept"
        assert store.xlen("orders:stream") == store.zcard("orders")
        store.delete("mine")


def test_reset_takes_away_what_a_person_made_and_restores_the_dataset(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    with engine.connect(admin) as store:
        store.set("mine", "1")
        store.delete("customer:293")
        store.hset("order:71782", "totaldue", "0")
        store.execute_command("ACL SETUSER", "friend", "on", ">secret", "+@all", "~*")
        store.config_set("maxmemory-policy", "allkeys-lru")
        store.execute_command(
            "FUNCTION LOAD", "#!lua name=mine\nredis.register_function('f', function() return 1 end)"
        )
    engine.reset(admin, Dataset.course())
    with engine.connect(admin) as store:
        assert not store.exists("mine")
        assert store.hget("customer:293", "fullname") == "Catherine Abel"
        assert store.hget("order:71782", "totaldue") == "37497.4457"
        assert store.acl_users() == ["default"]
        assert store.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert store.execute_command("FUNCTION LIST") == []
    assert engine.counts(admin) == Dataset.course().counts


# -- who may do what ---------------------------------------------------------------------------------


def test_a_wrong_password_and_none_are_refused(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    for password in ("wrong", ""):
        stranger = Endpoint("redis", admin.host, admin.port, user=admin.user, password=password, database="0")
        with pytest.raises(Exception, match=r"invalid username-password|[Aa]uthentication required"):
            engine.probe(stranger)


def test_the_password_is_in_no_file_and_no_command_line(
    redis: tuple[Redis, Endpoint], sandbox: Sandbox
) -> None:
    _, admin = redis
    seat = sandbox.seat("redis")
    pid = int(seat.run.read_text().split()[0])
    assert admin.password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    conf = seat.work / "valkey.conf"
    assert conf.stat().st_mode & 0o777 == 0o600
    assert admin.password not in conf.read_text()


def test_a_learner_works_in_a_database_of_his_own(redis: tuple[Redis, Endpoint], learner: Endpoint) -> None:
    engine, admin = redis
    with engine.connect(learner) as mine:
        mine.set("user:1", "JohnDoe")
        assert mine.get("user:1") == "JohnDoe"
        mine.flushdb()
        assert mine.dbsize() == 0
        mine.set("user:1", "JohnDoe")
    with engine.connect(admin) as store:
        assert not store.exists("user:1")
    assert engine.counts(admin) == Dataset.course().counts


def test_a_learner_reads_the_dataset_and_cannot_change_it(
    redis: tuple[Redis, Endpoint], learner: Endpoint
) -> None:
    engine, _ = redis
    client = engine.client(learner)
    assert _run(client, "SELECT 0\nHGET customer:293 fullname") == ["OK", '"Catherine Abel"']
    for refused in (
        "SET customer:293 x",
        "DEL customer:293",
        "FLUSHDB",
        "FLUSHALL",
        "EVAL 'return 1' 0",
        "SELECT 5",
    ):
        with pytest.raises(StatementError, match=r"NOPERM|No permissions|no permissions"):
            _run(client, refused)
    client.close()


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG GET *", "CONFIG SET maxmemory 0", "SHUTDOWN NOSAVE", "DEBUG SLEEP 0", "FLUSHALL",
        "SWAPDB 0 1", "ACL LIST", "ACL SETUSER learner_t1 alldbs", "CLIENT LIST", "CLIENT KILL TYPE normal",
        "MONITOR", "SAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1", "MODULE LIST", "SELECT 1023", "MOVE a 0",
        "EVAL 'while true do end' 0", "COPY a b DB 0", "CLUSTER RESET", "SLOWLOG RESET",
        "FUNCTION FLUSH", "SCRIPT FLUSH",
    ],
)  # fmt: skip
def test_a_learner_is_refused_what_would_harm_others(
    redis: tuple[Redis, Endpoint], learner: Endpoint, command: str
) -> None:
    engine, _ = redis
    with engine.client(learner) as client, pytest.raises(StatementError):
        _run(client, f"SET a 1\n{command}")


def test_two_attempts_at_once_do_not_meet(redis: tuple[Redis, Endpoint], learner: Endpoint) -> None:
    engine, admin = redis
    other = Attempt(ATTEMPT.exercise, "t2", 2, {})
    second = engine.begin(admin, other, SECRETS)
    with engine.connect(learner) as one, engine.connect(second) as two:
        one.set("a", "one")
        two.set("a", "two")
        assert one.get("a") == "one"
    engine.clear(admin, other)
    with engine.connect(learner) as one:
        assert one.get("a") == "one"


def test_after_an_attempt_its_user_its_keys_and_its_connections_are_gone(
    redis: tuple[Redis, Endpoint],
) -> None:
    engine, admin = redis
    attempt = Attempt(ATTEMPT.exercise, "t3", 3, {})
    endpoint = engine.begin(admin, attempt, SECRETS)
    client = engine.client(endpoint)
    _run(client, "SET a 1")
    engine.clear(admin, attempt)
    with pytest.raises(StatementError):
        _run(client, "SET a 2")
    client.close()
    with engine.connect(engine.attempt_endpoint(admin, attempt)) as store:
        assert store.dbsize() == 0
        assert store.acl_users() == ["default"]


def test_a_learner_may_be_kept_to_some_keys(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    attempt = Attempt(ATTEMPT.exercise, "t4", 4, {"keys": ["user:*"]})
    endpoint = engine.begin(admin, attempt, SECRETS)
    with engine.client(endpoint) as client:
        assert _run(client, "SET user:1 a") == ["OK"]
        with pytest.raises(StatementError, match="NOPERM"):
            _run(client, "SET other a")
    engine.clear(admin, attempt)


def test_commands_of_administration_are_given_on_an_instance_only(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    owns = {"commands": ["config|get", "config|set"]}
    with pytest.raises(UsageError, match="everybody uses"):
        engine.begin(admin, Attempt(ATTEMPT.exercise, "t5", 5, owns), SECRETS)
    attempt = Attempt(ATTEMPT.exercise, "t5", 5, owns, alone=True)
    with engine.connect(admin) as store:
        store.set("kept", "by an attempt that has the server alone")
    endpoint = engine.begin(admin, attempt, SECRETS)
    try:
        assert endpoint.database == "0"
        with engine.client(endpoint) as client:
            assert _run(client, "CONFIG GET maxmemory-samples") == ['1) "maxmemory-samples"\n2) "5"']
            assert _run(client, "SELECT 7\nEXISTS kept\nSELECT 0\nDEL kept")[-1] == "(integer) 1"
            for refused in (
                "SHUTDOWN",
                "ACL LIST",
                "CONFIG REWRITE",
                "REPLICAOF NO ONE",
                'EVAL "return 1" 0',
            ):
                with pytest.raises(StatementError, match="NOPERM"):
                    _run(client, refused)
    finally:
        engine.clear(admin, attempt)


def test_a_server_without_a_limit_ends_before_the_machine_does(sandbox: Sandbox) -> None:
    with instance(sandbox, "redis", "limit") as own:
        pid = int(own._box.seat("redis").run.read_text().split()[0])
        limits = Path(f"/proc/{pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert line.split()[3:5] == [str(3 << 30)] * 2


def test_it_listens_on_the_loopback_address_only(redis: tuple[Redis, Endpoint], sandbox: Sandbox) -> None:
    import psutil

    pid = int(sandbox.seat("redis").run.read_text().split()[0])
    listening = [c.laddr for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_it_can_be_known_as_ours_by_its_environment(redis: tuple[Redis, Endpoint], sandbox: Sandbox) -> None:
    seat = sandbox.seat("redis")
    pid = int(seat.run.read_text().split()[0])
    assert pid in [stray.pid for stray in process.strays(seat.mark)]


# -- durability --------------------------------------------------------------------------------------


def _kill(box: Sandbox) -> None:
    pid = int(box.seat("redis").run.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "redis" in box.running():
        time.sleep(0.01)


def test_acknowledged_writes_outlive_a_kill_and_a_clean_restart(own_home: Path) -> None:
    engine = Redis()
    box = Sandbox(name="killed")
    assert not box.up(["redis"]).failed
    try:
        with engine.connect(box.endpoint("redis")) as store:
            for number in range(500):
                store.set(f"acknowledged:{number}", number)
        _kill(box)
        assert not box.up(["redis"]).failed
        with engine.connect(box.endpoint("redis")) as store:
            assert len(store.keys("acknowledged:*")) == 500
            store.set("last", "word")
        box.down(["redis"])
        assert not box.up(["redis"]).failed
        with engine.connect(box.endpoint("redis")) as store:
            assert store.get("last") == "word"
        assert engine.counts(box.endpoint("redis")) == Dataset.course().counts
    finally:
        box.down(delete=True)


# -- listening ---------------------------------------------------------------------------------------


def test_a_monitor_tells_transactions_of_its_own_database_apart(
    redis: tuple[Redis, Endpoint], learner: Endpoint
) -> None:
    engine, admin = redis
    monitor = Monitor(engine.attempt_endpoint(admin, ATTEMPT))
    with engine.connect(admin) as elsewhere, engine.connect(learner) as store:
        elsewhere.echo("in database 0")
        store.set("alone", 'a "quoted" word')
        store.pipeline().set("together", 1).incr("together").execute()
        with store.pipeline() as failing:
            failing.watch("together")
            store.incr("together")
            failing.multi()
            failing.set("never", 1)
            with pytest.raises(WatchError):
                failing.execute()
        store.echo("the end")
    with engine.connect(admin) as store:
        seen = [words for _, words in monitor.commands(store) if words[0] not in ("CLIENT", "SELECT")]
        assert monitor.commands(store)[-1][1] == ["ECHO", "the end"]
    assert seen[0] == ["SET", "alone", 'a \\"quoted\\" word']
    block = [["MULTI"], ["SET", "together", "1"], ["INCRBY", "together", "1"], ["EXEC"]]
    assert seen[1:5] == block
    assert not [words for words in seen if "never" in words or "in database 0" in words]


def test_a_monitor_does_not_listen_to_a_flood(
    redis: tuple[Redis, Endpoint], learner: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, admin = redis
    monkeypatch.setattr("sandbox.engines.redis_monitor.MOST", 100)
    monitor = Monitor(engine.attempt_endpoint(admin, ATTEMPT))
    with engine.connect(learner) as store:
        pipe = store.pipeline(transaction=False)
        for _ in range(101):
            pipe.incr("much")
        pipe.execute()
        for _ in range(2):
            with pytest.raises(TooManyCommands):
                monitor.commands(store)


def test_a_client_that_does_not_read_its_replies_is_disconnected_before_memory_is_full(
    redis: tuple[Redis, Endpoint], learner: Endpoint
) -> None:
    engine, admin = redis
    wire = Wire(learner.host, learner.port)
    try:
        assert wire.ask("AUTH", learner.user, learner.password).kind == "status"
        assert wire.ask("SELECT", learner.database).kind == "status"
        assert wire.ask("SET", "page", "x" * (4 << 20)).kind == "status"
        # It may be disconnected before it has asked for all.
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                wire.send([b"GETRANGE", b"page", b"0", b"-2"])
        with engine.connect(admin) as store:
            deadline = time.monotonic() + 60
            while not store.info("stats")["evicted_clients"] and time.monotonic() < deadline:
                time.sleep(0.02)
            assert store.info("stats")["evicted_clients"] == 1
            assert store.info("memory")["used_memory"] < 256 << 20
    finally:
        wire.close()
    with engine.connect(learner) as store:
        assert store.strlen("page") == 4 << 20


# -- the client --------------------------------------------------------------------------------------


@pytest.fixture
def client(redis: tuple[Redis, Endpoint]) -> Iterator[RedisClient]:
    engine, admin = redis
    with engine.client(engine.attempt_endpoint(admin, ATTEMPT)) as client:
        assert isinstance(client, RedisClient)
        yield client
        _run(client, "FLUSHDB")


def test_commands_of_a_file_run_in_order_and_comments_are_left_out(client: RedisClient) -> None:
    text = '# the course\nSET user:1 "JohnDoe"\n\nGET user:1\n  # nothing there\nGET user:2\nDEL user:1'
    assert _run(client, text) == ["OK", '"JohnDoe"', "(nil)", "(integer) 1"]


def test_the_prompt_follows_select_and_multi(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    with engine.client(admin) as client:
        place = f"{admin.host}:{admin.port}"
        assert client.prompt == f"{place}> "
        _run(client, "SELECT 3\nMULTI")
        assert client.prompt == f"{place}[3](TX)> "
        _run(client, "DISCARD\nSELECT 0")
        assert client.prompt == f"{place}> "


def test_a_transaction_shows_each_reply_and_the_error_within(client: RedisClient) -> None:
    _run(client, "SET word abc")
    replies = _run(client, "MULTI\nSET a 1\nINCR word\nLRANGE none 0 -1\nEXEC")
    assert replies[:4] == ["OK", "QUEUED", "QUEUED", "QUEUED"]
    assert replies[4] == "1) OK\n2) (error) ERR value is not an integer or out of range\n3) (empty array)"


def test_a_refused_command_gives_the_servers_own_words(client: RedisClient) -> None:
    with pytest.raises(StatementError) as caught:
        _run(client, "SETT a 1")
    assert caught.value.title.startswith("ERR unknown command 'SETT'")
    assert caught.value.statement == "SETT a 1"


def test_hello_3_changes_how_replies_look(client: RedisClient) -> None:
    _run(client, "HSET h a 1")
    assert _run(client, "HGETALL h") == ['1) "a"\n2) "1"']
    _run(client, "HELLO 3")
    assert _run(client, "HGETALL h") == ['1# "a" => "1"']
    assert next(iter(client.execute("HGETALL h"))).value == {"a": "1"}


def test_a_number_before_a_command_repeats_it(client: RedisClient) -> None:
    assert _run(client, "3 INCR n") == ["(integer) 1", "(integer) 2", "(integer) 3"]


def test_subscribe_shows_messages_and_ends_when_none_comes(redis: tuple[Redis, Endpoint]) -> None:
    engine, admin = redis
    with RedisClient(admin, follow_seconds=120) as client, engine.connect(admin) as store:
        shown = map(render, client.execute("SUBSCRIBE news"))
        assert next(shown) == '1) "subscribe"\n2) "news"\n3) (integer) 1'
        assert store.publish("news", "hello")
        assert next(shown) == '1) "message"\n2) "news"\n3) "hello"'
        client._follow_seconds = 0.1
        assert list(shown) == []
        assert _run(client, "PING") == ["PONG"]


def test_a_lost_connection_is_told_and_made_again(redis: tuple[Redis, Endpoint], client: RedisClient) -> None:
    engine, admin = redis
    own = _run(client, "CLIENT ID")[0].removeprefix("(integer) ")
    with engine.connect(admin) as store:
        store.execute_command("CLIENT KILL", "ID", own)
    # Its words depend on the moment at which the end of the connection arrives.
    with pytest.raises(StatementError, match=r"closed|reset|[Bb]roken pipe"):
        _run(client, "SET a 1")
    assert _run(client, "SET a 1") == ["OK"]

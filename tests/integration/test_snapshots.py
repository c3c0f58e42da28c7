"""Snapshots: what was there is there again, and what came later is gone, on every engine."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.clients.render import render
from sandbox.clients.shell import statements
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.sandbox import Sandbox

DOCKER = pytest.param("docker", marks=pytest.mark.docker)
RUNTIMES = ["native", DOCKER]
REPLICATED = {"native": ("postgres", "mysql", "redis"), "docker": ("postgres", "redis")}
OTHER_ACCOUNT = "111122223333"


@dataclass(frozen=True)
class World:
    """What a person does to an engine: ``make`` something, ``look`` at it, ``wreck`` it and the dataset."""

    make: str
    look: str
    wreck: str


WORLDS = {
    "postgres": World(
        "create table mine as select 42 as answer; create role ann login password 'one';"
        " grant select on mine to ann; create database other;",
        "select answer, has_table_privilege('ann', 'mine', 'select') from mine;"
        " select datname from pg_database where not datistemplate order by 1;"
        " select relname from pg_class where relnamespace = 'public'::regnamespace order by 1;",
        "drop table mine; drop role ann; drop database other; drop table orders; create table late ();",
    ),
    "mysql": World(
        "create table mine (answer int); insert into mine values (42); create database other;"
        " create user ann identified by 'one'; grant select on mine to ann;",
        "select answer from mine; show grants for ann; show databases; show tables;",
        "drop table mine; drop user ann; drop database other; drop table orders; create table late (a int);",
    ),
    "cassandra": World(
        "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};"
        "CREATE TABLE other.mine (id int PRIMARY KEY, answer int);"
        "CREATE ROLE ann WITH PASSWORD = 'one' AND LOGIN = true; GRANT SELECT ON KEYSPACE other TO ann;"
        "INSERT INTO other.mine (id, answer) VALUES (1, 42);",
        "SELECT answer FROM other.mine; LIST ROLES; LIST ALL PERMISSIONS OF ann;"
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'sandbox';",
        "DROP KEYSPACE other; DROP ROLE ann; CREATE TABLE sandbox.late (id int PRIMARY KEY);",
    ),
    "mongodb": World(
        "db.mine.insertOne({_id: 1, answer: 42})\n"
        "db.createUser({user: 'ann', pwd: 'one', roles: ['readWrite']})\n"
        "use other\n"
        "db.mine.insertOne({_id: 1, answer: 42})\n",
        "db.mine.find()\ndb.getUsers()\ndb.late.find()\nuse other\ndb.mine.find()\n",
        "db.mine.drop()\ndb.orders.drop()\ndb.dropUser('ann')\ndb.late.insertOne({_id: 2})\n"
        "use other\ndb.dropDatabase()\n",
    ),
    "redis": World(
        "SET mine 42\nSELECT 3\nRPUSH list a b c\nSELECT 0\n",
        "GET mine\nEXISTS late\nDBSIZE\nSELECT 3\nLRANGE list 0 -1\nSELECT 0\n",
        "FLUSHALL\nSET late 1\n",
    ),
    "gremlin": World(
        "g.addV('mine').property('answer', 42).iterate()",
        "g.V().hasLabel('mine').values('answer')\ng.V().hasLabel('late').count()\ng.V().count()\n",
        "g.V().drop().iterate()\ng.addV('late').iterate()\n",
    ),
    "aws": World(
        "aws dynamodb create-table --table-name mine"
        " --attribute-definitions AttributeName=id,AttributeType=S"
        " --key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST\n"
        """aws dynamodb put-item --table-name mine --item '{"id": {"S": "42"}}'\n"""
        "aws s3api create-bucket --bucket mine-{account}\n"
        "aws s3api put-object --bucket mine-{account} --key one --body {body}\n"
        "aws iam create-user --user-name ann\n"
        "aws kinesis create-stream --stream-name mine --shard-count 1\n",
        "aws dynamodb scan --table-name mine --query Items[].id.S --output text\n"
        "aws dynamodb list-tables --output text\n"
        "aws s3api list-objects-v2 --bucket mine-{account} --query Contents[].[Key,ETag] --output text\n"
        "aws iam list-users --query Users[].UserName --output text\n"
        "aws kinesis list-streams --query StreamNames --output text\n",
        "aws dynamodb delete-table --table-name mine\n"
        "aws s3api delete-object --bucket mine-{account} --key one\n"
        "aws s3api delete-bucket --bucket mine-{account}\n"
        "aws iam delete-user --user-name ann\n"
        "aws kinesis delete-stream --stream-name mine\n"
        "aws kinesis create-stream --stream-name late --shard-count 1\n",
    ),
}


def places(box: Sandbox, name: str) -> list[Endpoint]:
    """Where a person may have something in the engine, beside the first place."""
    endpoint = box.endpoint(name)
    if name == "gremlin":
        return [endpoint, replace(endpoint, database="g_other")]
    if name == "aws":
        return [endpoint, engine_named("aws").in_account(endpoint, OTHER_ACCOUNT)]  # type: ignore[attr-defined]
    return [endpoint]


def do(box: Sandbox, name: str, text: str, folder: Path) -> str:
    """What the engine's own client says to some statements, refusals included."""
    body = folder / "body"
    body.write_text("an object")
    said = []
    for endpoint in places(box, name):
        if name == "aws":
            filled = text.replace("{account}", endpoint.user).replace("{body}", str(body))
        else:
            filled = text
        with engine_named(name).client(endpoint) as client:
            for statement in statements(client, filled):
                try:
                    said += [render(result) for result in client.execute(statement)]
                except Exception as refused:  # noqa: BLE001 - what is not there is said, too
                    said.append(f"refused: {type(refused).__name__}")
    return "\n".join(said)


def bring(box: Sandbox, name: str, **wish: Any) -> None:
    for problem in box.up([name], **wish).failed.values():
        raise problem


def pid_of(box: Sandbox, name: str) -> int | None:
    return box.status([name], probe=False)[0].pid


@pytest.fixture(scope="module")
def boxes(session_home: Path) -> Iterator[Callable[[str], Sandbox]]:
    """``boxes("native")``: this module's sandbox of that runtime; engines join it when they are first asked
    for."""
    made: dict[str, Sandbox] = {}

    def box(runtime: str) -> Sandbox:
        return made.setdefault(runtime, Sandbox(name=f"snapshots-{runtime}"))

    yield box
    for one in made.values():
        one.down(delete=True)


@pytest.fixture
def box(boxes: Callable[[str], Sandbox]) -> Iterator[Sandbox]:
    """The native one; its snapshots go with the test."""
    found = boxes("native")
    yield found
    for snapshot in found.snapshots():
        found.delete_snapshot(snapshot.name)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NAMES)
def test_what_was_there_is_there_again_and_what_came_later_is_gone(
    name: str, runtime: str, boxes: Callable[[str], Sandbox], tmp_path: Path
) -> None:
    box, world = boxes(runtime), WORLDS[name]
    bring(box, name, runtime=runtime)
    said = do(box, name, world.make, tmp_path)
    assert "refused" not in said, said
    before, pid = do(box, name, world.look, tmp_path), pid_of(box, name)
    assert "refused" not in before, before
    assert "42" in before

    saved = box.save_snapshot(f"{name}-one", [name])
    assert (list(saved.engines), saved.dataset) == ([name], "course")
    assert saved.bytes > 1000
    assert pid_of(box, name) == pid, "it was restarted to be saved"
    assert do(box, name, world.look, tmp_path) == before

    for _ in range(2):
        do(box, name, world.wreck, tmp_path)
        assert do(box, name, world.look, tmp_path) != before
        box.restore_snapshot(f"{name}-one")
        assert do(box, name, world.look, tmp_path) == before
        assert engine_named(name).counts(box.endpoint(name)) == dict(Dataset.course().counts)
        assert box.status([name])[0].healthy
    assert [p.name for p in box.seat(name).folder.glob("*.*") if p.name != "engine.log"] == []

    # What `up` promises of an engine holds for a restored one: it keeps what it has over a stop and a reset.
    box.down([name])
    bring(box, name)
    assert do(box, name, world.look, tmp_path) == before
    box.reset([name])
    assert "42" not in do(box, name, world.look.partition("\n")[0], tmp_path).split()
    box.delete_snapshot(f"{name}-one")
    box.down([name], delete=True)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_save_lets_connections_live_and_a_transaction_that_is_open_is_not_in_it(
    name: str, box: Sandbox
) -> None:
    bring(box, name)
    engine = engine_named(name)
    with engine.connect(box.endpoint(name)) as connection:
        if name == "redis":
            connection.set("kept", "1")
            box.save_snapshot("one", [name])
            assert connection.get("kept") == "1"
            return
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("create table half as select 1 as answer")
            box.save_snapshot("one", [name])
            cursor.execute("select answer from half")
            assert cursor.fetchall() == [(1,)]
        connection.commit()
    box.restore_snapshot("one")
    with engine.connect(box.endpoint(name)) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('half')")
        assert cursor.fetchone() == (None,)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_stopped_engine_is_saved_and_restored_and_stays_stopped(
    name: str, box: Sandbox, tmp_path: Path
) -> None:
    bring(box, name)
    do(box, name, WORLDS[name].make, tmp_path)
    before = do(box, name, WORLDS[name].look, tmp_path)
    box.down([name])
    box.save_snapshot("one", [name])
    bring(box, name)
    do(box, name, WORLDS[name].wreck, tmp_path)
    box.down([name])
    box.restore_snapshot("one")
    assert name not in box.running()
    bring(box, name)
    assert do(box, name, WORLDS[name].look, tmp_path) == before
    box.reset([name])


def test_all_engines_of_a_snapshot_are_of_one_moment(box: Sandbox) -> None:
    names = ["postgres", "redis"]
    for name in names:
        bring(box, name)
    sql, keys = (engine_named(name) for name in names)
    begun, stop = threading.Event(), threading.Event()
    with (
        sql.connect(box.endpoint("postgres")) as one,
        keys.connect(box.endpoint("redis")) as two,
        one.cursor() as cursor,
    ):
        cursor.execute("create table moments (n int)")
        two.set("moment", 0)

        def write() -> None:
            n = 0
            while not stop.is_set():
                n += 1
                cursor.execute("insert into moments values (%s)", [n])
                two.set("moment", n)
                begun.set()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert begun.wait(120)
            box.save_snapshot("one", names)
        finally:
            stop.set()
            writer.join()
    box.restore_snapshot("one")
    with sql.connect(box.endpoint("postgres")) as one, one.cursor() as cursor:
        cursor.execute("select max(n), count(*) from moments")
        last, count = cursor.fetchone()
    with keys.connect(box.endpoint("redis")) as two:
        assert int(two.get("moment")) in (last - 1, last)
    assert count == last
    box.reset(names)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["postgres", "mysql", "cassandra", "mongodb", "redis"])
def test_data_of_an_engine_that_was_deleted_come_back_under_its_new_passwords(
    name: str, runtime: str, own_home: Path, tmp_path: Path
) -> None:
    box = Sandbox(name="deleted")
    bring(box, name, runtime=runtime)
    do(box, name, WORLDS[name].make, tmp_path)
    before, old = do(box, name, WORLDS[name].look, tmp_path), box.endpoint(name)
    box.save_snapshot("one", [name])
    box.down([name], delete=True)
    assert [s.name for s in box.snapshots()] == ["one"], "the snapshot went with the engine"
    bring(box, name, runtime=runtime)
    new = box.endpoint(name)
    assert new.password != old.password
    box.restore_snapshot("one")
    assert box.endpoint(name).password == new.password
    assert do(box, name, WORLDS[name].look, tmp_path) == before
    with pytest.raises(Exception):  # noqa: B017 - each driver has its own word for it
        engine_named(name).probe(
            replace(old, port=new.port, url=old.url.replace(str(old.port), str(new.port)))
        )
    box.down([name])
    bring(box, name)
    assert do(box, name, WORLDS[name].look, tmp_path) == before
    assert not (box.seat(name).folder / "restored.json").exists()
    box.down([name], delete=True)

    # Also where there is no engine at all: `up` starts it on the restored data.
    box.restore_snapshot("one")
    assert name not in box.running()
    bring(box, name)
    assert do(box, name, WORLDS[name].look, tmp_path) == before
    box.down([name], delete=True)


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        pytest.param(name, runtime, marks=[pytest.mark.docker] if runtime == "docker" else [])
        for runtime, names in REPLICATED.items()
        for name in names
    ],
)
def test_replicas_follow_again_after_a_restore(name: str, runtime: str, own_home: Path) -> None:
    box = Sandbox(name="followed")
    # Who else runs here would take those as soon as an engine of ours has ended, and it is started again.
    box.prefers_default_ports = False
    bring(box, name, replicas=1, runtime=runtime)
    engine = engine_named(name)

    def write(value: str) -> None:
        with engine.connect(box.endpoint(name)) as connection:
            if name == "redis":
                connection.set("seen", value)
                return
            with connection.cursor() as cursor:
                cursor.execute("create table if not exists seen (value varchar(20))")
                cursor.execute("delete from seen")
                cursor.execute("insert into seen values (%s)", [value])

    def read() -> str:
        (replica,) = box.replicas(name)
        with engine.connect(replica) as connection:
            if name == "redis":
                return str(connection.get("seen"))
            with connection.cursor() as cursor:
                cursor.execute("select value from seen")
                return ",".join(row[0] for row in cursor.fetchall())

    def until(value: str) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(Exception):  # it has not arrived yet
                if read() == value:
                    return
            time.sleep(0.02)
        raise AssertionError(f"the replica does not have {value}")

    write("before")
    until("before")
    port = box.replicas(name)[0].port
    box.save_snapshot("one")
    write("after")
    until("after")
    box.restore_snapshot("one")
    assert box.replicas(name)[0].port == port
    until("before")
    write("again")
    until("again")
    assert all(status.healthy for status in box.status([name]))

    # Restored without its replica, it keeps nothing for one that is gone.
    bring(box, name, replicas=0)
    box.restore_snapshot("one")
    if name == "postgres":
        with engine.connect(box.endpoint(name)) as connection, connection.cursor() as cursor:
            cursor.execute("select slot_name from pg_replication_slots")
            assert cursor.fetchall() == []
    box.down(delete=True)


@pytest.mark.docker
@pytest.mark.parametrize("name", NAMES)
def test_what_a_container_is_made_of_is_the_same_at_each_start(name: str, own_home: Path) -> None:
    from sandbox.events import silent
    from sandbox.runtimes.docker import compose
    from sandbox.runtimes.docker.recipe import recipe
    from sandbox.runtimes.docker.runtime import DockerRuntime

    box = Sandbox(name="same")
    bring(box, name, runtime="docker")
    seat = box.seat(name)
    runtime = box.runtime.of(seat)
    assert isinstance(runtime, DockerRuntime)
    container, found = runtime.container(seat), recipe(seat.kind)
    assert container is not None
    made = compose.made_of(seat, found, runtime.wish(seat, silent))
    assert container.labels["sandbox.made"] == made
    box.down(delete=True)


@pytest.mark.docker
@pytest.mark.parametrize("name", NAMES)
def test_a_container_outlives_a_restore_unless_it_would_be_made_otherwise_now(
    name: str, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.runtimes.docker.runtime import DockerRuntime

    box = Sandbox(name="outlives")
    bring(box, name, runtime="docker")
    runtime = box.runtime.of(box.seat(name))
    assert isinstance(runtime, DockerRuntime)

    def facts() -> tuple[str, str, int]:
        found = runtime.container(box.seat(name))
        assert found is not None
        assert found.status == "running"
        return str(found.id), found.attrs["State"]["StartedAt"], found.attrs["HostConfig"]["Memory"] >> 20

    before, port = facts(), box.endpoint(name).port
    box.save_snapshot("one")
    for _ in range(2):
        box.restore_snapshot("one")
        assert facts() == before
        assert box.endpoint(name).port == port
        assert box.status([name])[0].healthy

    monkeypatch.setenv(f"SANDBOX_{name.upper()}_MEMORY", "900m")
    box.restore_snapshot("one")
    assert facts()[0] != before[0]
    assert (facts()[2], box.endpoint(name).port) == (900, port)
    assert box.status([name])[0].healthy
    box.down(delete=True)


# -- names, order, refusals --------------------------------------------------------------------------------


def refused(act: Callable[[], object]) -> SandboxError:
    with pytest.raises(SandboxError) as caught:
        act()
    return caught.value


def test_snapshots_are_listed_replaced_only_by_force_and_deleted(box: Sandbox) -> None:
    bring(box, "redis")
    assert refused(lambda: box.restore_snapshot("one")).code == "unknown-snapshot"
    box.save_snapshot("one", ["redis"])
    box.save_snapshot("Two.x_y-3", ["redis"])
    assert [s.name for s in box.snapshots()] == ["one", "Two.x_y-3"]
    assert refused(lambda: box.save_snapshot("one", ["redis"])).code == "snapshot-exists"
    with engine_named("redis").connect(box.endpoint("redis")) as connection:
        connection.set("newer", "1")
        box.save_snapshot("one", ["redis"], force=True)
        connection.delete("newer")
    box.restore_snapshot("one")
    with engine_named("redis").connect(box.endpoint("redis")) as connection:
        assert connection.get("newer") == "1"
    missing = refused(lambda: box.restore_snapshot("on"))
    assert (missing.code, "one" in missing.detail) == ("unknown-snapshot", True)
    box.delete_snapshot("one")
    assert refused(lambda: box.delete_snapshot("one")).code == "unknown-snapshot"
    assert [s.name for s in box.snapshots()] == ["Two.x_y-3"]


@pytest.mark.parametrize("name", ["", ".", "..", ".new-1", "a/b", "../x", "-x", "a b", "ä", "x" * 65])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(name: str, box: Sandbox) -> None:
    for act in (box.save_snapshot, box.restore_snapshot, box.delete_snapshot):
        error = refused(lambda act=act: act(name))  # type: ignore[misc]
        assert isinstance(error, UsageError)
        assert error.code == "bad-name"


def test_engines_that_have_no_data_or_are_not_in_the_snapshot_are_named(box: Sandbox) -> None:
    nowhere = refused(lambda: Sandbox(name="never-used").save_snapshot("one"))
    assert nowhere.code == "snapshot-nothing"
    assert not Sandbox(name="never-used").exists()
    bring(box, "redis")
    missing = refused(lambda: box.save_snapshot("one", ["redis", "gremlin"]))
    assert (missing.code, missing.actions[0]) == (
        "snapshot-nothing",
        "sandbox up gremlin --name snapshots-native",
    )
    box.save_snapshot("one", ["redis"])
    assert refused(lambda: box.restore_snapshot("one", ["redis", "mysql"])).code == "snapshot-without-engine"
    assert refused(lambda: box.restore_snapshot("one", ["oracle"])).code == "unknown-engine"
    assert box.status(["redis"])[0].healthy


def test_a_snapshot_that_cannot_be_read_is_listed_with_the_reason_refused_and_can_be_deleted(
    box: Sandbox,
) -> None:
    bring(box, "redis")
    for spoil in (
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text('{"schema_version": 99}'),
        lambda folder: (folder / "passwords.json").unlink(),
        lambda folder: shutil.rmtree(folder / "redis"),
    ):
        box.save_snapshot("one", ["redis"])
        spoil(box.root / "snapshots" / "one")
        pid = pid_of(box, "redis")
        error = refused(lambda: box.restore_snapshot("one"))
        assert error.code == "snapshot-unreadable"
        assert pid_of(box, "redis") == pid
        assert len(box.snapshots()) == 1
        box.delete_snapshot("one")
        assert box.snapshots() == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("version", "1.0", "snapshot-other-version"),
        ("product", "KeyDB 6", "snapshot-other-version"),
        ("runtime", "docker", "snapshot-other-runtime"),
    ],
)
def test_data_of_another_version_or_runtime_are_refused_and_nothing_changes(
    field: str, value: str, code: str, box: Sandbox
) -> None:
    bring(box, "redis")
    box.save_snapshot("one", ["redis"])
    manifest = box.root / "snapshots" / "one" / "manifest.json"
    document = json.loads(manifest.read_text())
    document["engines"]["redis"][field] = value
    manifest.write_text(json.dumps(document))
    pid = pid_of(box, "redis")
    error = refused(lambda: box.restore_snapshot("one"))
    assert (error.code, isinstance(error, EnvironmentRefusedError)) == (code, True)
    assert error.actions
    assert pid_of(box, "redis") == pid


def test_an_engine_of_somebody_else_is_refused_and_left_out_where_none_is_named(box: Sandbox) -> None:
    from sandbox.runtimes.external.addresses import parse_all

    bring(box, "redis")
    other = Sandbox(name="guest")
    # Of what others have, only an empty place is taken.
    theirs = parse_all([f"redis={box.endpoint('redis').url.removesuffix('/0')}/5"])
    try:
        bring(other, "redis", external=theirs)
        bring(other, "postgres")
        assert refused(lambda: other.save_snapshot("one", ["redis"])).code == "external-cannot"
        assert list(other.save_snapshot("one").engines) == ["postgres"]
        other.restore_snapshot("one")
    finally:
        other.down(delete=True)


def test_only_who_deletes_the_whole_sandbox_deletes_its_snapshots(own_home: Path) -> None:
    box = Sandbox(name="whole")
    bring(box, "redis")
    box.save_snapshot("one")
    box.down(["redis"], delete=True)
    assert [s.name for s in box.snapshots()] == ["one"]
    box.down(delete=True)
    assert not box.root.exists()


def test_what_a_snapshot_keeps_is_for_nobody_else_to_read(box: Sandbox) -> None:
    bring(box, "redis")
    box.save_snapshot("one", ["redis"])
    folder = box.root / "snapshots"
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("manifest.json", "passwords.json"):
        assert (folder / "one" / name).stat().st_mode & 0o077 == 0

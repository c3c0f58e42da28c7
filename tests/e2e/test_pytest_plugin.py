"""The pytest plugin, as a person's own pytest in another process has it, on real engines."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.sandbox import Sandbox
from tests import pages
from tests.e2e.conftest import Run, await_that, lives

SERVER = """
def server(redis):
    with redis.connect() as connection:
        return connection.info("server")["process_id"]
"""
WAITS = """
    (folder / "begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
"""


@dataclass
class Project:
    """A folder with tests of a person's own, and runs of pytest there."""

    folder: Path
    home: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, text: str, name: str = "test_mine.py") -> None:
        head = f"import os, sys, time, pathlib, pytest\nfolder = pathlib.Path({str(self.folder)!r})\n"
        (self.folder / name).write_text((head + SERVER if name.endswith(".py") else "") + text)

    def begin(self, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        ours = ("PYTEST_", "SANDBOX_NAME", "COV_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        begun = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
            cwd=self.folder,
            env={**environment, "COLUMNS": "120", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.append(begun)
        return begun

    def pytest(self, *args: str, env: dict[str, str] | None = None, code: int = 0) -> str:
        """Run the tests to their end, which must be that exit code; what was printed."""
        return ended(self.begin(*args, env=env), code)

    def wait_for(self, name: str) -> None:
        """Until the run that was begun last has made that file."""
        file, run = self.folder / name, self.running[-1]
        await_that(lambda: file.exists() or run.poll() is not None, f"{name} is there")
        assert file.exists(), run.communicate()[0]

    def said(self, name: str) -> list[str]:
        return sorted((self.folder / name).read_text().splitlines())

    def sandboxes(self) -> list[str]:
        return sorted(path.name for path in self.home.glob("*/"))


def ended(run: subprocess.Popen[str], code: int = 0) -> str:
    printed, _ = run.communicate(timeout=600)
    assert run.returncode == code, printed
    return printed


def kill(run: subprocess.Popen[str]) -> None:
    """End a run with all its processes as ``kill -9`` does, and see them gone: a process that is ending has
    its claim on the sandbox still."""
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    await_that(lambda: not _alive_in(run.pid), "the whole group is gone")


def _alive_in(group: int) -> bool:
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its = file.read_text().rpartition(")")[2].split()[:3]
            # A zombie whose other threads are not gone has its files open.
            if int(its) == group and (state not in "ZX" or len(list((file.parent / "task").iterdir())) > 1):
                return True
    return False


@pytest.fixture
def project(tmp_path: Path, own_home: Path) -> Iterator[Project]:
    made = Project(tmp_path, own_home)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    yield made
    for run in made.running:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()


@pytest.fixture
def redis_up(own_home: Path) -> Iterator[Callable[[], int]]:
    """``redis_up()``: redis in a sandbox named ``mine``, brought up by a person; gives its process id."""
    box = Sandbox(name="mine")

    def up() -> int:
        assert not box.up(["redis"]).failed
        return pid_of(box)

    yield up
    box.down(delete=True)


def pid_of(box: Sandbox, engine: str = "redis") -> int:
    box.state.read()
    found = box.runtime.observe(box.seat(engine), memory=False).pid
    assert found is not None
    return found


NOTES_SERVER = """
@pytest.mark.parametrize("number", range(8))
def test_it(sandbox_redis, number):
    with (folder / "servers").open("a") as file:
        file.write(f"{server(sandbox_redis)} {os.environ.get('PYTEST_XDIST_WORKER')} {sandbox_redis.port}\\n")
    time.sleep(0.1)
"""


def test_a_run_starts_an_engine_of_its_own_and_leaves_nothing(project: Project) -> None:
    project.write(NOTES_SERVER)
    project.pytest()
    servers = {line.split()[0] for line in project.said("servers")}
    assert len(servers) == 1
    assert not lives(int(servers.pop()))
    assert project.sandboxes() == []


def test_an_engine_of_a_run_never_takes_the_usual_port(project: Project) -> None:
    project.write(
        """
def test_it(sandbox_redis, sandbox_session):
    assert sandbox_redis.port != 6379
    # Somebody may have had that one.
    assert not sandbox_session.box.prefers_default_ports
"""
    )
    project.pytest()


@pytest.mark.parametrize("how", ["option", "ini", "variable"])
def test_a_run_joins_a_running_sandbox_and_leaves_it_as_it_was(
    project: Project, redis_up: Callable[[], int], how: str
) -> None:
    pid = redis_up()
    project.write(NOTES_SERVER)
    if how == "ini":
        with (project.folder / "pytest.ini").open("a") as file:
            file.write("sandbox_name = mine\n")
    project.pytest(
        *(["--sandbox-name", "mine"] if how == "option" else []),
        env={"SANDBOX_NAME": "mine"} if how == "variable" else None,
    )
    assert {line.split()[0] for line in project.said("servers")} == {str(pid)}
    assert lives(pid)
    assert project.sandboxes() == ["mine"]


def test_what_a_joined_sandbox_lacks_is_started_and_stopped(
    project: Project, redis_up: Callable[[], int]
) -> None:
    pid = redis_up()
    project.write(
        """
def test_it(sandbox_postgres):
    with sandbox_postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from customers")
        assert cursor.fetchone() == (635,)
"""
    )
    project.pytest("--sandbox-name", "mine")
    assert lives(pid)
    assert Sandbox(name="mine").running() == ["redis"]


def test_the_workers_of_xdist_share_one_engine(project: Project) -> None:
    project.write(NOTES_SERVER)
    project.pytest("-n", "4")
    lines = [line.split() for line in project.said("servers")]
    assert len(lines) == 8
    assert len({worker for _, worker, _ in lines}) >= 2
    assert len({server for server, _, _ in lines}) == 1
    assert not lives(int(lines[0][0]))
    assert project.sandboxes() == []


def test_two_runs_at_once_have_engines_of_their_own(project: Project) -> None:
    # While one worker is done and the other has asked for nothing yet, a run that begins takes theirs for
    # that of a dead one, and ends its engine: so both have begun before either ends.
    waits = """
    while len({line.split()[0] for line in (folder / "servers").read_text().splitlines()}) < 2:
        time.sleep(0.02)
"""
    project.write(NOTES_SERVER + waits)
    runs = [project.begin(), project.begin("-n", "2")]
    for run in runs:
        ended(run)
    assert len({line.split()[0] for line in project.said("servers")}) == 2
    assert project.sandboxes() == []


def test_two_runs_in_one_sandbox_share_an_engine_which_the_last_one_stops(project: Project) -> None:
    project.write(f"def test_it(sandbox_redis):\n    before = server(sandbox_redis)\n{WAITS}")
    project.write("    assert server(sandbox_redis) == before\n    print('PID', before)\n", "more")
    text = (project.folder / "test_mine.py").read_text() + (project.folder / "more").read_text()
    (project.folder / "test_mine.py").write_text(text)
    first = project.begin("--sandbox-name", "shared", "-s")
    project.wait_for("begun")
    (project.folder / "begun").unlink()
    second = project.begin("--sandbox-name", "shared", "-s")
    project.wait_for("begun")
    os.kill(first.pid, signal.SIGINT)
    ended(first, 2)
    box = Sandbox(name="shared")
    pid = pid_of(box)
    assert lives(pid)
    (project.folder / "go").touch()
    assert f"PID {pid}" in ended(second)
    assert not lives(pid)


def test_a_failing_test_shows_what_its_engine_said_meanwhile(project: Project) -> None:
    project.write(
        """
def run(database, query):
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)

def test_good(sandbox_postgres):
    with pytest.raises(Exception):
        run(sandbox_postgres, "select an_earlier_mistake")

def test_bad(sandbox_postgres):
    run(sandbox_postgres, "select my_mistake")

def test_worse(sandbox_postgres):
    for number in range(50):
        with pytest.raises(Exception):
            run(sandbox_postgres, f"select mistake_{number}")
    raise AssertionError
"""
    )
    for options in ([], ["-n", "2", "--dist", "loadfile"]):
        printed = project.pytest(*options, code=1)
        bad, worse = re.split(r"_+ test_worse _+", printed)
        head = "Log of postgres since the test began"
        assert head in bad, printed
        assert 'column "my_mistake" does not exist at character' in bad
        assert "an_earlier_mistake" not in printed
        assert "ready to accept connections" not in printed
        shown = worse.partition(head)[2].partition("short test summary")[0].strip().splitlines()
        assert len([line for line in shown if " UTC [" in line]) == 20
        assert "mistake_49" in shown[-2] or "mistake_49" in shown[-1] or "mistake_49" in shown[-3]


def test_keep_leaves_engines_running_for_the_next_run(project: Project) -> None:
    project.write(NOTES_SERVER)
    printed = project.pytest("--sandbox-keep")
    (name,) = project.sandboxes()
    assert f"sandbox down --name {name}" in printed
    assert name in project.pytest("--sandbox-keep", "-n", "2")
    servers = {line.split()[0] for line in project.said("servers")}
    assert len(servers) == 1
    assert lives(int(servers.pop()))
    Sandbox(name=name).down(delete=True)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(project: Project, workers: int, how: signal.Signals) -> None:
    project.write(
        f"def test_it(sandbox_redis):\n    (folder / 'pid').write_text(str(server(sandbox_redis)))\n{WAITS}"
    )
    run = project.begin(*(["-n", str(workers)] if workers else []))
    project.wait_for("begun")
    # As a terminal does it: the whole group is told.
    os.killpg(run.pid, how)
    ended(run, 2)
    assert not lives(int((project.folder / "pid").read_text()))
    assert project.sandboxes() == []


def test_a_worker_that_does_not_end_is_killed_and_its_engine_ended(project: Project) -> None:
    project.write(
        """
def test_it(sandbox_redis):
    (folder / "pid").write_text(str(server(sandbox_redis)))
    (folder / "begun").touch()
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""
    )
    run = project.begin("-n", "1")
    project.wait_for("begun")
    run.send_signal(signal.SIGINT)
    ended(run, 2)
    assert not lives(int((project.folder / "pid").read_text()))
    assert project.sandboxes() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_killed_run_leaves_is_gone_after_the_next_one(project: Project, workers: int) -> None:
    project.write(
        f"def test_it(sandbox_redis):\n    (folder / 'pid').write_text(str(server(sandbox_redis)))\n{WAITS}",
    )
    project.write("def test_it(sandbox_postgres):\n    pass\n", "test_other.py")
    run = project.begin("test_mine.py", *(["-n", str(workers)] if workers else []))
    project.wait_for("begun")
    kill(run)
    left = int((project.folder / "pid").read_text())
    assert lives(left)
    project.pytest("test_other.py")
    assert not lives(left)
    assert project.sandboxes() == []


def test_what_a_killed_run_started_in_a_joined_sandbox_is_stopped_after_the_next_one(
    project: Project, redis_up: Callable[[], int]
) -> None:
    pid = redis_up()
    project.write(f"def test_it(sandbox_postgres, sandbox_redis):\n{WAITS}")
    run = project.begin("--sandbox-name", "mine")
    project.wait_for("begun")
    kill(run)
    assert Sandbox(name="mine").running() == ["postgres", "redis"]
    project.write("def test_it(sandbox_redis):\n    pass\n", "test_other.py")
    project.pytest("--sandbox-name", "mine", "test_other.py")
    assert Sandbox(name="mine").running() == ["redis"]
    assert lives(pid)


DRIVERS = ["psycopg2", "pymysql", "cassandra", "pymongo", "redis", "gremlin_python", "boto3", "docker"]


@pytest.mark.parametrize("options", [[], ["-n", "1"]])
def test_a_run_that_asks_for_no_engine_loads_nothing(project: Project, options: Sequence[str]) -> None:
    heavy = ["sandbox.sandbox", "sandbox.testing.session", "sandbox.engines.base", "sqlalchemy", *DRIVERS]
    project.write(
        f"""
def test_it():
    assert "sandbox.pytest_plugin" in sys.modules
    assert not [name for name in {heavy} if name in sys.modules]
"""
    )
    project.write(
        f"""
def pytest_unconfigure(config):
    assert not [name for name in {heavy} if name in sys.modules]
""",
        "conftest.py",
    )
    project.pytest(*options)
    assert project.sandboxes() == []
    assert not list(project.home.iterdir())


def test_a_test_that_asks_for_one_engine_loads_only_its_driver(project: Project) -> None:
    others = [name for name in DRIVERS if name != "redis"]
    project.write(
        f"""
def test_it(sandbox_redis, sandbox_redis_db):
    with sandbox_redis_db.connect():
        assert "redis" in sys.modules
    assert not [name for name in {others} if name in sys.modules]
"""
    )
    project.pytest()


SPACES = {
    "postgres": "sandbox_postgres_db",
    "mysql": "sandbox_mysql_db",
    "cassandra": "sandbox_cassandra_keyspace",
    "mongodb": "sandbox_mongodb_db",
    "redis": "sandbox_redis_db",
    "gremlin": "sandbox_gremlin_graph",
    "aws": "sandbox_aws_account",
}
WRITES = {
    "postgres": ("c.cursor().execute('create table mine (n int)')",) * 2,
    "mysql": ("c.cursor().execute('create table mine (n int)')",) * 2,
    "cassandra": ("c.execute('create table mine (n int primary key)')",) * 2,
    "mongodb": (
        "c.get_default_database().mine.insert_one({})",
        "assert not c.get_default_database().mine.count_documents({})",
    ),
    "redis": ("c.set('mine', 1)", "assert not c.exists('mine')"),
    "gremlin": ("c.add_v('mine').iterate()", "assert not c.V().has_label('mine').has_next()"),
    "aws": ("c.client('kinesis').create_stream(StreamName='mine', ShardCount=1)",) * 2,
}


@pytest.mark.parametrize("engine", NAMES)
def test_a_namespace_is_one_tests_alone_and_may_hold_the_dataset(
    tmp_path: Path,
    session_home: Path,
    sandbox: Sandbox,
    engine_up: Callable[[str], object],
    engine: str,
) -> None:
    engine_up(engine)
    project = Project(tmp_path, session_home)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    write, look = WRITES[engine]
    space = SPACES[engine]
    project.write(
        f"""
from sandbox.engines.registry import engine

def test_first({space}, sandbox_{engine}):
    assert {space}.url != sandbox_{engine}.url or {space}.user != sandbox_{engine}.user or {space}.database
    with {space}.connect() as c:
        {look if look != write else "pass"}
        {write}

def test_second({space}, sandbox_env):
    with {space}.connect() as c:
        {look}
    assert sandbox_env["SANDBOX_{engine.upper()}_DATABASE"] == {space}.database
    assert sandbox_env["SANDBOX_{engine.upper()}_USER"] == {space}.user
    assert os.environ["SANDBOX_{engine.upper()}_URL"] == {space}.url

@pytest.mark.sandbox_loaded
def test_loaded({space}):
    assert engine("{engine}").counts({space})["customers"] == 635

def test_several(sandbox_namespace):
    one, other = sandbox_namespace("{engine}"), sandbox_namespace("{engine}", loaded=True)
    assert (one.database, one.user) != (other.database, other.user)
    assert engine("{engine}").counts(other)["customers"] == 635
"""
    )
    project.pytest("-p", "no:randomly", env={"SANDBOX_NAME": sandbox.name})


def test_workers_never_see_each_others_namespaces(project: Project) -> None:
    project.write(
        """
@pytest.mark.parametrize("number", range(24))
def test_it(sandbox_redis_db, number):
    with sandbox_redis_db.connect() as connection:
        assert connection.dbsize() == 0
        for _ in range(20):
            connection.incr("mine")
        assert connection.get("mine") == "20"
"""
    )
    project.pytest("-n", "4")


def test_a_namespace_is_gone_after_its_test(project: Project) -> None:
    project.write(
        """
import redis
urls = []

def test_writes(sandbox_redis_db):
    urls.append(sandbox_redis_db.url)
    with sandbox_redis_db.connect() as connection:
        connection.set("mine", 1)

def test_looks(sandbox_redis):
    with redis.Redis.from_url(urls[0]) as connection:
        assert connection.dbsize() == 0
"""
    )
    project.pytest("-p", "no:randomly")


def test_the_environment_leads_the_tests_own_programs_to_its_namespaces(project: Project) -> None:
    project.write(
        """
import subprocess
ASKS = "import os, redis; print(redis.Redis.from_url(os.environ['REDIS_URL']).get('a').decode(), end='')"

@pytest.fixture
def answer(sandbox_redis_db, sandbox_env):
    with sandbox_redis_db.connect() as connection:
        connection.set("a", "mine")
    return subprocess.check_output([sys.executable, "-c", ASKS], text=True)

def test_own(answer, sandbox_redis):
    assert answer == "mine"
    assert os.environ["SANDBOX_NAME"].startswith("tests-")
    assert os.environ["REDIS_URL"] != sandbox_redis.url

def test_later(sandbox_env, sandbox_namespace):
    before = os.environ["REDIS_URL"]
    taken = sandbox_namespace("redis")
    assert before != os.environ["REDIS_URL"] == taken.url

def test_after():
    assert "REDIS_URL" not in os.environ
"""
    )
    project.pytest()


def test_engines_named_in_the_ini_file_are_started_together_and_in_the_environment(project: Project) -> None:
    with (project.folder / "pytest.ini").open("a") as file:
        file.write("sandbox_engines = redis postgres\nsandbox_dataset = empty\n")
    project.write(
        """
def test_env(sandbox_env, sandbox_session):
    assert {"DATABASE_URL", "REDIS_URL"} <= set(os.environ)
    assert sandbox_session.box.running() == ["postgres", "redis"]

def test_data(sandbox_postgres):
    with sandbox_postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from customers")
        assert cursor.fetchone() == (0,)
"""
    )
    project.pytest()


def test_a_test_may_kill_an_engine_of_its_own_and_others_live_on(project: Project) -> None:
    project.write(
        """
import redis

def test_breaks(sandbox_fresh, sandbox_redis):
    mine = sandbox_fresh("redis")
    with mine.connect() as connection:
        connection.set("a", 1)
    mine.kill()
    with pytest.raises(redis.exceptions.ConnectionError):
        with mine.connect() as connection:
            connection.get("a")
    with sandbox_redis.connect() as connection:
        assert connection.dbsize() > 0
    mine.start()
    with mine.connect() as connection:
        connection.ping()
    (folder / "pid").write_text(str(server(mine)))

def test_next(sandbox_redis, sandbox_session):
    assert not list((sandbox_session.box.root / "instances").iterdir())
    with sandbox_redis.connect() as connection:
        assert connection.dbsize() > 0
"""
    )
    project.pytest("-p", "no:randomly")
    assert not lives(int((project.folder / "pid").read_text()))


def test_aws_gives_a_session_clients_and_resources(project: Project) -> None:
    project.write(
        """
def test_it(sandbox_aws, sandbox_aws_account):
    assert "customers" in [t.name for t in sandbox_aws.resource("dynamodb").tables.all()]
    assert sandbox_aws_account.client("dynamodb").list_tables()["TableNames"] == []
    s3 = sandbox_aws_account.session.client("s3")
    s3.create_bucket(Bucket="mine-of-a-test")
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["mine-of-a-test"]
"""
    )
    project.pytest()


def test_a_mistake_is_told_without_a_traceback(project: Project) -> None:
    project.write("def test_it(sandbox_namespace):\n    sandbox_namespace('postgre')\n")
    printed = project.pytest(code=1)
    assert "There is no engine named 'postgre'." in printed
    assert "Did you mean postgres?" in printed
    assert "Traceback" not in printed
    assert "another exception" not in printed
    assert "sandbox/" not in printed


def test_a_runtime_that_does_not_exist_is_refused(project: Project) -> None:
    project.write("def test_it(sandbox_redis):\n    pass\n")
    assert "invalid choice: 'podman'" in project.pytest("--sandbox-runtime", "podman", code=4)


def test_a_run_uses_an_external_engine_and_leaves_it_running(
    project: Project, redis_up: Callable[[], int]
) -> None:
    pid = redis_up()
    project.write(
        f"""
def test_it(sandbox_redis):
    assert server(sandbox_redis) == {pid}
"""
    )
    elsewhere = Sandbox(name="mine").endpoint("redis")
    with engine_named("redis").connect(elsewhere) as connection:
        connection.flushall()
    url = elsewhere.url
    project.pytest("--sandbox-runtime", "external", env={"SANDBOX_EXTERNAL_REDIS": url})
    assert lives(pid)
    assert "no usable address" in project.pytest("--sandbox-runtime", "external", code=1)
    assert project.sandboxes() == ["mine"]


def test_the_plugin_can_be_left_out(project: Project) -> None:
    project.write("def test_it():\n    assert 'sandbox.pytest_plugin' not in sys.modules\n")
    project.pytest("-p", "no:sandbox")


def test_every_name_that_the_plugin_takes_begins_with_sandbox(project: Project) -> None:
    project.write("def test_it():\n    pass\n")
    printed = project.pytest("--fixtures", "-v")
    section = printed.partition("fixtures defined from sandbox.pytest_plugin")[2].partition(
        "fixtures defined"
    )[0]
    names = re.findall(r"^(\w+)(?: \[| --|$)", section, re.MULTILINE)
    assert len(names) >= 18, printed
    assert all(name.startswith("sandbox_") for name in names)


@pytest.mark.parametrize("command", [["up", "redis"], ["down", "--all"]])
def test_up_and_down_end_what_a_killed_run_left(project: Project, run: Run, command: list[str]) -> None:
    project.write(
        f"def test_it(sandbox_redis):\n    (folder / 'pid').write_text(str(server(sandbox_redis)))\n{WAITS}",
    )
    begun = project.begin()
    project.wait_for("begun")
    left = int((project.folder / "pid").read_text())
    run("up", "redis")
    assert lives(left)
    kill(begun)
    assert run(*command).code == 0
    assert not lives(left)
    assert project.sandboxes() == ["default"]


def test_the_first_block_of_the_page_leads_from_nothing_to_a_green_run(
    tmp_path: Path, own_home: Path
) -> None:
    page = pages.read(pages.ROOT / "docs" / "testing.md")
    block = next(block for block in page.blocks if block.kind == "sh")
    assert len(block.text.splitlines()) == 10
    (tmp_path / "sandbox").symlink_to(pages.ROOT)
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        ["bash", "-eu", "-c", block.text.replace("python3 ", f"{sys.executable} ", 1)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 workers [1 item]" in done.stdout
    assert "1 passed" in done.stdout
    assert list(folder.glob(".venv/lib/*/site-packages/sandbox/pytest_plugin.py"))
    assert not list(own_home.glob("*/"))

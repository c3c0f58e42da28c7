"""The pytest plugin: real engines as fixtures. See docs/testing.md.

It is loaded by every pytest of an environment in which `sandbox` is installed, so it imports nothing until a
test asks for an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from sandbox.testing.endpoints import AwsEndpoint, FreshEngine, LiveEndpoint
    from sandbox.testing.run import Run
    from sandbox.testing.session import Session

# What a namespace is called in each engine's own words.
_SPACES = {
    "postgres": "sandbox_postgres_db",
    "mysql": "sandbox_mysql_db",
    "cassandra": "sandbox_cassandra_keyspace",
    "mongodb": "sandbox_mongodb_db",
    "redis": "sandbox_redis_db",
    "gremlin": "sandbox_gremlin_graph",
    "aws": "sandbox_aws_account",
}
_FIXTURES = {f"sandbox_{name}": name for name in _SPACES} | {space: name for name, space in _SPACES.items()}
_RUNTIMES = ("auto", "native", "docker", "external")

_run: pytest.StashKey[Run] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sandbox", "real engines to test against")
    group.addoption(
        "--sandbox-name", metavar="NAME", help="Use this sandbox; else SANDBOX_NAME, else an own."
    )
    group.addoption("--sandbox-keep", action="store_true", help="Leave running what the tests started.")
    group.addoption("--sandbox-runtime", choices=_RUNTIMES, help="What runs engines that are started.")
    parser.addini("sandbox_name", "As --sandbox-name.", default="")
    parser.addini("sandbox_runtime", "As --sandbox-runtime.", default="")
    parser.addini("sandbox_engines", "Engines to start side by side with the first one used.", type="args")
    parser.addini(
        "sandbox_dataset", "Data of an own sandbox: course, empty, scale-12 or a folder.", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sandbox_loaded: the namespaces of this test hold the dataset.")


def _begun(config: pytest.Config) -> Run:
    """The run, which begins when a test first asks for an engine."""
    if _run not in config.stash:
        from sandbox.testing.run import Run

        config.stash[_run] = Run(config)
    return config.stash[_run]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist which sandbox the run has."""
    node.workerinput["sandbox"] = _begun(node.config).for_workers()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the fixtures' ends, and in a controller after the workers' ends."""
    pytest_unconfigure(session.config)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash.get(_run, None)
    if run is not None and run.kept:
        terminalreporter.write_line(
            f"Sandbox {run.kept} goes on running. To end it: sandbox down --name {run.kept}"
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """For runs that end before their session does."""
    run = config.stash.get(_run, None)
    if run is not None:
        run.end()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for fixture in getattr(item, "fixturenames", ()):
        if fixture in _FIXTURES:
            _begun(item.config).watch_log(item, _FIXTURES[fixture])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and (run := item.config.stash.get(_run, None)):
        run.add_logs(item, report)
    return report


@contextmanager
def _told() -> Iterator[None]:
    """An error of ours as a person reads it, without our code."""
    from sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as error:
        lines = [error.title, error.detail, *(f"Try: {action}" for action in error.actions)]
        raise pytest.fail.Exception("\n".join(line for line in lines if line), pytrace=False) from None


@pytest.fixture(scope="session")
def sandbox_session(pytestconfig: pytest.Config) -> Session:
    """The run's engines, for fixtures of your own: ``endpoint``, ``namespace``, ``fresh`` and ``env``."""
    return _begun(pytestconfig).session


def _endpoint(session: Session, engine: str) -> LiveEndpoint:
    with _told():
        return session.endpoint(engine)
    raise AssertionError


@pytest.fixture(scope="session")
def sandbox_postgres(sandbox_session: Session) -> LiveEndpoint:
    """PostgreSQL, with the dataset, shared by all tests."""
    return _endpoint(sandbox_session, "postgres")


@pytest.fixture(scope="session")
def sandbox_mysql(sandbox_session: Session) -> LiveEndpoint:
    """MySQL (MariaDB), with the dataset, shared by all tests."""
    return _endpoint(sandbox_session, "mysql")


@pytest.fixture(scope="session")
def sandbox_cassandra(sandbox_session: Session) -> LiveEndpoint:
    """Cassandra, with the dataset, shared by all tests."""
    return _endpoint(sandbox_session, "cassandra")


@pytest.fixture(scope="session")
def sandbox_mongodb(sandbox_session: Session) -> LiveEndpoint:
    """MongoDB, with the dataset, shared by all tests."""
    return _endpoint(sandbox_session, "mongodb")


@pytest.fixture(scope="session")
def sandbox_redis(sandbox_session: Session) -> LiveEndpoint:
    """Redis, with the dataset, shared by all tests."""
    return _endpoint(sandbox_session, "redis")


@pytest.fixture(scope="session")
def sandbox_gremlin(sandbox_session: Session) -> LiveEndpoint:
    """Gremlin Server, with the dataset, shared by all tests."""
    return _endpoint(sandbox_session, "gremlin")


@pytest.fixture(scope="session")
def sandbox_aws(sandbox_session: Session) -> AwsEndpoint:
    """AWS with the dataset, shared by all tests: ``.session``, ``.client("s3")``, ``.resource("s3")``."""
    return cast("AwsEndpoint", _endpoint(sandbox_session, "aws"))


@pytest.fixture
def sandbox_namespace(
    request: pytest.FixtureRequest, sandbox_session: Session
) -> Iterator[Callable[..., LiveEndpoint]]:
    """``sandbox_namespace(engine, loaded=False)``: a place in an engine that this test has alone."""
    run = _begun(request.config)
    marked = request.node.get_closest_marker("sandbox_loaded") is not None

    with ExitStack() as stack:

        def take(engine: str, loaded: bool = marked) -> LiveEndpoint:
            run.watch_log(request.node, engine)
            with _told():
                endpoint = stack.enter_context(sandbox_session.namespace(engine, loaded=loaded))
            if "sandbox_env" in request.fixturenames:
                _set(request.getfixturevalue("monkeypatch"), endpoint.env)
            return endpoint

        yield take


@pytest.fixture
def sandbox_postgres_db(sandbox_namespace: Callable[..., LiveEndpoint]) -> LiveEndpoint:
    """A database of PostgreSQL for this test alone."""
    return sandbox_namespace("postgres")


@pytest.fixture
def sandbox_mysql_db(sandbox_namespace: Callable[..., LiveEndpoint]) -> LiveEndpoint:
    """A database of MySQL (MariaDB) for this test alone."""
    return sandbox_namespace("mysql")


@pytest.fixture
def sandbox_cassandra_keyspace(sandbox_namespace: Callable[..., LiveEndpoint]) -> LiveEndpoint:
    """A keyspace of Cassandra for this test alone."""
    return sandbox_namespace("cassandra")


@pytest.fixture
def sandbox_mongodb_db(sandbox_namespace: Callable[..., LiveEndpoint]) -> LiveEndpoint:
    """A database of MongoDB for this test alone."""
    return sandbox_namespace("mongodb")


@pytest.fixture
def sandbox_redis_db(sandbox_namespace: Callable[..., LiveEndpoint]) -> LiveEndpoint:
    """A database of Redis for this test alone."""
    return sandbox_namespace("redis")


@pytest.fixture
def sandbox_gremlin_graph(sandbox_namespace: Callable[..., LiveEndpoint]) -> LiveEndpoint:
    """A graph for this test alone."""
    return sandbox_namespace("gremlin")


@pytest.fixture
def sandbox_aws_account(sandbox_namespace: Callable[..., AwsEndpoint]) -> AwsEndpoint:
    """An AWS account for this test alone."""
    return sandbox_namespace("aws")


@pytest.fixture
def sandbox_env(
    request: pytest.FixtureRequest, sandbox_session: Session, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The usual variables (``DATABASE_URL``, ``REDIS_URL``, ``AWS_ENDPOINT_URL`` ...) in the environment.

    They are of the engines whose fixtures the test asks for, and point into its namespaces where it asks for
    these; else of those in ``sandbox_engines``, else of all that run."""
    asked: dict[str, LiveEndpoint] = {}
    # A namespace comes after the engine itself, and so takes its place.
    for fixture, engine in _FIXTURES.items():
        if fixture in request.fixturenames:
            asked[engine] = request.getfixturevalue(fixture)
    with _told():
        if not asked:
            sandbox_session.need(sandbox_session.choice.together)
        values = sandbox_session.env(list(asked.values()))
    _set(monkeypatch, values)
    return values


@pytest.fixture
def sandbox_fresh(
    sandbox_session: Session,
) -> Iterator[Callable[..., FreshEngine]]:
    """``sandbox_fresh(engine, replicas=0, options=None, loaded=False)``: an engine of this test's own, which
    it may kill, stop and start."""
    with ExitStack() as stack:

        def start(engine: str, **wish: Any) -> FreshEngine:
            with _told():
                return stack.enter_context(sandbox_session.fresh(engine, **wish))

        yield start


def _set(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)

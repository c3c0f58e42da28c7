"""Gremlin Server, for real: dataset, who may do what, what is saved, the client."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.strategies import ReadOnlyStrategy
from gremlin_python.process.traversal import Bytecode, T
from gremlin_python.statics import GremlinType

from sandbox.clients.base import StatementError
from sandbox.clients.gremlin import GremlinClient
from sandbox.clients.render import render
from sandbox.datasets import Dataset
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.gremlin import Gremlin
from sandbox.engines.gremlin_driver import open_client
from sandbox.runtimes.ports import any_free
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[Gremlin, Endpoint]]
ATTEMPT = Attempt("neptune/01-create-insert-query", "t1", 1, {"graphs": ["g"]})
READING = Attempt("neptune/02-read", "t2", 1, {})


@pytest.fixture
def gremlin(engine_up: Up) -> tuple[Gremlin, Endpoint]:
    return engine_up("gremlin")


@pytest.fixture
def secrets(sandbox: Sandbox, gremlin: object) -> Credentials:
    return sandbox.seat("gremlin").credentials


@pytest.fixture
def learner(gremlin: tuple[Gremlin, Endpoint], secrets: Credentials) -> Iterator[Endpoint]:
    engine, admin = gremlin
    yield engine.begin(admin, ATTEMPT, secrets)
    engine.clear(admin, ATTEMPT)


@pytest.fixture
def reader(gremlin: tuple[Gremlin, Endpoint], secrets: Credentials) -> Endpoint:
    engine, admin = gremlin
    return engine.begin(admin, READING, secrets)


def _ask(endpoint: Endpoint, script: str, **options: Any) -> list[Any]:
    with open_client(endpoint, seconds=300) as client:
        return list(client.submit(script, request_options=options or None).all().result())


# -- dataset -----------------------------------------------------------------------------------------


def test_the_known_rows_are_read_back_through_the_driver(gremlin: tuple[Gremlin, Endpoint]) -> None:
    engine, admin = gremlin
    with engine.connect(admin) as g:
        assert g.V("customer-293").element_map().next() == {
            T.id: "customer-293", T.label: "customer", "customerid": 293, "firstname": "Catherine",
            "lastname": "Abel", "fullname": "Catherine Abel",
        }  # fmt: skip
        assert g.V().has("customer", "firstname", "John").count().next() == 19
        assert not g.V().has("customer", "customerid", 1221).has_next()
        order = g.V().has("order", "salesorderid", 71782)
        assert order.clone().element_map().next() == {
            T.id: "order-71782", T.label: "order", "salesorderid": 71782,
            "orderdate": datetime(2014, 5, 1, tzinfo=UTC), "duedate": datetime(2014, 5, 13, tzinfo=UTC),
            "shipdate": datetime(2014, 5, 8, tzinfo=UTC), "subtotal": 33319.986, "taxamt": 3182.8264,
            "freight": 994.6333, "totaldue": 37497.4457,
        }  # fmt: skip
        assert order.clone().in_("placed").values("customerid").to_list() == [293]
        assert order.clone().in_("sold").values("employeeid").to_list() == [276]
        line = (
            g.E("line-71782-110667").project("line", "product").by(__.value_map()).by(__.in_v().id_()).next()
        )
        assert line == {
            "line": {
                "salesorderdetailid": 110667, "orderqty": 3, "unitprice": 29.994, "unitpricediscount": 0.0,
                "linetotal": 89.982,
            },
            "product": "product-714",
        }  # fmt: skip
        assert g.V("employee-275").in_("manages").values("employeeid").to_list() == [274]
        assert not g.V("employee-274").has("territory").has_next()


def test_counts_agree_with_the_manifest(gremlin: tuple[Gremlin, Endpoint]) -> None:
    engine, admin = gremlin
    assert engine.counts(admin) == Dataset.course().counts


def test_loading_twice_leaves_the_dataset_once_and_other_vertices_alone(
    gremlin: tuple[Gremlin, Endpoint],
) -> None:
    engine, admin = gremlin
    with engine.connect(admin) as g:
        size = (g.V().count().next(), g.E().count().next())
        g.add_v("mine").iterate()
        g.add_v("customer").iterate()
        assert engine.load(admin, Dataset.course()) == Dataset.course().counts
        assert g.V().has_label("mine").count().next() == 1
        g.V().has_label("mine").drop().iterate()
        assert (g.V().count().next(), g.E().count().next()) == size


def test_reset_takes_away_what_a_person_made_and_restores_the_dataset(
    gremlin: tuple[Gremlin, Endpoint], learner: Endpoint
) -> None:
    engine, admin = gremlin
    other = replace(admin, database="g_mine")
    for place in (admin, other, learner):
        _ask(place, "g.addV('mine')")
    _ask(admin, "g.V('customer-293').property('fullname', 'Somebody Else')")
    _ask(admin, "g.V('order-71782').drop()")
    assert engine.reset(admin, Dataset.course()) == Dataset.course().counts
    for place in (admin, other, learner):
        assert _ask(place, "g.V().hasLabel('mine').count()") == [0]
    assert _ask(admin, "g.V('customer-293').values('fullname')") == ["Catherine Abel"]
    assert engine.counts(admin) == Dataset.course().counts


def test_reset_to_a_dataset_that_the_server_has_no_copy_of_loads_it(
    gremlin: tuple[Gremlin, Endpoint],
) -> None:
    engine, admin = gremlin
    empty = Dataset.empty()
    try:
        assert (
            engine.reset(admin, empty)
            == engine.counts(admin)
            == {"customers": 0, "employees": 0, "orders": 0}
        )
        assert _ask(admin, "g.V().count()") == [0]
    finally:
        assert engine.reset(admin, Dataset.course()) == engine.counts(admin) == Dataset.course().counts


def test_ids_are_numbers_in_any_writing_or_texts_of_ones_own(learner: Endpoint) -> None:
    _ask(
        learner,
        "g.addV('a').property(T.id, 7).addV('b').property(T.id, 'seven').addV('c').property(T.id, '007')",
    )
    for script, label in (
        ("g.V(7)", "a"),
        ("g.V(7L)", "a"),
        ("g.V('7')", "a"),
        ("g.V('seven')", "b"),
        ("g.V('007')", "c"),
    ):
        assert _ask(learner, f"{script}.label()") == [label]


# -- who may do what ---------------------------------------------------------------------------------


def test_a_wrong_password_and_none_are_refused(gremlin: tuple[Gremlin, Endpoint]) -> None:
    engine, admin = gremlin
    for user, password in (
        (admin.user, "wrong"),
        ("learner", admin.password),
        ("nobody", "x"),
        (admin.user, ""),
    ):
        with pytest.raises(Exception, match=r"incorrect|requires authentication"):
            engine.probe(replace(admin, user=user, password=password))


@pytest.mark.parametrize("who", ["admin", "learner"])
@pytest.mark.parametrize(
    ("script", "language"),
    [
        ("new File('/etc/hostname').text", "gremlin-groovy"),
        ("new File('/etc/hostname').text", None),
        ("'id'.execute().text", "groovy"),
        ("g.V().map{ new File('/etc/hostname').text }", None),
        ("1 + 1", "nashorn"),
        ("1 + 1", ""),
        ("g.io('/etc/hostname').read().iterate()", None),
        ("g.io('/tmp/never-written.json').write().iterate()", None),
        ("g.withoutStrategies(Watch).io('/tmp/never-written.json').write().iterate()", None),
    ],
)
def test_nobody_runs_groovy_or_reaches_files(
    gremlin: tuple[Gremlin, Endpoint], learner: Endpoint, who: str, script: str, language: str | None
) -> None:
    endpoint = gremlin[1] if who == "admin" else learner
    options = {} if language is None else {"language": language}
    with pytest.raises(GremlinServerError, match=r"not offered|parsing failed"):
        _ask(endpoint, script, **options)
    assert not Path("/tmp/never-written.json").exists()


def test_nobody_runs_lambdas_in_bytecode_or_in_sessions(gremlin: tuple[Gremlin, Endpoint]) -> None:
    engine, admin = gremlin
    with engine.connect(admin) as g, pytest.raises(GremlinServerError, match="lambdas are not offered"):
        g.inject(1).map(lambda: ("it -> new File('/etc/hostname').text", "gremlin-groovy")).to_list()
    from gremlin_python.driver.client import Client

    from sandbox.engines.gremlin_driver import Transport

    session = Client(
        admin.url, "g", username=admin.user, password=admin.password, session="mine",
        transport_factory=lambda: Transport(10),
    )  # fmt: skip
    for script, language in (("g.V().count()", "gremlin-lang"), ("1 + 1", "gremlin-groovy")):
        with pytest.raises(GremlinServerError, match="not offered"):
            session.submit(script, request_options={"language": language}).all().result()
    with pytest.raises(GremlinServerError, match="not offered"):
        session.submit(_counting()).all().result()
    session.close()


def _counting() -> Bytecode:
    bytecode = Bytecode()
    bytecode.add_step("V")
    bytecode.add_step("count")
    return bytecode


def test_a_script_without_a_language_is_taken_as_gremlin(gremlin: tuple[Gremlin, Endpoint]) -> None:
    _, admin = gremlin
    assert _ask(admin, "g.V('customer-293').values('firstname')") == ["Catherine"]


def test_a_learner_works_in_a_graph_of_the_attempt(
    gremlin: tuple[Gremlin, Endpoint], learner: Endpoint
) -> None:
    engine, admin = gremlin
    assert learner.database == "g_attempt_t1"
    with engine.connect(learner) as g:
        g.add_v("person").property("name", "John").iterate()
        assert g.V().values("name").to_list() == ["John"]
    assert _ask(engine.attempt_endpoint(admin, ATTEMPT), "g.V().values('name')") == ["John"]
    assert engine.counts(admin) == Dataset.course().counts


@pytest.mark.parametrize(
    "script",
    [
        "g.addV('x')",
        "g.V('customer-293').property('fullname', 'x')",
        "g.V().drop()",
        "g.V().sideEffect(__.drop())",
        "g.V('customer-293').local(__.union(__.properties('fullname').drop()))",
        "g.mergeV([(T.id): 'mine'])",
        "g.V('customer-293').addE('knows').to(__.V('customer-295'))",
        "g.withoutStrategies(Watch, ReadOnlyStrategy).V().drop()",
        "g.withStrategies(new SubgraphStrategy(vertices: __.addV('x'))).V()",
        "g.withStrategies(new VertexProgramStrategy(result: 'ORIGINAL', persist: 'EDGES')).V().pageRank()",
    ],
)
def test_a_learner_reads_the_dataset_and_cannot_change_it(
    gremlin: tuple[Gremlin, Endpoint], reader: Endpoint, script: str
) -> None:
    engine, admin = gremlin
    assert reader.database == "g"
    assert _ask(reader, "g.V('customer-293').values('fullname')") == ["Catherine Abel"]
    with pytest.raises(GremlinServerError):
        _ask(reader, f"{script}.iterate()")
    assert engine.counts(admin) == Dataset.course().counts
    assert _ask(admin, "g.V('customer-293').properties().key()") == _ask(
        reader, "g.V('customer-293').properties().key()"
    )


def test_bytecode_gets_a_learner_no_further(gremlin: tuple[Gremlin, Endpoint], reader: Endpoint) -> None:
    engine, admin = gremlin
    with engine.connect(reader) as g:
        with pytest.raises(GremlinServerError, match="read only"):
            g.add_v("x").iterate()
        with pytest.raises(GremlinServerError, match="read only"):
            g.without_strategies(GremlinType(ReadOnlyStrategy().fqcn)).add_v("x").iterate()
        with pytest.raises(GremlinServerError, match="cannot be removed"):
            g.without_strategies(GremlinType("sandbox.gremlin.Watch")).add_v("x").iterate()
    assert engine.counts(admin) == Dataset.course().counts


def test_the_server_counts_the_requests_for_each_graph(
    gremlin: tuple[Gremlin, Endpoint], learner: Endpoint
) -> None:
    _, admin = gremlin

    def counted() -> int:
        name = f"g.V().has('graph', 'name', '{learner.database}').values('requests')"
        [found] = _ask(replace(admin, database="g_system"), name)
        return int(found)

    before = counted()
    _ask(learner, "g.addV('a').addV('b')")
    _ask(learner, "g.V().count()")
    with pytest.raises(GremlinServerError):
        _ask(learner, "g.V().nonsense()")
    assert counted() == before + 3


@pytest.mark.parametrize("graph", ["g_mine", "g_system", "g_attempts"])
def test_a_learner_is_kept_out_of_other_graphs(learner: Endpoint, graph: str) -> None:
    with pytest.raises(GremlinServerError, match="not yours"):
        _ask(replace(learner, database=graph), "g.V().count()")


@pytest.mark.parametrize("graph", ["nothing", "g-1", "G", "g_../x", "g_" + "x" * 80])
def test_a_name_that_no_graph_can_have_is_refused(gremlin: tuple[Gremlin, Endpoint], graph: str) -> None:
    with pytest.raises(GremlinServerError, match=r"[Cc]ould not alias"):
        _ask(replace(gremlin[1], database=graph), "g.V().count()")


def test_after_an_attempt_its_graph_is_empty(gremlin: tuple[Gremlin, Endpoint], secrets: Credentials) -> None:
    engine, admin = gremlin
    attempt = replace(ATTEMPT, key="t3")
    endpoint = engine.begin(admin, attempt, secrets)
    _ask(endpoint, "g.addV('x')")
    engine.clear(admin, attempt)
    assert _ask(endpoint, "g.V().count()") == [0]


def test_a_runaway_traversal_ends_and_harms_nobody(
    gremlin: tuple[Gremlin, Endpoint], learner: Endpoint
) -> None:
    engine, admin = gremlin
    _ask(learner, "g.addV('a').as('a').addE('next').to('a')")
    endless = "g.V().repeat(__.out()).until(__.hasLabel('nowhere')).iterate()"
    with open_client(learner, seconds=300) as client:
        pending = client.submit(endless, request_options={"evaluationTimeout": 600_000}).all()
        engine.probe(admin)
        assert not pending.done()
        # Now it has no way to go on, or notices that its way was changed under it.
        _ask(learner, "g.E().drop()")
        with contextlib.suppress(GremlinServerError):
            pending.result()
        _ask(learner, "g.V().as('a').addE('next').to('a')")
        with pytest.raises(GremlinServerError, match=r"(?i)timeout|threshold"):
            client.submit(endless, request_options={"evaluationTimeout": 500}).all().result()


def test_a_traversal_that_fills_the_memory_ends_and_harms_nobody(
    gremlin: tuple[Gremlin, Endpoint], reader: Endpoint, learner: Endpoint
) -> None:
    engine, admin = gremlin
    with pytest.raises(GremlinServerError, match="This graph is full"):
        endless = "g.inject(1).repeat(__.addV('x').property('a', 1)).times(2000000000)"
        _ask(learner, endless, evaluationTimeout=600_000)
    with pytest.raises(GremlinServerError, match="cancelled"):
        endless = "g.V().repeat(__.both().simplePath()).emit().path().fold()"
        _ask(reader, endless, evaluationTimeout=600_000)
    assert engine.counts(admin) == Dataset.course().counts
    engine.clear(admin, ATTEMPT)
    assert _ask(learner, "g.V().count()") == [0]


def test_it_listens_on_the_loopback_address_only(gremlin: object, sandbox: Sandbox) -> None:
    import psutil

    listening = [
        c.laddr for c in psutil.Process(_pid(sandbox)).net_connections() if c.status == psutil.CONN_LISTEN
    ]
    assert [address.ip for address in listening] == ["127.0.0.1"]


def test_the_password_is_in_one_file_that_only_its_owner_reads_and_in_no_command_line(
    gremlin: tuple[Gremlin, Endpoint], sandbox: Sandbox
) -> None:
    _, admin = gremlin
    assert admin.password.encode() not in Path(f"/proc/{_pid(sandbox)}/cmdline").read_bytes()
    settings = sandbox.seat("gremlin").work / "gremlin-server.json"
    assert settings.stat().st_mode & 0o777 == 0o600


def test_the_users_own_driver_works_as_in_its_manual(gremlin: tuple[Gremlin, Endpoint]) -> None:
    from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
    from gremlin_python.process.anonymous_traversal import traversal

    _, admin = gremlin
    connection = DriverRemoteConnection(admin.url, "g", username=admin.user, password=admin.password)
    assert traversal().with_(connection).V("customer-293").values("fullname").to_list() == ["Catherine Abel"]
    connection.close()


def test_asking_a_server_that_hangs_ends_soon(gremlin: tuple[Gremlin, Endpoint], sandbox: Sandbox) -> None:
    engine, admin = gremlin
    os.kill(_pid(sandbox), signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(OSError):
            engine.probe(admin, seconds=1)
        # Its other requests would wait for a minute, and for ever if nothing limited the connection itself.
        assert time.monotonic() - began < 40
    finally:
        os.kill(_pid(sandbox), signal.SIGCONT)
    engine.probe(admin)


def test_version_is_the_servers_own(gremlin: tuple[Gremlin, Endpoint]) -> None:
    engine, admin = gremlin
    assert engine.version(admin) == "3.8.1"


# -- durability --------------------------------------------------------------------------------------


def _pid(box: Sandbox) -> int:
    return int(box.seat("gremlin").run.read_text().split()[0])


def _kill(box: Sandbox) -> None:
    os.kill(_pid(box), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "gremlin" in box.running():
        time.sleep(0.01)


EVERY_KIND = (
    "g.addV('kinds').property(T.id, 'k').property('int', 1).property('long', 2L).property('double', 2.5D)"
    ".property('text', 'ü').property('yes', true).property('when', datetime('2020-01-02T03:04:05Z'))"
    ".property(list, 'many', 'a', 'meta', 1).property(list, 'many', 'b').property('list', [1, 'x'])"
    ".as('k').addE('self').from('k').to('k').property('weight', 0.5)"
)


def _mine(box: Sandbox) -> Endpoint:
    return replace(box.endpoint("gremlin"), database="g_mine")


def _file(box: Sandbox) -> Path:
    """What the graph of :func:`_mine` is saved in."""
    return box.seat("gremlin").data / "g_mine.graph"


def test_what_was_written_outlives_a_clean_restart_and_but_for_a_moment_a_kill(own_home: Path) -> None:
    box = Sandbox(name="killed")
    assert not box.up(["gremlin"]).failed
    try:
        seen = ("g.V('k').properties()", "g.V('k').properties('many').valueMap()", "g.E().values('weight')")
        _ask(_mine(box), EVERY_KIND)
        before = [str(item) for script in seen for item in _ask(_mine(box), script)]
        assert len(before) == 12
        box.down(["gremlin"])
        assert not box.up(["gremlin"]).failed
        after = [str(item) for script in seen for item in _ask(_mine(box), script)]
        assert sorted(after) == sorted(before)
        assert _ask(_mine(box), "g.V('k').out('self').id()") == ["k"]
        _ask(_mine(box), "g.addV('last').property('word', 1)")
        # The page says: within a fraction of a second, once nothing runs.
        deadline = time.monotonic() + 60
        while b"last" not in _file(box).read_bytes() and time.monotonic() < deadline:
            time.sleep(0.01)
        _kill(box)
        assert not box.up(["gremlin"]).failed
        assert _ask(_mine(box), "g.V().has('last', 'word', 1).count()") == [1]
        assert Gremlin().counts(box.endpoint("gremlin")) == Dataset.course().counts
    finally:
        box.down(delete=True)


def test_durable_keeps_every_acknowledged_write_over_a_kill(own_home: Path) -> None:
    box = Sandbox(name="durable")
    assert not box.up(["gremlin"], durable=True).failed
    try:
        with Gremlin().connect(_mine(box)) as g:
            for number in range(20):
                g.add_v("bytecode").property("number", number).iterate()
        _ask(_mine(box), "g.addV('script').property('number', 20)")
        _kill(box)
        assert not box.up(["gremlin"]).failed
        assert sorted(_ask(_mine(box), "g.V().values('number')")) == list(range(21))
    finally:
        box.down(delete=True)


# -- the client --------------------------------------------------------------------------------------


@pytest.fixture
def client(gremlin: tuple[Gremlin, Endpoint], learner: Endpoint) -> Iterator[GremlinClient]:
    with gremlin[0].client(learner) as client:
        assert isinstance(client, GremlinClient)
        yield client


def _run(client: GremlinClient, text: str) -> list[str]:
    statements, rest = client.split(text)
    assert rest == ""
    return [render(result) for statement in statements for result in client.execute(statement)]


COURSE = """\
// the course's first graph
john = g.addV('person').property('name', 'John').property('age', 30).next()
jane = g.addV('person').
  property('name', 'Jane').property('age', 25).next()
g.addE('knows').from(john).to(jane); /* and now */ g.V().hasLabel('person').values('name').order()
g.V(john)
  .out('knows')
  .values('name')
"""


def test_the_courses_graph_is_made_with_names_for_vertices(client: GremlinClient) -> None:
    made = _run(client, COURSE)
    assert made[3:] == ["==>Jane\n==>John", "==>Jane"]
    john, jane = (line.removeprefix("==>") for line in made[:2])
    assert made[2].endswith(f"{john[2:-1]}-knows->{jane[2:-1]}]")
    assert _run(client, "g.V(john).out().path()") == [f"==>[{john},{jane}]"]
    assert _run(client, ":vars") == [f"john = {john}\njane = {jane}"]
    assert _run(client, "john") == [f"==>{john}"]


def test_results_are_plain_values_for_programs(client: GremlinClient) -> None:
    _run(client, COURSE)

    def values(statement: str) -> Any:
        return [result.value for result in client.execute(statement)]

    assert values("g.V().hasLabel('person').order().by('age').values('name').toList()") == [["Jane", "John"]]
    assert values("g.V(john).valueMap('name', 'age').next()") == [
        [{"name": ["John"]}, {"age": [30]}]
    ] or values("g.V(john).valueMap('name', 'age').next()") == [[{"age": [30]}, {"name": ["John"]}]]
    [[john]] = values("g.V(john)")
    assert john["label"] == "person"
    assert values("g.V().drop().iterate()") == [[]]
    assert values("g.V().hasNext()") == [[False]]


def test_maps_profiles_and_explanations_look_as_in_the_console(client: GremlinClient) -> None:
    _run(client, COURSE)
    assert _run(client, "g.V(john).project('name', 'age').by('name').by('age')") == ["==>[name:John,age:30]"]
    assert _run(client, "g.V(john).project('name', 'age').by('name').by('age').next()") == [
        "==>name=John\n==>age=30"
    ]
    assert _run(client, "g.V().profile()")[0].startswith("Traversal Metrics\nStep ")
    assert _run(client, "g.V().explain()")[0].startswith("Traversal Explanation\n===")


def test_a_map_that_only_has_the_keys_of_a_profile_is_shown_as_a_map(client: GremlinClient) -> None:
    assert _run(client, "g.inject(['dur': 1, 'metrics': ['x']])") == ["==>[dur:1,metrics:[x]]"]
    found = _run(client, "g.inject(['original': 1, 'intermediate': 2, 'final': 3])")
    assert found[0].startswith("==>[")


def test_values_can_be_named_and_used(client: GremlinClient) -> None:
    assert _run(client, "names = ['a', \"it's\"]\ng.inject(names).unfold()") == [
        "==>[a,it's]",
        "==>a\n==>it's",
    ]
    text = "m = g.inject(1).project('a', 'b').by().by(__.constant('x')).next()\ng.inject(m).select('b')"
    assert _run(client, text)[1] == "==>x"


@pytest.mark.parametrize(
    ("statement", "title", "detail"),
    [
        ("g.V()..count()", "parsing failed at line 1", ""),
        ("g.V(nobody)", "No variable found for nobody", "Nothing is named nobody"),
        ("g.V().filter{ it.get() }", "parsing failed", "Closures are Groovy's"),
        ("1 + 1", "parsing failed", "begin with g"),
        (":nonsense", "There is no command :nonsense here.", ""),
        ("x = g.V().hasLabel('nothing').next()", "NoSuchElementException", ""),
    ],
)
def test_what_is_refused_says_why(client: GremlinClient, statement: str, title: str, detail: str) -> None:
    with pytest.raises(StatementError) as caught:
        _run(client, statement)
    assert title in caught.value.title
    assert detail in caught.value.detail


def test_an_error_names_its_line(client: GremlinClient) -> None:
    with pytest.raises(StatementError) as caught:
        list(client.execute("g.V().\n  out(.\n  count()"))
    assert caught.value.line == 2


def test_what_tutorials_type_first_does_no_harm(client: GremlinClient) -> None:
    for statement in (
        ":remote connect tinkerpop.server conf/remote.yaml",
        "g = traversal().withRemote('conf/remote-graph.properties')",
        "graph = TinkerGraph.open()",
        ":help",
    ):
        assert len(_run(client, statement)) == 1
    assert _run(client, ":> g.V().count()") == ["==>0"]


def test_a_lost_connection_is_told_and_made_anew(own_home: Path) -> None:
    box = Sandbox(name="lost")
    # Not the default one, which somebody else may take between the two starts.
    assert not box.up(["gremlin"], asked_ports={"gremlin": any_free()}).failed
    try:
        client = Gremlin().client(box.endpoint("gremlin"))
        assert isinstance(client, GremlinClient)
        assert _run(client, "g.V('customer-293').values('firstname')") == ["==>Catherine"]
        _kill(box)
        with pytest.raises(StatementError, match="does not answer"):
            _run(client, "g.V().count()")
        with pytest.raises(StatementError, match="does not answer"):
            _run(client, "g.V().count()")
        assert not box.up(["gremlin"]).failed
        assert _run(client, "g.V('customer-293').values('firstname')") == ["==>Catherine"]
        client.close()
    finally:
        box.down(delete=True)

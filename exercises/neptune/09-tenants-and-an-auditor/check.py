"""Checks of partitions and of reading only. The documents of all tenants vary with the seed."""

import json
import random
from collections import Counter

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Direction, T

from sandbox.grading import Mismatch, Missing, check

TENANTS = ("north", "south", "east")
MINE = "north"
WORDS = ("budget", "contract", "letter", "manual", "map", "plan", "report", "survey")


def prepare(ctx):
    """Documents of three tenants, with the same titles, drafts among all; citations within each tenant."""
    draw = random.Random(ctx.seed)
    documents, edges = {}, []
    numbers = draw.sample(range(1000), 40)
    for tenant in TENANTS:
        ids = [f"d-{numbers.pop()}" for _ in range(draw.randint(7, 11))]
        for at, id_ in enumerate(ids):
            status = "draft" if at in (2, 5) or (at > 3 and draw.random() < 0.3) else "final"
            documents[id_] = (f"{draw.choice(WORDS)} {at}", status, tenant)
        for _ in range(8):
            one, two = draw.sample(ids, 2)
            edges.append((one, two, tenant))
    vertices = [
        {T.id: id_, T.label: "document", "title": title, "status": status, "tenant": tenant}
        for id_, (title, status, tenant) in documents.items()
    ]
    draw.shuffle(vertices)
    lines = [
        {T.id: f"c-{at}", T.label: "cites", Direction.OUT: one, Direction.IN: two, "tenant": tenant}
        for at, (one, two, tenant) in enumerate(edges)
    ]
    ctx.connection.inject(vertices).unfold().merge_v().iterate()
    ctx.connection.inject(lines).unfold().merge_e().iterate()
    finals = [id_ for id_, (_, status, tenant) in documents.items() if (status, tenant) == ("final", MINE)]
    task = {"title": f"audit of {2000 + ctx.seed % 1000}", "cites": draw.choice(finals)}
    (ctx.files / "task.json").write_text(json.dumps(task))
    return {"documents": documents, "edges": edges, **task}


def _stays(ctx, id_):
    _, status, tenant = ctx.given["documents"][id_]
    return (status, tenant) != ("draft", MINE)


def _new(ctx):
    """The new document: its row."""
    g = ctx.connection
    rows = g.V().has("document", "title", ctx.given["title"]).element_map().to_list()
    if not rows:
        raise Missing(f"A document with the title {ctx.given['title']}")
    if len(rows) > 1:
        raise Mismatch(f"Documents with the title {ctx.given['title']}", expected=1, found=len(rows))
    return rows[0]


@check(points=2)
def new_document(ctx):
    """North's new document is there, and belongs to north."""
    row = _new(ctx)
    for key, expected in (("tenant", MINE), ("status", "final")):
        if key not in row:
            raise Missing(f"The property {key} of the new document")
        if row[key] != expected:
            raise Mismatch(f"{key} of the new document", expected=expected, found=row[key])


@check(points=2)
def new_edge(ctx):
    """The new document cites the one that it should, and the edge belongs to north."""
    rows = ctx.connection.V(_new(ctx)[T.id]).out_e("cites").element_map().to_list()
    cited = [row[Direction.IN][T.id] for row in rows]
    if cited != [ctx.given["cites"]]:
        raise Mismatch("What the new document cites", expected=[ctx.given["cites"]], found=cited)
    if "tenant" not in rows[0]:
        raise Missing("The property tenant of the new edge")
    if rows[0]["tenant"] != MINE:
        raise Mismatch("tenant of the new edge", expected=MINE, found=rows[0]["tenant"])


@check(points=3)
def drafts(ctx):
    """North's drafts are gone, all other documents and their citations are as they were."""
    given = ctx.given
    rows = ctx.connection.V().has_label("document").element_map().to_list()
    found = {row[T.id]: tuple(row.get(key) for key in ("title", "status", "tenant")) for row in rows}
    for id_, document in given["documents"].items():
        whose = f"{id_}, {document[1]}, of {document[2]}"
        if _stays(ctx, id_) and id_ not in found:
            raise Missing(f"The document {whose},")
        if not _stays(ctx, id_) and id_ in found:
            raise Mismatch(f"The document {whose}", expected="dropped", found="there")
        if id_ in found and found[id_] != document:
            raise Mismatch(f"The document {whose}", expected=document, found=found[id_])
    others = [id_ for id_ in found if id_ not in given["documents"] and found[id_][0] != given["title"]]
    if others:
        raise Mismatch("Documents that nobody asked for", expected=0, found=len(others))
    expected = Counter((one, two) for one, two, _ in given["edges"] if _stays(ctx, one) and _stays(ctx, two))
    old = ctx.connection.E().where(__.out_v().has_id(*given["documents"])).element_map().to_list()
    kept = Counter((row[Direction.OUT][T.id], row[Direction.IN][T.id]) for row in old)
    if kept != expected:
        raise Mismatch("The number of citations", expected=expected.total(), found=kept.total())


def _noted(ctx, key):
    rows = ctx.connection.V().has_label("audit").element_map().to_list()
    if len(rows) != 1:
        raise Mismatch("The number of vertices audit", expected=1, found=len(rows))
    if key not in rows[0] or rows[0][key] == "":
        raise Missing(f"{key} of the vertex audit")
    return rows[0][key]


@check(points=2, after=[new_document])
def seen(ctx):
    """The number of documents that the auditor sees is noted."""
    stay = [
        id_ for id_, (*_, tenant) in ctx.given["documents"].items() if tenant != "east" and _stays(ctx, id_)
    ]
    found, expected = _noted(ctx, "seen"), len(stay) + 1
    if isinstance(found, bool) or found != expected:
        raise Mismatch("seen", expected=expected, found=found, show_expected=False)


@check(points=3)
def refusal(ctx):
    """The server refused that the auditor writes, and what it said is noted."""
    found = str(_noted(ctx, "refusal"))
    if "not read only" not in found:
        raise Mismatch(
            "refusal", expected="what the server says of writing to a read-only source", found=found[:120]
        )

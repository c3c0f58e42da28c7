"""Checks of looking around. The tables of warehouse and their keys vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

PLACES = ("aisle", "hall", "shelf", "depot", "ramp", "bay", "cage", "tower")
OTHERS = ("carriers", "counts", "pallets", "returns", "shifts", "trucks")


def prepare(ctx):
    """Keyspace warehouse with the table stock and one other, drawn."""
    draw = random.Random(ctx.seed)
    other = f"{draw.choice(OTHERS)}_{draw.randrange(2001, 2020)}"
    durable = draw.choice(["true", "false"])
    first, second, third, fourth, plain = draw.sample(PLACES, 5)
    orders = draw.sample(["ASC", "DESC"], 2)
    run = ctx.connection.execute
    run(
        "CREATE KEYSPACE warehouse WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} "
        f"AND durable_writes = {durable}"
    )
    columns = ", ".join(f"{name} int" for name in sorted((first, second, third, fourth, plain)))
    run(
        f"CREATE TABLE warehouse.stock ({columns}, PRIMARY KEY (({first}, {second}), {third}, {fourth})) "
        f"WITH CLUSTERING ORDER BY ({third} {orders[0]}, {fourth} {orders[1]})"
    )
    run(f"CREATE TABLE warehouse.{other} (id uuid PRIMARY KEY, note text)")
    return {
        "tables": ["stock", other],
        "partition": [first, second],
        "sorting": [[third, orders[0].lower()], [fourth, orders[1].lower()]],
    }


def _blocks(ctx):
    """What was shown: a block for each result, each a list of lines, each a list of words."""
    blocks = []
    for result in ctx.results:
        blocks.append([_words(" ".join(map(str, row))) for row in result.rows])
        blocks.append([_words(line) for line in result.text.splitlines()])
    if not ctx.results:
        blocks = [[_words(line) for line in ctx.output.splitlines()]]
    return [block for block in blocks if block]


def _words(line):
    return re.findall(r"\w[\w.]*\w|\w", line)


@check(points=2)
def server(ctx):
    """The name of the cluster, the release version and the partitioner of the server were shown."""
    name, release, partitioner = ctx.rows(
        "SELECT cluster_name, release_version, partitioner FROM system.local"
    )[0]
    words = {word for block in _blocks(ctx) for line in block for word in line}
    for what, value in (("name of the cluster", name), ("release version", release)):
        if value not in words:
            raise Missing(f"The {what} in what was shown")
    if not {partitioner, partitioner.rpartition(".")[2]} & words:
        raise Missing("The partitioner in what was shown")


@check(points=2)
def keyspaces(ctx):
    """All keyspaces were shown, each with its replication."""
    known = ctx.rows("SELECT keyspace_name, replication FROM system_schema.keyspaces")
    lines = [line for block in _blocks(ctx) for line in block]
    for name, replication in known:
        strategy = replication["class"].rpartition(".")[2]
        if not any(name in line and any(w.endswith(strategy) for w in line) for line in lines):
            raise Missing(f"Keyspace {name} with its replication in what was shown")


@check(points=2)
def tables_of_warehouse(ctx):
    """The tables of `warehouse` were shown, without those of other keyspaces."""
    wanted = set(ctx.given["tables"])
    rows = ctx.rows("SELECT keyspace_name, table_name FROM system_schema.tables")
    others = {table for keyspace, table in rows if keyspace != "warehouse"}
    shown = [{word.rpartition(".")[2] for line in block for word in line} for block in _blocks(ctx)]
    complete = [words for words in shown if wanted <= words]
    if not complete:
        seen = max((len(wanted & words) for words in shown), default=0)
        raise Mismatch("Tables of warehouse shown in one list", expected=len(wanted), found=seen)
    # The names of a person's statements and of columns may be those of tables: a list has more of them.
    strange = min((sorted(words & others) for words in complete), key=len)
    if len(strange) > 3:
        raise Mismatch("Tables of other keyspaces in the list", expected=[], found=strange[:8])


@check(points=3)
def key_of_stock(ctx):
    """What makes the partition key of `stock` was shown, and what sorts its rows, in which direction."""
    partition, sorting = ctx.given["partition"], ctx.given["sorting"]
    for block in _blocks(ctx):
        if _described(block, partition, sorting) or _listed(block, partition, sorting):
            return
    words = {word for block in _blocks(ctx) for line in block for word in line}
    if not words >= {*partition, *(name for name, _ in sorting)}:
        raise Missing("A list with the key columns of stock")
    raise Missing("Which part of the key each column is, at which place and in which direction,")


def _listed(block, partition, sorting):
    """A line for each key column, with its kind, its position and its direction."""
    wanted = [(name, "partition_key", str(at), None) for at, name in enumerate(partition)]
    wanted += [(name, "clustering", str(at), way) for at, (name, way) in enumerate(sorting)]
    return all(
        any({name, kind, at} <= set(line) and (way is None or way in line) for line in block)
        for name, kind, at, way in wanted
    )


def _described(block, partition, sorting):
    """The statement that would create the table. As written by DESCRIBE, whatever stands around it."""
    text = " ".join(word for line in block for word in line).lower()
    if "create table warehouse.stock" not in text:
        return False
    key = "primary key " + " ".join([*partition, *(name for name, _ in sorting)])
    order = "clustering order by " + " ".join(f"{name} {way}" for name, way in sorting)
    return key in text and order in text


@check(points=1)
def connections(ctx):
    """The users of the connections and their drivers were shown: your own is among them."""
    for block in _blocks(ctx):
        if any(ctx.learner.user in line and "Driver" in line for line in block):
            return
    raise Missing(f"The connection of user {ctx.learner.user} with its driver in what was shown")

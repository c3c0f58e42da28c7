"""Checks of consistency levels. The replication factor varies with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

WORKING = ("ONE", "LOCAL_ONE")


def prepare(ctx):
    """Keyspace shop with more copies asked for than there are nodes."""
    factor = random.Random(ctx.seed).choice([4, 5, 6, 7])
    run, learner = ctx.connection.execute, ctx.learner.user
    run(
        "CREATE KEYSPACE shop WITH replication = "
        f"{{'class': 'SimpleStrategy', 'replication_factor': {factor}}}"
    )
    run("CREATE TABLE shop.stock (item text PRIMARY KEY, amount int)")
    run("CREATE TABLE shop.findings (level text PRIMARY KEY, works boolean, required int)")
    for right in ("SELECT", "MODIFY", "ALTER"):
        run(f"GRANT {right} ON KEYSPACE shop TO {learner}")
    quorum = factor // 2 + 1
    return {"required": {"TWO": 2, "QUORUM": quorum, "LOCAL_QUORUM": quorum, "ALL": factor, "SERIAL": quorum}}


def _findings(ctx):
    """The findings by the name of the level."""
    from cassandra import InvalidRequest

    try:
        rows = ctx.rows("SELECT level, works, required FROM shop.findings")
    except InvalidRequest:
        raise Missing("Table shop.findings as it was") from None
    return {level.strip().upper(): (works, required) for level, works, required in rows}


@check(points=3)
def works(ctx):
    """For each of the seven levels it was noted whether it works with one node."""
    found = _findings(ctx)
    for level in (*WORKING, *ctx.given["required"]):
        if level not in found:
            raise Missing(f"Level {level} in findings")
        said = found[level][0]
        if said != (level in WORKING):
            raise Mismatch(
                f"Whether {level} works", expected=level in WORKING, found=said, show_expected=False
            )


@check(points=3)
def required(ctx):
    """For each level that does not work it was noted how many copies it requires, as the server says."""
    found = _findings(ctx)
    for level, copies in ctx.given["required"].items():
        if level not in found:
            raise Missing(f"Level {level} in findings")
        said = found[level][1]
        if said != copies:
            raise Mismatch(
                f"How many copies {level} requires", expected=copies, found=said, show_expected=False
            )


@check(points=2)
def one_copy(ctx):
    """The keyspace `shop` asks for one copy."""
    replication = ctx.scalar("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'shop'")
    if replication is None:
        raise Missing("Keyspace shop")
    factors = [value for name, value in replication.items() if name != "class"]
    if factors != ["1"]:
        raise Mismatch("The replication factor of shop", expected=1, found=", ".join(factors) or "none")


@check(points=2, after=[one_copy])
def lamp(ctx):
    """The item `lamp` with the amount 7 is in `stock`, and can be read at QUORUM."""
    from cassandra import ConsistencyLevel, InvalidRequest
    from cassandra.query import SimpleStatement

    statement = SimpleStatement(
        "SELECT amount FROM shop.stock WHERE item = 'lamp'", consistency_level=ConsistencyLevel.QUORUM
    )
    try:
        rows = list(ctx.connection.execute(statement))
    except InvalidRequest:
        raise Missing("Table shop.stock as it was") from None
    if not rows:
        raise Missing("Item lamp in stock")
    if rows[0][0] != 7:
        raise Mismatch("The amount of lamp", expected=7, found=rows[0][0])

"""Checks of the heaviest statement. Which one it is, the calls and the cache's part vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

# The column that the application looks by, and the primary key.
TABLES = {
    "parcels": ("tracking", "parcelid"),
    "returns": ("voucher", "returnid"),
    "visits": ("session", "visitid"),
}
ROWS = 2000


def prepare(ctx):
    """Three tables without an index but their keys, and a morning of the application's statements.

    A table has some 30 blocks. A search through the heaviest table touches them in each of its many calls,
    one through another table in few calls; a report touches all tables, twice; a search by key 3 blocks."""
    draw = random.Random(ctx.seed)
    learner = ctx.learner.user
    ctx.rows("create role webshop")
    ctx.rows("create extension if not exists pg_stat_statements")
    ctx.rows("create extension if not exists pg_buffercache")
    for table, (column, key) in TABLES.items():
        ctx.rows(
            f"create table {table} as select n as {key}, md5(n::text || %s) as {column},"
            f" repeat('x', 60) as note from generate_series(1, {ROWS}) n",
            [str(ctx.seed)],
        )
        ctx.rows(f"alter table {table} add primary key ({key})")
        ctx.rows(f"alter table {table} owner to {learner}")
        ctx.rows(f"grant select on {table} to webshop")
    ctx.rows("vacuum (analyze) " + ", ".join(TABLES))
    ctx.rows(f"grant pg_read_all_stats to {learner}")
    heavy, light, known = draw.sample(list(TABLES), 3)
    all_notes = " union all ".join(f"select count(note) as notes from {table}" for table in TABLES)
    calls = draw.randint(34, 48)
    (heavy_by, _), (light_by, light_key), (_, key) = (TABLES[table] for table in (heavy, light, known))
    statements = [
        *(f"select note from {heavy} where {heavy_by} = '{n}'" for n in range(calls)),
        *(f"select {light_key} from {light} where {light_by} = '{n}'" for n in range(draw.randint(3, 5))),
        *(f"select note from {known} where {key} = {n}" for n in range(draw.randint(90, 120))),
        *[f"select sum(notes) from ({all_notes}) t"] * 2,
    ]
    # Before which statement the blocks of which tables leave the cache, so that they have to be read again.
    cold = {n: [heavy] for n in draw.sample(range(1, calls), draw.randint(4, 14))}
    cold |= {calls + 1: [light], len(statements) - 1: draw.sample(list(TABLES), 2)}
    ctx.rows("select pg_stat_statements_reset()")
    ctx.rows("set role webshop")
    for number, statement in enumerate(statements):
        if number in cold:
            ctx.rows("reset role")
            for table in cold[number]:
                ctx.rows("select pg_buffercache_evict_relation(%s::regclass)", [table])
            ctx.rows("set role webshop")
        ctx.rows(statement)
    ctx.rows("reset role")
    seen = ctx.rows(
        "select queryid, calls, shared_blks_hit, shared_blks_hit + shared_blks_read from pg_stat_statements"
        " where userid = 'webshop'::regrole and shared_blks_hit + shared_blks_read > 0 order by 4 desc"
    )
    return {"seen": seen, "table": heavy}


def _demand(ctx, table, columns):
    held = ctx.rows(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0"
        " and not attisdropped",
        [f"public.{table}"],
    )
    if not held:
        raise Missing(f"Table {table}")
    for column in columns:
        if (column,) not in held:
            raise Missing(f"Column {column} of {table}")


@check(points=4)
def heaviest_found(ctx):
    """`heaviest` names the statement that touched the most blocks in all, with its calls and blocks."""
    _demand(ctx, "heaviest", ("queryid", "calls", "blocks"))
    with ctx.trial("Reading heaviest") as learner:
        rows = learner("select queryid::bigint, calls::numeric, blocks::numeric from heaviest")
    if len(rows) != 1:
        raise Mismatch("The number of rows in heaviest", expected=1, found=len(rows))
    queryid, calls, _, blocks = ctx.given["seen"][0]
    for name, expected, found in zip(
        ("queryid", "calls", "blocks"), (queryid, calls, blocks), rows[0], strict=True
    ):
        if found != expected:
            raise Mismatch(
                f"{name} in heaviest",
                expected=expected,
                found=str(found),
                show_expected=False,
            )


@check(points=3)
def relieved(ctx):
    """The statement finds its row by an index."""
    table = ctx.given["table"]
    column = TABLES[table][0]
    with ctx.trial("Asking for the plan of the statement") as learner:
        ((plan,),) = learner(f"explain (format json) select note from {table} where {column} = 'x'")
    if not any(column in node.get("Index Cond", "") for node in _nodes(plan[0]["Plan"])):
        raise Missing("An index that the statement can use")


def _nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@check(points=1, after=[relieved])
def nothing_else(ctx):
    """There is no other new index on the three tables."""
    made = ctx.scalar(
        "select count(*) from pg_index where not indisprimary and indrelid = any(%s::regclass[])",
        [[f"public.{table}" for table in TABLES]],
    )
    if made != 1:
        raise Mismatch("New indexes on the three tables", expected=1, found=made)


@check(points=3)
def ratios(ctx):
    """`hit_ratios` has each statement that touched blocks, with the percentage found in the cache."""
    _demand(ctx, "hit_ratios", ("queryid", "percent"))
    with ctx.trial("Reading hit_ratios") as learner:
        rows = learner("select queryid::bigint, percent::float8 from hit_ratios")
    wanted = {queryid: 100 * hit / blocks for queryid, _, hit, blocks in ctx.given["seen"]}
    held = dict(rows)
    if len(rows) != len(wanted):
        raise Mismatch("The number of statements in hit_ratios", expected=len(wanted), found=len(rows))
    for queryid, percent in wanted.items():
        if queryid not in held:
            raise Missing(f"The statement with the queryid {queryid} in hit_ratios")
        found = held[queryid]
        if found is None or not abs(found - percent) <= 1:  # NaN is neither
            raise Mismatch(
                f"percent of the statement {queryid}", expected=percent, found=found, show_expected=False
            )

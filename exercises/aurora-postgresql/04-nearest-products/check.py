"""Checks of the search for what is alike. All embeddings and prices vary with the seed.

Around two directions lie products at known angles, with vectors so long or short that Euclid's distance and
the inner product see others as the nearest. An angle a is a cosine distance of 1 - cos a.
"""

import math
import random

from sandbox.grading import Mismatch, Missing, check

SIZE = 8
ANGLES = (0.06, 0.12, 0.18, 0.24, 0.30)
DECOYS = (0.40, 0.44, 0.48, 0.52, 0.56)
MOST = 100
KINDS = ("Helmet", "Bell", "Pump", "Lamp", "Lock", "Glove", "Rack", "Bottle")


def _unit(draw):
    vector = [draw.gauss(0, 1) for _ in range(SIZE)]
    length = math.hypot(*vector)
    return [x / length for x in vector]


def _turned(draw, unit, angle, length):
    """A vector at that angle to a unit vector."""
    other = _unit(draw)
    along = sum(a * b for a, b in zip(unit, other, strict=True))
    aside = [b - along * a for a, b in zip(unit, other, strict=True)]
    size = math.hypot(*aside)
    return [
        length * (math.cos(angle) * a + math.sin(angle) * b / size) for a, b in zip(unit, aside, strict=True)
    ]


def _products(draw):
    """(price, vector) of the product looked at, of its five nearest, of what is near the request and too
    dear, of its nearest three that are not, and of others; and the request."""
    this, request = _unit(draw), _unit(draw)
    while abs(sum(a * b for a, b in zip(this, request, strict=True))) > 0.3:
        request = _unit(draw)
    lengths = draw.sample((0.2, 0.25, 3.5, 4.0, 4.5), 5)
    near = [_turned(draw, this, angle, length) for angle, length in zip(ANGLES, lengths, strict=True)]
    dear = [_turned(draw, request, angle, 1) for angle in (0.03, 0.05, 0.07, 0.09)]
    fair = [_turned(draw, request, angle, length) for angle, length in zip(ANGLES, lengths[:3], strict=False)]
    decoys = [_turned(draw, centre, angle, 1) for centre in (this, request) for angle in DECOYS]
    others = []
    while len(others) < 160:
        vector = _unit(draw)
        if all(sum(a * b for a, b in zip(vector, c, strict=True)) < 0.8 for c in (this, request)):
            others.append([x * draw.uniform(0.8, 6) for x in vector])
    groups = [[this], near, dear, fair, [*decoys, *others]]
    span = {2: (MOST + 1, 300)}
    return [
        [(round(draw.uniform(*span.get(number, (5, MOST - 1))), 2), vector) for vector in group]
        for number, group in enumerate(groups)
    ], request


def prepare(ctx):
    """The extension, the products in no order, the product looked at and the request."""
    from psycopg2.extras import execute_values

    draw = random.Random(ctx.seed)
    groups, request = _products(draw)
    numbers = draw.sample(range(100, 1000), sum(map(len, groups)))
    rows, ids = [], []
    for group in groups:
        mine, numbers = numbers[: len(group)], numbers[len(group) :]
        ids.append(mine)
        rows += [
            (n, f"{draw.choice(KINDS)} {n}", price, v) for n, (price, v) in zip(mine, group, strict=True)
        ]
    ctx.rows("create extension if not exists vector")
    ctx.rows(
        "create table product_features"
        " (productid int primary key, name text, price numeric(10, 2), features real[])"
    )
    with ctx.connection.cursor() as cursor:
        execute_values(
            cursor, "insert into product_features values %s", draw.sample(rows, len(rows)), page_size=500
        )
    ctx.rows("create table looked_at as select %s::int as productid", ids[0])
    ctx.rows("create table request as select %s::real[] as features, %s::numeric as most", [request, MOST])
    for table in ("product_features", "looked_at", "request"):
        ctx.rows(f"grant select on {table} to {ctx.learner.user}")
    return {"similar": ids[1], "offers": ids[3]}


def _columns(ctx, table):
    return dict(
        ctx.rows(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            [f"public.{table}"],
        )
    )


@check(points=3)
def products_kept(ctx):
    """`products` holds all products with their name, their price and an embedding of type `vector(8)`."""
    columns = _columns(ctx, "products")
    if not columns:
        raise Missing("Table products")
    for name in ("productid", "name", "price", "embedding"):
        if name not in columns:
            raise Missing(f"Column {name} of products")
    found = columns["embedding"].removeprefix("public.")
    if found != f"vector({SIZE})":
        raise Mismatch("The type of embedding", expected=f"vector({SIZE})", found=found)
    key = ctx.rows(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = any(i.indkey) where i.indisprimary and i.indrelid = 'public.products'::regclass"
    )
    if key != [("productid",)]:
        found = ", ".join(name for (name,) in key) or "none"
        raise Mismatch("The primary key of products", expected="productid", found=found)
    wanted = ctx.scalar("select count(*) from public.product_features")
    with ctx.trial("Comparing products with product_features") as learner:
        ((many,),) = learner("select count(*) from products")
        others = learner(
            "select f.productid from product_features f left join products p on p.productid = f.productid"
            " and p.name = f.name and p.price::numeric = f.price and p.embedding = f.features::vector"
            " where p.productid is null limit 1"
        )
    if many != wanted:
        raise Mismatch("The number of products", expected=wanted, found=many)
    if others:
        raise Mismatch("Products that are not as in product_features", expected="none", found=others[0][0])


@check(points=2, after=[products_kept])
def indexed(ctx):
    """A search for the nearest by cosine distance can use an index."""
    with ctx.trial("Asking for the plan of a search for the nearest") as learner:
        learner("set local enable_seqscan = off; set local enable_sort = off")
        ((plan,),) = learner(
            "explain (format json) select productid from products order by embedding <=> %s limit 5",
            [str([1] * SIZE)],
        )
    if not any("<=>" in str(node.get("Order By", "")) for node in _nodes(plan[0]["Plan"])):
        raise Missing("An index on embedding that serves the order of cosine distance")


def _nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _same(found, wanted, table):
    astray, absent = len(set(found) - set(wanted)), len(set(wanted) - set(found))
    if astray or absent or len(found) != len(wanted):
        said = f"{len(found)} rows, {astray} of them astray, {absent} lacking"
        raise Mismatch(f"The products in {table}", expected=f"{len(wanted)} rows", found=said)


@check(points=3, after=[products_kept])
def similar(ctx):
    """`similar_products` holds the five products nearest to the one looked at, with their cosine distance."""
    columns = _columns(ctx, "similar_products")
    if not columns:
        raise Missing("Table similar_products")
    for name in ("productid", "distance"):
        if name not in columns:
            raise Missing(f"Column {name} of similar_products")
    with ctx.trial("Reading similar_products") as learner:
        held = learner("select productid::int, distance::float8 from similar_products")
    wanted = ctx.given["similar"]
    _same([number for number, _ in held], wanted, "similar_products")
    distances = {n: 1 - math.cos(angle) for n, angle in zip(wanted, ANGLES, strict=True)}
    for number, distance in held:
        if distance is None or not abs(distance - distances[number]) <= 0.001:  # NaN is neither
            raise Mismatch(
                f"The distance of product {number}",
                expected=round(distances[number], 3),
                found=distance,
                show_expected=False,
            )


@check(points=2, after=[products_kept])
def offered(ctx):
    """`offers` holds the three products nearest to the request among those that cost no more than `most`."""
    columns = _columns(ctx, "offers")
    if not columns:
        raise Missing("Table offers")
    if "productid" not in columns:
        raise Missing("Column productid of offers")
    with ctx.trial("Reading offers") as learner:
        held = [number for (number,) in learner("select productid::int from offers")]
    _same(held, ctx.given["offers"], "offers")

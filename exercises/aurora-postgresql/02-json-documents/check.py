"""Checks of orders as documents. Orders, quantities and the product called back vary with the seed."""

from sandbox.grading import Mismatch, Missing, check

# A part of the orders with other quantities: some 400 orders, 1,700 lines.
LINES = """
    create table order_lines as
    select salesorderid,
           row_number() over (partition by salesorderid order by salesorderdetailid)::int as line,
           customerid, orderdate, productid,
           1 + abs(hashint4extended(salesorderdetailid, %(seed)s) %% 13)::int as orderqty, unitprice
    from orders where salesorderid %% 3 = %(seed)s %% 3"""
# Called back: a product of five to twelve orders, which is not the first line of each of them.
RECALL = """
    create table recall as
    select productid from order_lines
    group by productid having count(distinct salesorderid) between 5 and 12 and max(line) > 1
    order by hashint4extended(productid, %(seed)s) limit 1"""
RECALLED = "select distinct salesorderid from public.order_lines join public.recall using (productid)"
BIG = "select distinct salesorderid from public.order_lines where orderqty >= 10 and unitprice > 100"


def prepare(ctx):
    """The lines of the orders, and a product to call back."""
    for statement in (LINES, RECALL):
        ctx.rows(statement, {"seed": ctx.seed})
    for table in ("order_lines", "recall"):
        ctx.rows(f"grant select on {table} to {ctx.learner.user}")


def _columns(ctx, table):
    return dict(
        ctx.rows(
            "select attname, format_type(atttypid, null) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            [f"public.{table}"],
        )
    )


@check(points=2)
def table(ctx):
    """There is a table `order_documents`: `salesorderid`, the primary key, and `doc` of type `jsonb`."""
    columns = _columns(ctx, "order_documents")
    if not columns:
        raise Missing("Table order_documents")
    for name in ("salesorderid", "doc"):
        if name not in columns:
            raise Missing(f"Column {name} of order_documents")
    if columns["doc"] != "jsonb":
        raise Mismatch("The type of doc", expected="jsonb", found=columns["doc"])
    key = ctx.rows(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = any(i.indkey)"
        " where i.indisprimary and i.indrelid = 'public.order_documents'::regclass"
    )
    if key != [("salesorderid",)]:
        found = ", ".join(name for (name,) in key) or "none"
        raise Mismatch("The primary key of order_documents", expected="salesorderid", found=found)


@check(points=3, after=[table])
def documents(ctx):
    """Each order is one document with its customer, its date and all its lines."""
    wanted = {
        order: (customer, day.isoformat(), sorted(map(tuple, lines)))
        for order, customer, day, lines in ctx.rows(
            "select salesorderid, min(customerid), min(orderdate),"
            " jsonb_agg(jsonb_build_array(productid, orderqty, unitprice)) from public.order_lines group by 1"
        )
    }
    with ctx.trial("Reading order_documents") as learner:
        found = dict(learner("select salesorderid, doc from order_documents"))
    if len(found) != len(wanted):
        raise Mismatch("The number of documents", expected=len(wanted), found=len(found))
    for order, (customer, day, lines) in wanted.items():
        doc = found.get(order)
        if doc is None:
            raise Missing(f"The document of order {order}")
        if not isinstance(doc, dict):
            raise Mismatch(f"The document of order {order}", expected="an object", found=doc)
        for key, value in (("customerid", customer), ("orderdate", day)):
            if doc.get(key) != value:
                raise Mismatch(f"{key} in the document of order {order}", expected=value, found=doc.get(key))
        inside = doc.get("lines")
        if not isinstance(inside, list) or not all(isinstance(line, dict) for line in inside):
            raise Mismatch(f"lines of order {order}", expected="an array of objects", found=inside)
        if len(inside) != len(lines):
            raise Mismatch(f"The number of lines of order {order}", expected=len(lines), found=len(inside))
        held = [tuple(line.get(key) for key in ("productid", "orderqty", "unitprice")) for line in inside]
        if any(not isinstance(value, int | float) for line in held for value in line):
            raise Mismatch(f"A line of order {order}", expected="three numbers", found=inside[0])
        if sorted(held) != lines:
            raise Mismatch(f"The lines of order {order}", expected=lines[0], found=min(held))


@check(points=2, after=[table])
def customer_generated(ctx):
    """`customerid` is computed from the document, when one is inserted and when it is changed."""
    if "customerid" not in _columns(ctx, "order_documents"):
        raise Missing("Column customerid of order_documents")
    steps = (
        ("insert into order_documents (salesorderid, doc) values (-1, %s)", 4711),
        ("update order_documents set doc = %s where salesorderid = -1", 4712),
    )
    with ctx.trial("Writing a document without naming customerid") as learner:
        for statement, expected in steps:
            learner(statement, [f'{{"customerid": {expected}, "orderdate": "2014-05-01", "lines": []}}'])
            held = learner("select customerid from order_documents where salesorderid = -1")
            if [str(value) for (value,) in held] != [str(expected)]:
                found = held[0][0] if held else None
                raise Mismatch(
                    f"customerid of a document with customer {expected}", expected=expected, found=found
                )


@check(points=2, after=[table])
def indexed(ctx):
    """A search by containment (`doc @> ...`) can use an index."""
    with ctx.trial("Asking for the plan of a search by containment") as learner:
        learner("set local enable_seqscan = off")
        ((plan,),) = learner(
            "explain (format json) select 1 from order_documents where doc @> %s",
            ['{"lines": [{"productid": 714}]}'],
        )
    used = [node for node in _nodes(plan[0]["Plan"]) if "Index Cond" in node and "@>" in node["Index Cond"]]
    if not used:
        raise Missing("An index on order_documents that serves doc @> ...")


def _nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _same_orders(ctx, name, wanted):
    columns = _columns(ctx, name)
    if not columns:
        raise Missing(f"Table {name}")
    if "salesorderid" not in columns:
        raise Missing(f"Column salesorderid of {name}")
    with ctx.trial(f"Reading {name}") as learner:
        held = [order for (order,) in learner(f"select salesorderid from {name}")]
    right = {order for (order,) in ctx.rows(wanted)}
    if len(held) != len(set(held)):
        raise Mismatch(f"Orders that stand in {name} twice", expected=0, found=len(held) - len(set(held)))
    astray, absent = len(set(held) - right), len(right - set(held))
    if astray or absent:
        raise Mismatch(
            f"The orders in {name}",
            expected="all that are meant",
            found=f"{astray} too many, {absent} lacking",
        )


@check(points=2, after=[table])
def recalled(ctx):
    """`recalled_orders` holds the orders with the product that is called back, and no others."""
    _same_orders(ctx, "recalled_orders", RECALLED)


@check(points=2, after=[table])
def big(ctx):
    """`big_orders` holds the orders with one line of a quantity of 10 or more at a price above 100."""
    _same_orders(ctx, "big_orders", BIG)

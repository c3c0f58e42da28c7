"""Checks of two plans. Customers, addresses and days vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

ROWS = 12000
BY_CUSTOMER = "select parcelid, sent, status from parcels where customerid = %s order by sent desc limit 10"
BY_EMAIL = "select parcelid, customerid from parcels where lower(email) = %s"
FACTS = (
    "select count(*), sum(hashtext(p::text))"
    " from (select parcelid, customerid, email, sent, status from parcels) p"
)


def prepare(ctx):
    """Parcels in no order: one customer has hundreds, the others few; addresses are typed in many ways."""
    draw = random.Random(ctx.seed)
    few = draw.choice((503, 601, 701, 809))
    busy, share = draw.randint(1, few), draw.randint(20, 30)
    factor = draw.choice((7, 11, 13, 17))
    ctx.rows(
        "create table parcels (parcelid int primary key, customerid int not null, email text not null,"
        " sent date not null, status text not null)"
    )
    ctx.rows(
        "insert into parcels select n, c,"
        " (case n %% 3 when 0 then 'Shop' else 'shop' end) || c || '@Example.com',"
        " date '2014-01-01' + (n * %s %% 997), case n %% 40 when 0 then 'lost' else 'delivered' end"
        " from (select n, case when n %% %s = 0 then %s else 1 + n * 37 %% %s end as c"
        " from generate_series(1, %s) n) as each",
        [factor, share, busy, few, ROWS],
    )
    ctx.rows(f"alter table parcels owner to {ctx.learner.user}; analyze parcels")
    rare = ctx.scalar(
        "select customerid from parcels group by 1 having count(*) between 5 and 40"
        " order by md5(customerid::text)"
    )
    return {
        "busy": busy,
        "rare": rare,
        "facts": ctx.rows(FACTS),
    }


def _plans(ctx):
    """The nodes of the plans that the server chooses with fresh statistics, by what is asked for."""
    if "plans" in ctx.given:
        return ctx.given["plans"]
    if ctx.scalar("select relkind from pg_class where oid = to_regclass('public.parcels')") != "r":
        raise Missing("Table parcels")
    # As the learner: functions in the condition of an index run when a query is planned. And without what the
    # learner may have set for the role.
    for place in ("", f" in database {ctx.learner.database}"):
        ctx.rows(f"alter role {ctx.learner.user}{place} reset all")
    ctx.rows("analyze public.parcels")
    with ctx.trial("Reading parcels as they were") as rows:
        facts = rows(FACTS)
        plans = {
            who: _nodes(rows(f"explain (format json) {query}", [value])[0][0][0]["Plan"])
            for who, (query, value) in _asked(ctx).items()
        }
    if facts != ctx.given["facts"]:
        raise Mismatch("The rows of parcels", expected="as they were", found="changed")
    ctx.given["plans"] = plans
    return plans


def _asked(ctx):
    return {
        "of a busy customer": (BY_CUSTOMER, ctx.given["busy"]),
        "of a customer with few": (BY_CUSTOMER, ctx.given["rare"]),
        "of an address": (BY_EMAIL, f"shop{ctx.given['rare']}@example.com"),
    }


def _nodes(plan):
    return [plan, *(node for inner in plan.get("Plans", []) for node in _nodes(inner))]


def _demand_index(ctx, who, column):
    """An index that begins with the column: one that has it in the second place is read from end to end."""
    nodes = _plans(ctx)[who]
    for node in nodes:
        if column in node.get("Index Cond", ""):
            begins = ctx.scalar(
                "select pg_get_indexdef(oid, 1, true) from pg_class where relname = %s and relkind = 'i'",
                [node["Index Name"]],
            )
            if begins == column:
                return
            raise Mismatch(f"The index for parcels {who}", expected=f"begins with {column}", found=begins)
    scans = ", ".join(node["Node Type"] for node in nodes if "Scan" in node["Node Type"])
    raise Mismatch(f"How parcels {who} are found", expected=f"by an index on {column}", found=scans)


@check(points=2)
def by_customer(ctx):
    """Query A finds a customer's parcels by an index, whether they are many or few."""
    _demand_index(ctx, "of a busy customer", "customerid")
    _demand_index(ctx, "of a customer with few", "customerid")


@check(points=3, after=[by_customer])
def no_sort(ctx):
    """The index gives the newest ten of a busy customer in order: nothing is sorted."""
    kinds = [node["Node Type"] for node in _plans(ctx)["of a busy customer"]]
    if any("Sort" in kind for kind in kinds):
        raise Mismatch("The plan of query A", expected="no Sort", found=" <- ".join(kinds))


@check(points=3)
def by_email(ctx):
    """Query B finds the parcels of an address by an index."""
    _demand_index(ctx, "of an address", "lower(email)")


@check(points=2, after=[by_customer])
def nothing_useless(ctx):
    """There is no index that neither of the two queries uses."""
    used = {node.get("Index Name") for nodes in _plans(ctx).values() for node in nodes}
    for (name,) in ctx.rows(
        "select relname from pg_index join pg_class c on c.oid = indexrelid"
        " where indrelid = 'public.parcels'::regclass and not indisprimary order by 1"
    ):
        if name not in used:
            raise Mismatch("The indexes of parcels", expected="only those that A or B uses", found=name)


@check(points=1)
def before_and_after(ctx):
    """A plan was shown that reads all of `parcels`, and later one that goes by an index."""
    scan = re.search(r"Seq Scan", ctx.output)
    if scan is None:
        raise Missing("A plan with Seq Scan, from before the index,")
    if not re.search(r"(Index|Index Only|Bitmap Index) Scan", ctx.output[scan.end() :]):
        raise Missing("A plan that goes by an index, after that,")

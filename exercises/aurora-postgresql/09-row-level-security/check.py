"""Checks of roles and row-level security: each user tries for themselves. The deals vary with the seed."""

import random
from contextlib import contextmanager

from sandbox.grading import Mismatch, Missing, check

GROUPS = ("sales_staff", "sales_management")
STAFF = ("mitchell", "blythe")
PERSONS = (*STAFF, "kowalczyk")
TERRITORIES = ("Northeast", "Southwest", "Central", "Northwest", "Southeast")
REFUSED = "42501"


def prepare(ctx):
    """Deals of three people, one of whom has no user yet, in a table of the learner."""
    from psycopg2.extras import execute_values

    draw = random.Random(ctx.seed)
    reps = [*STAFF, "carson"]
    deals = [
        (
            number,
            reps[n] if n < len(reps) else draw.choice(reps),
            draw.choice(TERRITORIES),
            draw.randint(1000, 9999999) / 100,
            f"call again in week {draw.randint(1, 52)}",
        )
        for n, number in enumerate(draw.sample(range(1000, 9999), draw.randint(40, 60)))
    ]
    ctx.rows(
        "create table deals (dealid int primary key, rep text not null, territory text not null,"
        " amount numeric(12, 2) not null, note text)"
    )
    with ctx.connection.cursor() as cursor:
        execute_values(cursor, "insert into deals values %s", deals)
    ctx.rows(f"alter table deals owner to {ctx.learner.user}")
    return {"deals": deals}


@contextmanager
def _as(ctx, user):
    """A transaction of that user which leaves nothing. Yields a function that tries a statement: its rows (an
    empty one for each row that was only written), or the code of the error with which it was refused.

    It is reached from a session of the learner, whose functions a policy or a trigger may run: from one of
    the administrator they could take the administrator's rights."""
    with ctx.trial(f"Working as {user}", role=user) as learner:

        def tried(statement, params=None):
            found = learner.tried(statement, params)
            return found.pgcode if isinstance(found, Exception) else found or [()] * learner.touched

        yield tried


def _seen(found, what):
    if isinstance(found, str):
        raise Mismatch(what, expected="rows", found=f"an error, {found}")
    return found


def _demand_refused(found, what):
    # Whoever may try and reaches no row has been kept out as well.
    if isinstance(found, list) and found:
        raise Mismatch(what, expected="refused", found="done")
    if isinstance(found, str) and found != REFUSED:
        raise Mismatch(what, expected="refused for lack of rights", found=f"an error, {found}")


def _demand_done(found, rows, what):
    done = len(_seen(found, what))
    if done != rows:
        raise Mismatch(what, expected=f"{rows} rows", found=f"{done} rows")


def _demand_rights(ctx):
    """Without the roles nobody can try anything."""
    for name in (*GROUPS, *PERSONS, "auditor"):
        if not ctx.rows("select 1 from pg_roles where rolname = %s", [name]):
            raise Missing(f"The role {name}")


@check(points=2)
def hierarchy(ctx):
    """There are two groups and four users, and they are members of each other as asked for."""
    _demand_rights(ctx)
    login = dict(ctx.rows("select rolname, rolcanlogin from pg_roles"))
    for name in GROUPS:
        if login[name]:
            raise Mismatch(f"The group {name}", expected="cannot log in", found="can log in")
    for name in (*PERSONS, "auditor"):
        if not login[name]:
            raise Mismatch(f"The user {name}", expected="can log in", found="cannot log in")
    wanted = {
        ("sales_management", "sales_staff"): True,
        ("mitchell", "sales_staff"): True,
        ("blythe", "sales_staff"): True,
        ("kowalczyk", "sales_management"): True,
        ("mitchell", "sales_management"): False,
        ("blythe", "sales_management"): False,
        ("auditor", "sales_staff"): False,
    }
    for (member, group), is_member in wanted.items():
        found = ctx.scalar("select pg_has_role(%s, %s, 'usage')", [member, group])
        if found != is_member:
            raise Mismatch(
                f"{member}, as to {group}",
                expected="a member" if is_member else "no member",
                found="a member" if found else "no member",
            )


@check(points=1, after=[hierarchy])
def by_group(ctx):
    """The rights on `deals` belong to the groups; the three persons have them as members only."""
    direct = ctx.rows(
        "select distinct pg_get_userbyid(a.grantee) from pg_class c, aclexplode(c.relacl) a"
        " where c.oid = 'public.deals'::regclass and a.grantee <> 0"
        " union select distinct pg_get_userbyid(a.grantee) from pg_attribute t, aclexplode(t.attacl) a"
        " where t.attrelid = 'public.deals'::regclass and a.grantee <> 0"
    )
    named = sorted({name for (name,) in direct} & set(PERSONS))
    if named:
        raise Mismatch("Persons who were granted rights directly", expected="none", found=", ".join(named))
    if not {name for (name,) in direct} & set(GROUPS):
        raise Missing("A right of a group on deals")


@check(points=3, after=[hierarchy])
def own_rows(ctx):
    """`mitchell` and `blythe` see all of their own deals, and no others."""
    for name in STAFF:
        with _as(ctx, name) as tried:
            found = _seen(tried("select dealid from deals"), f"What {name} reads")
        own = sorted(((deal[0],) for deal in ctx.given["deals"] if deal[1] == name), key=str)
        if sorted(found, key=str) != own:
            raise Mismatch(f"The number of deals that {name} sees", expected=len(own), found=len(found))


@check(points=3, after=[hierarchy])
def own_name(ctx):
    """They insert and change deals in their own name, and cannot put one in somebody else's name."""
    insert = "insert into deals values (%s, %s, 'Central', 10, '')"
    raised = "update deals set amount = amount + 1 where rep = %s"
    for name, other in zip(STAFF, STAFF[::-1], strict=True):
        own = sum(deal[1] == name for deal in ctx.given["deals"])
        with _as(ctx, name) as tried:
            _demand_done(tried(raised, [name]), own, f"A change by {name} of their deals")
            _demand_done(tried(insert, [1, name]), 1, f"A new deal of {name}")
            _demand_refused(tried(insert, [2, other]), f"A deal that {name} inserts in the name of {other}")
            given = tried("update deals set rep = %s where rep = %s", [other, name])
            _demand_refused(given, f"Deals that {name} gives to {other}")


@check(points=1, after=[hierarchy])
def no_delete(ctx):
    """Nobody of the staff can delete a deal."""
    for name in PERSONS:
        with _as(ctx, name) as tried:
            _demand_refused(tried("delete from deals"), f"A deletion by {name}")


@check(points=2, after=[hierarchy])
def managed(ctx):
    """`kowalczyk` sees all deals, and inserts and changes those of others."""
    with _as(ctx, "kowalczyk") as tried:
        found = _seen(tried("select dealid from deals"), "What kowalczyk reads")
        if len(found) != len(ctx.given["deals"]):
            raise Mismatch(
                "The number of deals that kowalczyk sees", expected=len(ctx.given["deals"]), found=len(found)
            )
        many = sum(deal[1] == "blythe" for deal in ctx.given["deals"])
        given = tried("update deals set rep = 'mitchell' where rep = 'blythe'")
        _demand_done(given, many, "Deals of blythe that kowalczyk gives to mitchell")
        made = tried("insert into deals values (1, 'blythe', 'Central', 10, '')")
        _demand_done(made, 1, "A deal that kowalczyk inserts for blythe")


@check(points=2, after=[hierarchy])
def audited(ctx):
    """`auditor` reads number, territory and amount of all deals, no other column, and changes nothing."""
    with _as(ctx, "auditor") as tried:
        found = _seen(tried("select dealid, territory, amount from deals"), "What auditor reads")
        if len(found) != len(ctx.given["deals"]):
            raise Mismatch(
                "The number of deals that auditor sees", expected=len(ctx.given["deals"]), found=len(found)
            )
        for column in ("note", "rep"):
            _demand_refused(tried(f"select {column} from deals"), f"The column {column}, read by auditor")
        _demand_refused(tried("update deals set amount = 0"), "A change by auditor")
        made = "insert into deals (dealid, territory, amount, rep) values (1, 'Central', 10, 'auditor')"
        _demand_refused(tried(made), "A new deal by auditor")

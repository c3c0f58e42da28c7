"""Checks of what each role sees and may do: each really logs in. Branches and claims vary with the seed."""

import random
import secrets

from sandbox.grading import Mismatch, Missing, check

BRANCHES = ("Bergen", "Gdansk", "Haarlem", "Lyon", "Porto", "Turku")
CLERKS = ("clerk_anna", "clerk_bela")
NEWCOMER, STRANGER = "clerk_carl", "clerk_nobody"
TABLES = """
    create table claims (
      claimid int primary key, branch text not null, amount numeric not null, open boolean not null
    );
    create table staff (role name primary key, branch text not null);
    create view open_claims as select claimid, branch, amount from claims where open;
"""
ROWS = "select claimid, branch, amount, open from public.claims"


def prepare(ctx):
    """Claims of three branches, two clerks, an auditor; another branch waits for a clerk who joins later."""
    draw = random.Random(ctx.seed)
    branches = draw.sample(BRANCHES, 3)
    learner = ctx.learner.user
    passwords = {role: secrets.token_hex(12) for role in (*CLERKS, NEWCOMER, STRANGER, "auditor")}
    ctx.rows(TABLES)
    for role in (*CLERKS, "auditor"):
        ctx.rows(f"create role {role} login password '{passwords[role]}'")
        ctx.rows(f"grant select on claims, staff, open_claims to {role}")
    ctx.rows(f"grant insert, update, delete on claims to {', '.join(CLERKS)}")
    claims = {n: (draw.choice(branches), draw.random() < 0.4) for n in draw.sample(range(1000, 9999), 40)}
    for at, branch in enumerate(branches):  # each has an open one and a closed one at least
        claims |= {100 + at: (branch, True), 200 + at: (branch, False)}
    values = ", ".join(f"({n}, '{branch}', {n % 77}, {is_open})" for n, (branch, is_open) in claims.items())
    ctx.rows(f"insert into claims values {values}")
    staff = dict(zip(CLERKS, branches, strict=False))
    for role, branch in staff.items():
        ctx.rows("insert into staff values (%s, %s)", [role, branch])
    ctx.rows(
        f"alter table claims owner to {learner}; alter table staff owner to {learner};"
        f" alter view open_claims owner to {learner}"
    )
    return {
        "claims": claims,
        "staff": staff,
        "later": branches[2],
        "passwords": passwords,
        "rows": sorted(ctx.rows(ROWS)),
    }


def _acting(ctx, role):
    """A transaction of a role, which logs in. What the learner wrote never runs as the administrator."""
    if role == ctx.learner.user:
        return ctx.trial(f"What {role} asks for")
    return ctx.trial(f"What {role} asks for", role=role, password=ctx.given["passwords"][role])


def _claims(ctx, branch, *, only_open=False):
    """The ids of claims of a branch, or of all when it is None."""
    return {
        number
        for number, (its, is_open) in ctx.given["claims"].items()
        if branch in (None, its) and (is_open or not only_open)
    }


def _whole(ctx):
    """The claims must be what they were: whoever deletes the others' rows sees only the own ones, too."""
    kind = ctx.scalar("select relkind from pg_class where oid = to_regclass('public.claims')")
    if kind not in (None, "r", "p"):
        raise Mismatch("claims", expected="a table", found="something else of that name")
    if kind is None:
        raise Missing("Table claims")
    with ctx.trial("Reading claims as they were") as learner:
        # Policies may bind the owner as well.
        learner("alter table public.claims disable row level security")
        rows = learner(ROWS)
    if sorted(rows, key=str) != sorted(ctx.given["rows"], key=str):
        raise Mismatch("The rows of claims", expected="as they were", found="changed")


def _sees(ctx, role, expected, *, source="claims"):
    with _acting(ctx, role) as asked:
        found = {number for (number,) in asked(f"select claimid from {source}")}
    if found - expected:
        raise Mismatch(
            f"Claims that {role} should not see in {source}", expected=0, found=len(found - expected)
        )
    if expected - found:
        raise Mismatch(f"Claims that {role} sees in {source}", expected=len(expected), found=len(found))


@check(points=3)
def sees_own(ctx):
    """A clerk sees, changes and deletes the claims of the own branch, and no others."""
    _whole(ctx)
    for role, branch in ctx.given["staff"].items():
        own = _claims(ctx, branch)
        _sees(ctx, role, own)
        for statement in (
            "update claims set amount = 1 returning claimid",
            "delete from claims returning claimid",
        ):
            with _acting(ctx, role) as asked:
                touched = {number for (number,) in asked(statement)}
            if touched != own:
                verb = statement.split()[0]
                raise Mismatch(f"Claims that {role} can {verb}", expected=len(own), found=len(touched))


@check(points=3)
def writes_own(ctx):
    """A clerk inserts claims for the own branch; for another, or moving one there, is refused."""
    _whole(ctx)
    for role, branch in ctx.given["staff"].items():
        insert = "insert into claims values (1, %s, 10, true)"
        with _acting(ctx, role) as asked:
            asked(insert, [branch])
        move = f"update claims set branch = %s where claimid = {min(_claims(ctx, branch))}"
        for what, statement in (("inserting into", insert), ("moving a claim to", move)):
            if not _refused(ctx, role, statement, [ctx.given["later"]]):
                raise Mismatch(f"{role}: {what} another branch", expected="refused", found="done")


def _refused(ctx, role, statement, params):
    """Whether the server refuses it, or does it to no row."""
    with _acting(ctx, role) as asked:
        return isinstance(asked.tried(statement, params), Exception) or asked.touched == 0


@check(points=2, after=[sees_own])
def auditor_reads(ctx):
    """`auditor` sees the claims of all branches, and changes none."""
    _sees(ctx, "auditor", _claims(ctx, None))
    for statement in ("update claims set amount = %s", "insert into claims values (1, %s, 1, true)"):
        if not _refused(ctx, "auditor", statement, ["1"]):
            raise Mismatch("auditor: a change of claims", expected="refused", found="done")


@check(points=3, after=[sees_own])
def view_too(ctx):
    """Through `open_claims` each sees the open claims of the same rows."""
    for role, branch in ctx.given["staff"].items():
        _sees(ctx, role, _claims(ctx, branch, only_open=True), source="open_claims")
    _sees(ctx, "auditor", _claims(ctx, None, only_open=True), source="open_claims")


@check(points=3, after=[sees_own])
def newcomer(ctx):
    """By a row in `staff` a clerk who joins later sees just the own branch; without one, nothing."""
    branch, roles = ctx.given["later"], f"{NEWCOMER}, {STRANGER}"
    for role in (NEWCOMER, STRANGER):
        ctx.rows(f"create role {role} login password '{ctx.given['passwords'][role]}'")
    try:
        ctx.rows(f"grant select on public.claims, public.staff to {roles}")
        with _acting(ctx, ctx.learner.user) as asked:
            asked("insert into staff values (%s, %s)", [NEWCOMER, branch])
            asked("commit")
        _sees(ctx, NEWCOMER, _claims(ctx, branch))
        _sees(ctx, STRANGER, set())
    finally:
        ctx.rows(f"drop owned by {roles}; drop role {roles}")
        with _acting(ctx, ctx.learner.user) as asked:
            asked("delete from staff where role = %s", [NEWCOMER])
            asked("commit")

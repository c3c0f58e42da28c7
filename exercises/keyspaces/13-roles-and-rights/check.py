"""Checks of roles and rights: anna and ben log in and try. The rows vary with the seed."""

import random
import secrets
from dataclasses import replace

from sandbox.grading import Mismatch, Missing, check

PASSWORDS = {"anna": "anna-4711", "ben": "ben-0815"}


def prepare(ctx):
    """Keyspace clinic with two tables, and the role former with rights on it."""
    draw = random.Random(ctx.seed)
    run, learner = ctx.connection.execute, ctx.learner.user
    run("CREATE KEYSPACE clinic WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    run("CREATE TABLE clinic.visits (visit_id int PRIMARY KEY, patient text)")
    run("CREATE TABLE clinic.salaries (person text PRIMARY KEY, salary int)")
    run(f"GRANT ALL PERMISSIONS ON KEYSPACE clinic TO {learner}")
    visit = draw.randrange(1000, 10000)
    run("INSERT INTO clinic.visits (visit_id, patient) VALUES (%s, 'Kim Abercrombie')", (visit,))
    run("INSERT INTO clinic.salaries (person, salary) VALUES ('anna', %s)", (draw.randrange(3000, 5000),))
    run(f"CREATE ROLE former WITH PASSWORD = '{secrets.token_hex(8)}' AND LOGIN = true")
    run("GRANT SELECT ON KEYSPACE clinic TO former")
    table, right = draw.choice(["visits", "salaries"]), draw.choice(["SELECT", "MODIFY"])
    run(f"GRANT {right} ON TABLE clinic.{table} TO former")
    run(f"GRANT ALTER ON ROLE former TO {learner}")
    return {"visit": visit, "free": visit + 1}


def _role(ctx, role):
    """Whether a role can log in, whether it is a superuser, and the roles that it belongs to."""
    rows = ctx.rows(
        "SELECT can_login, is_superuser, member_of FROM system_auth.roles WHERE role = %s", (role,)
    )
    if not rows:
        raise Missing(f"Role {role}")
    login, superuser, member_of = rows[0]
    return login, superuser, set(member_of or ())


def _rights(ctx, role):
    """The rights given to a role itself, by resource."""
    rows = ctx.rows("SELECT resource, permissions FROM system_auth.role_permissions WHERE role = %s", (role,))
    return {resource: set(permissions) for resource, permissions in rows if permissions}


def _tries(ctx, role, statements):
    """Log in as a role and try some statements: whether each was let through."""
    from cassandra import Unauthorized
    from cassandra.cluster import NoHostAvailable

    from sandbox.engines.cassandra_driver import session

    _role(ctx, role)
    for table in ("visits", "salaries"):
        if not ctx.rows(
            "SELECT id FROM system_schema.tables WHERE keyspace_name = 'clinic' AND table_name = %s", (table,)
        ):
            raise Missing(f"Table clinic.{table}")
    endpoint = replace(ctx.learner, user=role, password=PASSWORDS[role], database="")
    allowed = {}
    try:
        with session(endpoint) as made:
            for what, statement in statements.items():
                try:
                    made.execute(statement)
                    allowed[what] = True
                except Unauthorized:
                    allowed[what] = False
    except NoHostAvailable:
        found = "refused with the password asked for"
        raise Mismatch(f"Logging in as {role}", expected="let in", found=found) from None
    return allowed


def _may(ctx, role, wanted):
    visit, free = ctx.given["visit"], ctx.given["free"]
    tried = _tries(
        ctx,
        role,
        {
            "reading visits": f"SELECT * FROM clinic.visits WHERE visit_id = {visit}",
            "inserting into visits": f"INSERT INTO clinic.visits (visit_id, patient) VALUES ({free}, 'x')",
            "deleting from visits": f"DELETE FROM clinic.visits WHERE visit_id = {free}",
            "reading salaries": "SELECT * FROM clinic.salaries",
            "changing salaries": "UPDATE clinic.salaries SET salary = 1 WHERE person = 'nobody'",
        },
    )
    for what, allowed in tried.items():
        if allowed != (what in wanted):
            said = {True: "allowed", False: "refused"}
            raise Mismatch(f"As {role}, {what}", expected=said[not allowed], found=said[allowed])


def _no_more(ctx, role, wanted):
    """No right beyond reading and writing, which no trying would show without harm."""
    for holder in (role, *sorted(_role(ctx, role)[2])):
        for resource, rights in _rights(ctx, holder).items():
            if rights - wanted:
                what = f"Rights of {role} on {resource}"
                raise Mismatch(what, expected=sorted(wanted), found=sorted(rights))


@check(points=1)
def group(ctx):
    """The role `staff` is there and cannot log in."""
    login, superuser, _ = _role(ctx, "staff")
    if login or superuser:
        raise Mismatch("Whether staff can log in", expected=False, found=True)


@check(points=3)
def anna(ctx):
    """Logged in, anna can read and write `visits`, cannot get at `salaries`, and has no further rights."""
    _may(ctx, "anna", {"reading visits", "inserting into visits", "deleting from visits"})
    _no_more(ctx, "anna", {"SELECT", "MODIFY"})


@check(points=2)
def ben(ctx):
    """Logged in, ben can read `visits`, and can neither write it nor get at `salaries`."""
    _may(ctx, "ben", {"reading visits"})
    _no_more(ctx, "ben", {"SELECT"})


@check(points=2, after=[group])
def through_staff(ctx):
    """Both belong to `staff`, which may read `visits`; ben has no right of his own."""
    for role in ("anna", "ben"):
        if "staff" not in _role(ctx, role)[2]:
            raise Missing(f"staff among the roles of {role}")
    own = _rights(ctx, "ben")
    if own:
        raise Mismatch(
            "Rights given to ben himself", expected={}, found={k: sorted(v) for k, v in own.items()}
        )
    if not any("SELECT" in rights for rights in _rights(ctx, "staff").values()):
        raise Missing("The right of staff to read")


@check(points=2)
def former_out(ctx):
    """The role `former` is still there, cannot log in, and has no rights and no other roles left."""
    login, _, member_of = _role(ctx, "former")
    if login:
        raise Mismatch("Whether former can log in", expected=False, found=True)
    rights = _rights(ctx, "former")
    if rights or member_of:
        raise Mismatch(
            "Resources on which former has rights", expected=[], found=sorted({*rights, *member_of})
        )

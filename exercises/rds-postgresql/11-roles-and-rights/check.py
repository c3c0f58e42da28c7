"""Checks of rights: each is tried in the role itself, in transactions that are rolled back.

The way into the roles is the learner's connection, so that no trigger or function of a learner ever runs with
the rights of the administrator."""

import time
from contextlib import ExitStack, closing

from sandbox.grading import Mismatch, Missing, check

PASSWORD, MOST = "Heron-Lake-42", 3
MAKE = """
    create schema desk;
    create table desk.clients (clientid serial primary key, name text, city text, email text, card text);
    create table desk.tickets (ticketid serial primary key, clientid int, subject text, opened date);
    insert into desk.clients (name, city, email, card) values
      ('Catherine Abel', 'Lyon', 'catherine@example.com', '4000 1234'),
      ('Kim Abercrombie', 'Graz', 'kim@example.com', '4000 5678');
    insert into desk.tickets (clientid, subject, opened) values (1, 'Parcel is late', '2014-05-01');
    alter schema desk owner to {learner};
    alter table desk.clients owner to {learner};
    alter table desk.tickets owner to {learner};
"""
READS = {
    "the tickets": "select ticketid, clientid, subject, opened from desk.tickets",
    "the names and cities of clients": "select clientid, name, city from desk.clients",
}
SECRETS = {
    "the e-mail addresses of clients": "select email from desk.clients",
    "the cards of clients": "select name from desk.clients where card like '4000%'",
    "all columns of clients": "select * from desk.clients",
}
CHANGES = {
    "inserting a ticket": "insert into desk.tickets (clientid, subject) values (1, 'new')",
    "updating a ticket": "update desk.tickets set subject = 'changed'",
    "inserting a client": "insert into desk.clients (name, city) values ('John Doe', 'Oslo')",
    "updating a client": "update desk.clients set city = 'Oslo' where email = 'kim@example.com'",
}
LOSSES = {
    "deleting tickets": "delete from desk.tickets",
    "deleting clients": "delete from desk.clients",
    "emptying tickets": "truncate desk.tickets",
    "dropping tickets": "drop table desk.tickets",
    "creating a table": "create table desk.mine (id int)",
}


def prepare(ctx):
    """The schema with its two tables, owned by the learner."""
    ctx.rows(MAKE.format(learner=ctx.learner.user))


def _demand_role(ctx, name):
    if not ctx.scalar("select 1 from pg_roles where rolname = %s", [name]):
        raise Missing(f"Role {name}")
    for table in ("clients", "tickets"):
        if not ctx.scalar("select to_regclass(%s)", [f"desk.{table}"]):
            raise Missing(f"Table desk.{table}")


def _acting(ctx, role, before=""):
    """A transaction of a role; anna logs in, the others cannot. ``before`` is done by the learner."""
    what = f"Working as {role}"
    if role == "anna":
        return ctx.trial(what, role=role, password=PASSWORD)
    return ctx.trial(what, role=role, before=before)


def _may(ctx, role, trials, before=""):
    with _acting(ctx, role, before) as tries:
        for what, statement in trials.items():
            refused = tries.tried(statement)
            if isinstance(refused, Exception):
                raise Mismatch(f"{role}: {what}", expected="works", found=refused.diag.message_primary)


def _may_not(ctx, role, trials, before=""):
    with _acting(ctx, role, before) as tries:
        for what, statement in trials.items():
            if not isinstance(tries.tried(statement), Exception):
                raise Mismatch(f"{role}: {what}", expected="refused", found="works")


@check(points=3)
def reporting_reads(ctx):
    """`reporting` reads tickets and three columns of clients, and no others; it changes nothing."""
    _demand_role(ctx, "reporting")
    _may(ctx, "reporting", READS)
    _may_not(ctx, "reporting", {**SECRETS, **CHANGES, **LOSSES})


@check(points=3)
def application_writes(ctx):
    """`desk_app` reads, inserts and updates in both tables, and does not delete."""
    _demand_role(ctx, "desk_app")
    _may(ctx, "desk_app", {**READS, **SECRETS, **CHANGES})
    _may_not(ctx, "desk_app", LOSSES)


@check(points=2, after=[reporting_reads])
def anna_logs_in(ctx):
    """`anna` logs in, three times at most, to do what `reporting` may; `reporting` itself cannot log in."""
    import psycopg2

    _demand_role(ctx, "anna")
    with ExitStack() as opened:
        for number in range(1, MOST + 2):
            try:
                connection = psycopg2.connect(
                    host=ctx.learner.host,
                    port=ctx.learner.port,
                    user="anna",
                    password=PASSWORD,
                    dbname=ctx.learner.database,
                    connect_timeout=60,
                )
                opened.enter_context(closing(connection))
            except psycopg2.OperationalError as problem:
                if number > MOST:
                    break
                said = str(problem).strip().splitlines()[-1].rpartition("FATAL:")[2].strip()
                raise Mismatch(f"Connection {number} of anna", expected="open", found=said) from problem
        else:
            raise Mismatch("Connections of anna at a time", expected=MOST, found=f"more than {MOST}")
    # A session that was closed counts until its process is gone.
    _until(lambda: not ctx.scalar("select count(*) from pg_stat_activity where usename = 'anna'"))
    _may(ctx, "anna", READS)
    _may_not(ctx, "anna", {**SECRETS, **CHANGES, **LOSSES})
    if ctx.scalar("select rolcanlogin from pg_roles where rolname = 'reporting'"):
        raise Mismatch("reporting", expected="cannot log in", found="can log in")


def _until(true, seconds=60.0):
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        time.sleep(0.02)


@check(points=3)
def later_tables(ctx):
    """In a table that you create later `reporting` reads, and `desk_app` reads, inserts and updates."""
    for role in ("reporting", "desk_app"):
        _demand_role(ctx, role)
    before = (
        "create table desk.later_added (id serial primary key, note text);"
        " insert into desk.later_added (note) values ('first')"
    )
    reads = {"reading a table made later": "select id, note from desk.later_added"}
    writes = {
        "inserting into a table made later": "insert into desk.later_added (note) values ('second')",
        "updating a table made later": "update desk.later_added set note = 'changed' where id = 1",
    }
    deletes = {"deleting from a table made later": "delete from desk.later_added"}
    _may(ctx, "reporting", reads, before)
    _may_not(ctx, "reporting", {**writes, **deletes}, before)
    _may(ctx, "desk_app", {**reads, **writes}, before)
    _may_not(ctx, "desk_app", deletes, before)

"""Checks of users and rights: each is tried as the user, over TLS, in transactions that are rolled back."""

import secrets
import time
from contextlib import ExitStack, contextmanager

from sandbox.grading import Mismatch, Missing, check

DATABASE, MOST, DAYS = "desk", 3, 90
PASSWORDS = {"desk_app": "Otter-Bridge-77", "anna": "Heron-Lake-42"}
TOO_MANY = 1226
MAKE = (
    "create database desk",
    "create table desk.clients (clientid int auto_increment primary key, name varchar(50), city varchar(50),"
    " email varchar(50), card varchar(50))",
    "create table desk.tickets (ticketid int auto_increment primary key, clientid int, subject varchar(100),"
    " opened date)",
    "insert into desk.clients (name, city, email, card) values"
    " ('Catherine Abel', 'Lyon', 'catherine@example.com', '4000 1234'),"
    " ('Kim Abercrombie', 'Graz', 'kim@example.com', '4000 5678')",
    "insert into desk.tickets (clientid, subject, opened) values (1, 'Parcel is late', '2014-05-01')",
)
READS = {
    "reading tickets": "select ticketid, clientid, subject, opened from tickets",
    "reading names and cities of clients": "select clientid, name, city from clients",
}
SECRETS = {
    "reading e-mail addresses of clients": "select email from clients",
    "finding clients by their cards": "select name from clients where card like '4000%'",
}
CHANGES = {
    "inserting a ticket": "insert into tickets (clientid, subject) values (1, 'new')",
    "updating a ticket": "update tickets set subject = 'changed'",
    "inserting a client": "insert into clients (name, city) values ('John Doe', 'Oslo')",
    "updating a client": "update clients set city = 'Oslo' where email = 'kim@example.com'",
}
LOSSES = {
    "deleting tickets": "delete from tickets",
    "deleting clients": "delete from clients",
    "altering a table": "alter table tickets comment 'mine'",
    "creating a table": "create table mine (id int)",
    "creating a user": "create user desk_guest",
}


def prepare(ctx):
    """The database with its two tables, and the account of one who has left."""
    for statement in MAKE:
        ctx.rows(statement)
    password = secrets.token_hex(12)
    ctx.rows("create user intern@'%%' identified by %s", [password])
    ctx.rows("grant select on desk.* to intern@'%'")
    return {"intern": password}


def _account(ctx, user, role=False):
    """For how many days an account's password holds (0: no limit), and whether the account is locked."""
    import json

    if "mariadb" in ctx.scalar("select version()").lower():
        found = ctx.rows(
            "select priv from mysql.global_priv where user = %s and host = %s", [user, "" if role else "%"]
        )
        kept = json.loads(found[0][0]) if found else {}
        days, locked = kept.get("password_lifetime", -1), kept.get("account_locked", False)
    else:
        # There a role is an account like others.
        found = ctx.rows(
            "select password_lifetime, account_locked from mysql.user where user = %s and host = '%%'", [user]
        )
        days, locked = (found[0][0], found[0][1] == "Y") if found else (None, False)
    if not found:
        raise Missing(f"{'Role' if role else 'User'} {user}" + ("" if role else ", from any host"))
    return max(days or 0, 0), locked


def _open(ctx, user, password, *, encrypted=True):
    """A connection, not in autocommit mode; the driver's error when it is refused."""
    import ssl

    import pymysql

    # Whose certificate it is does not matter here, only that the connection is encrypted.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    how = {"ssl": tls} if encrypted else {"ssl_disabled": True}
    return pymysql.connect(
        host=ctx.endpoint.host,
        port=ctx.endpoint.port,
        user=user,
        password=password,
        read_timeout=30,
        **how,
    )


@contextmanager
def _connected(ctx, user):
    """Gives the function that says why the server refuses a statement to a user; "" when it does not."""
    import pymysql

    connection = _opened(ctx, user)

    def refusal(statement, role="reporting" if user == "anna" else "none"):
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"set role {role}")
                cursor.execute(f"use {DATABASE}")
                cursor.execute(statement)
        except pymysql.err.Error as problem:
            return str(problem.args[-1])
        finally:
            connection.rollback()
        return ""

    try:
        yield refusal
    finally:
        connection.close()


def _opened(ctx, user):
    """A connection of a user over TLS. One that was closed before counts until the server has ended it."""
    import pymysql

    ends = time.monotonic() + 20
    while True:
        try:
            return _open(ctx, user, PASSWORDS[user])
        except pymysql.err.Error as problem:
            if problem.args[0] == TOO_MANY and time.monotonic() < ends:
                time.sleep(0.02)
                continue
            found = str(problem.args[-1])
            raise Mismatch(f"A connection of {user} over TLS", expected="open", found=found) from problem


def _may(ctx, user, trials):
    with _connected(ctx, user) as refusal:
        for what, statement in trials.items():
            refused = refusal(statement)
            if refused:
                raise Mismatch(f"{user}: {what}", expected="works", found=refused)


def _may_not(ctx, user, trials):
    with _connected(ctx, user) as refusal:
        for what, statement in trials.items():
            if not refusal(statement):
                raise Mismatch(f"{user}: {what}", expected="refused", found="works")


@check(points=3)
def reporting_reads(ctx):
    """With the role `reporting`, `anna` reads tickets and three columns of clients, and does nothing else."""
    _account(ctx, "reporting", role=True)
    _account(ctx, "anna")
    with _connected(ctx, "anna") as refusal:
        for what, statement in READS.items():
            if not refusal(statement, role="none"):
                raise Mismatch(f"anna without her role: {what}", expected="refused", found="works")
    _may(ctx, "anna", READS)
    _may_not(ctx, "anna", {**SECRETS, **CHANGES, **LOSSES})


@check(points=3)
def application_writes(ctx):
    """`desk_app` reads, inserts and updates in both tables; it does not delete, nor change the tables."""
    _account(ctx, "desk_app")
    _may(ctx, "desk_app", {**READS, **SECRETS, **CHANGES})
    _may_not(ctx, "desk_app", LOSSES)


@check(points=2)
def tls_demanded(ctx):
    """`desk_app` and `anna` log in over TLS, and are refused without."""
    import pymysql

    for user, password in PASSWORDS.items():
        _account(ctx, user)
        _opened(ctx, user).close()
        try:
            _open(ctx, user, password, encrypted=False).close()
        except pymysql.err.Error:
            continue
        raise Mismatch(f"A connection of {user} without TLS", expected="refused", found="open")


@check(points=2)
def anna_limited(ctx):
    """`anna` has at most 3 connections at a time, and a password that holds for 90 days."""
    import pymysql

    days, _ = _account(ctx, "anna")
    with ExitStack() as opened:
        for _ in range(MOST):
            opened.callback(_opened(ctx, "anna").close)
        try:
            opened.callback(_open(ctx, "anna", PASSWORDS["anna"]).close)
        except pymysql.err.Error as problem:
            if problem.args[0] != TOO_MANY:
                found = str(problem.args[-1])
                raise Mismatch(
                    "One connection more", expected="refused as too many", found=found
                ) from problem
        else:
            raise Mismatch("Connections of anna at a time", expected=MOST, found=f"more than {MOST}")
    if days != DAYS:
        raise Mismatch("Days that anna's password holds", expected=DAYS, found=days or "no limit")


@check(points=2)
def intern_locked(ctx):
    """The account `intern` is still there, with its rights, and nobody can log in with it."""
    import pymysql

    _, locked = _account(ctx, "intern")
    rights = ctx.rows("show grants for intern")
    if not any("SELECT" in right and DATABASE in right for (right,) in rights):
        raise Mismatch("What intern was allowed", expected="still noted", found="taken away")
    try:
        _open(ctx, "intern", ctx.given["intern"]).close()
    except pymysql.err.Error:
        if locked:
            return
        raise Mismatch("intern", expected="locked", found="refused for another reason") from None
    raise Mismatch("A login as intern", expected="refused", found="taken")

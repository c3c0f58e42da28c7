"""Checks of who was ended and who was not. Users, order and products of the sessions vary with the seed.

The sessions are real ones: the transaction at the root, two that wait in a chain, and three that disturb
nobody. They belong to accounts of the exercise, so that clearing it ends them."""

import random
import secrets
import threading
import time

from sandbox.grading import CannotTell, Mismatch, Missing, check

USERS = ("shop_checkout", "shop_import", "shop_report", "shop_returns")
BEFORE = 100
# Many products: in a small table the server would read, and so lock, all rows instead of one.
PRODUCTS = range(700, 1200)


def prepare(ctx):
    """A chain of locks: the first session is idle in its transaction, two wait one after the other."""
    draw = random.Random(ctx.seed)
    ctx.rows("create table stock (productid int primary key, pieces int not null)")
    ctx.rows("insert into stock values " + ", ".join(f"({product}, {BEFORE})" for product in PRODUCTS))
    ctx.rows("analyze table stock")
    ctx.rows("create table incident (waiting_id bigint not null, blocking_id bigint not null)")
    learner, password = ctx.learner.user, secrets.token_hex(12)
    # What the administrator of RDS has: the sight of all sessions, and mysql.rds_kill.
    mariadb = "mariadb" in ctx.scalar("select version()").lower()
    kills = "connection admin" if mariadb else "connection_admin"
    ctx.rows(f"grant process, {kills} on *.* to {learner}@'%%'", [])
    ctx.rows(f"grant select, execute on sys.* to {learner}@'%%'", [])
    if not mariadb:
        # What sys.innodb_lock_waits looks at, in the name of who asks.
        ctx.rows(f"grant select on performance_schema.* to {learner}@'%%'", [])
    ctx.rows(f"revoke all on {ctx.endpoint.database}.stock from {learner}@'%%'", [])
    for user in USERS:
        ctx.rows(f"create user {user}@'%%' identified by %s", [password])
        ctx.rows(f"grant select, update on {ctx.endpoint.database}.stock to {user}@'%%'", [])
    first, second, aside = draw.sample(PRODUCTS, 3)
    pieces = draw.sample(range(2, 40), 4)
    sessions = [_Session(ctx, user, password) for user in draw.choices(USERS, k=6)]
    # Ids of connections grow: neither the first nor the last to come is always the one that blocks.
    draw.shuffle(sessions)
    root, chain, last, harmless, reader, resting = sessions
    harmless.runs("begin", _book(aside, 1))
    root.runs("begin", _book(first, pieces[0]))
    reader.runs("select sum(pieces) from stock")
    resting.runs("begin", "select count(*) from stock")
    already = _waiting(ctx)
    chain.sends("begin", _book(second, pieces[1]), _book(first, pieces[2]), "commit")
    _demand(_until(lambda: _waiting(ctx) == already + 1))
    last.sends(_book(second, pieces[3]))
    _demand(_until(lambda: _waiting(ctx) == already + 2))
    # What tells of locks is a copy, too: whoever asks sooner is shown that of the attempt before.
    time.sleep(0.15)
    return {
        # The sessions live as long as this.
        "sessions": sessions,
        "root": root.id,
        "waits": sorted([(chain.id, root.id), (last.id, chain.id)]),
        "others": [harmless.id, reader.id, resting.id],
        "pieces": {first: BEFORE - pieces[2], second: BEFORE - pieces[1] - pieces[3]},
    }


def _book(product, pieces):
    return f"update stock set pieces = pieces - {pieces} where productid = {product}"


class _Session:
    """A session that is told what to do and is not always waited for."""

    def __init__(self, ctx, user, password):
        import pymysql

        self._connection = pymysql.connect(
            host=ctx.endpoint.host,
            port=ctx.endpoint.port,
            database=ctx.endpoint.database,
            user=user,
            password=password,
            autocommit=True,
            ssl_disabled=True,
        )
        self.id = self._connection.thread_id()

    def runs(self, *statements):
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def sends(self, *statements):
        threading.Thread(target=self._runs_or_ends, args=statements, daemon=True).start()

    def _runs_or_ends(self, *statements):
        import pymysql

        # It may be ended while it waits.
        try:
            self.runs(*statements)
        except pymysql.err.Error:
            return


def _waiting(ctx):
    # Not innodb_trx: that is a copy, which is not renewed while it is asked more often than every 0.1 s.
    return int(ctx.rows("show global status like 'Innodb_row_lock_current_waits'")[0][1])


def _demand(waits):
    if not waits:
        raise CannotTell("The sessions do not wait as they should.")


def _until(true, seconds=30.0):
    ends = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < ends:
        time.sleep(0.02)
    return found


def _alive(ctx, ids):
    there = {row[0] for row in ctx.rows("select id from information_schema.processlist")}
    return [each for each in ids if each in there]


@check(points=2)
def noted(ctx):
    """It is noted in `incident` which session waited for which."""
    import pymysql

    try:
        found = sorted(set(ctx.rows("select waiting_id, blocking_id from incident")))
    except (pymysql.err.Error, TypeError) as problem:
        raise Missing("Table incident, as it was,") from problem
    if not found:
        raise Missing("A row of incident")
    if found != ctx.given["waits"]:
        what = "The pairs (waiting, blocking) in incident"
        raise Mismatch(what, expected=ctx.given["waits"], found=found[:5], show_expected=False)


@check(points=2)
def blocker_ended(ctx):
    """The session at the root of the chain is gone."""
    if not _until(lambda: not _alive(ctx, [ctx.given["root"]]), 3.0):
        raise Mismatch("The session that blocks the others", expected="ended", found="still connected")


@check(points=3, after=[blocker_ended])
def waiting_served(ctx):
    """What the waiting sessions wanted to book is booked, and nothing else."""
    expected = ctx.given["pieces"]

    def found():
        return dict(ctx.rows("select productid, pieces from stock where pieces <> %s", [BEFORE]))

    if not _until(lambda: found() == expected, 4.0):
        if len(found()) != len(expected):
            what = "The number of products booked out of stock"
            raise Mismatch(what, expected=len(expected), found=len(found()))
        raise Mismatch("Pieces in stock", expected=expected, found=found(), show_expected=False)


@check(points=3, after=[blocker_ended])
def others_spared(ctx):
    """The sessions that block nobody are still connected."""
    others = ctx.given["others"]
    ended = len(others) - len(_alive(ctx, others))
    if ended:
        raise Mismatch("Sessions ended that blocked nobody", expected=0, found=ended)

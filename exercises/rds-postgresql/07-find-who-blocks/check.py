"""Checks of who was ended and who was not. Roles, order and products of the sessions vary with the seed.

The sessions are real ones: the transaction at the root, two that wait in a chain, and three that disturb
nobody. They belong to roles of the exercise, so that clearing it ends them."""

import random
import secrets
import select
import time

from sandbox.grading import Mismatch, Missing, check

ROLES = ("shop_checkout", "shop_import", "shop_report", "shop_returns")
PROGRAMS = ("booking", "nightly-import", "dashboard", "laptop-of-kim", "stocktaking", "mobile-app")
BEFORE = 100


def prepare(ctx):
    """A chain of locks: the first session is idle in its transaction, two wait one after the other."""
    draw = random.Random(ctx.seed)
    ctx.rows("create table stock (productid int primary key, pieces int not null)")
    ctx.rows("insert into stock select n, %s from generate_series(700, 740) n", [BEFORE])
    ctx.rows("create table incident (waiting_pid int not null, blocking_pid int not null)")
    learner, password = ctx.learner.user, secrets.token_hex(12)
    ctx.rows(f"grant select on stock to {learner}; grant all on incident to {learner}")
    ctx.rows(f"grant pg_read_all_stats, pg_signal_backend to {learner}")
    for role in ROLES:
        ctx.rows(f"create role {role} login password '{password}'; grant select, update on stock to {role}")
    first, second, aside = draw.sample(range(700, 741), 3)
    pieces = draw.sample(range(2, 40), 4)
    roles, programs = draw.choices(ROLES, k=6), draw.sample(PROGRAMS, 6)
    sessions = [_Session(ctx, *each, password) for each in zip(roles, programs, strict=True)]
    root, chain, last, harmless, reader, resting = sessions
    # The oldest transaction is not the one that blocks.
    harmless.runs(f"begin; {_book(aside, 1)}")
    root.runs(f"begin; {_book(first, pieces[0])}")
    reader.runs("select sum(pieces) from stock")
    resting.runs("begin; select count(*) from stock")
    chain.sends(f"begin; {_book(second, pieces[1])}; {_book(first, pieces[2])}; commit")
    _until(lambda: _blockers(ctx, chain) == [root.pid])
    last.sends(_book(second, pieces[3]))
    _until(lambda: _blockers(ctx, last) == [chain.pid])
    return {
        # The sessions live as long as this.
        "sessions": sessions,
        "root": root.pid,
        "waits": sorted([(chain.pid, root.pid), (last.pid, chain.pid)]),
        "others": [harmless.pid, reader.pid, resting.pid],
        "pieces": {first: BEFORE - pieces[2], second: BEFORE - pieces[1] - pieces[3]},
    }


def _book(product, pieces):
    return f"update stock set pieces = pieces - {pieces} where productid = {product}"


class _Session:
    """A session that is told what to do and is not waited for."""

    def __init__(self, ctx, role, program, password):
        import psycopg2

        self._connection = psycopg2.connect(
            host=ctx.endpoint.host,
            port=ctx.endpoint.port,
            dbname=ctx.endpoint.database,
            user=role,
            password=password,
            application_name=program,
            async_=1,
        )
        self._wait()
        self.pid = self._connection.info.backend_pid

    def runs(self, statement):
        self.sends(statement)
        self._wait()

    def sends(self, statement):
        self._cursor = self._connection.cursor()
        self._cursor.execute(statement)
        while self._connection.poll() == 2:  # more is to be written
            select.select([], [self._connection], [], 5)

    def _wait(self):
        ends = time.monotonic() + 30
        while (state := self._connection.poll()) != 0 and time.monotonic() < ends:
            ways = ([self._connection], []) if state == 1 else ([], [self._connection])
            select.select(*ways, [], 5)


def _blockers(ctx, session):
    return ctx.scalar("select pg_blocking_pids(%s)", [session.pid])


def _until(true, seconds=30.0):
    ends = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < ends:
        time.sleep(0.02)
    return found


def _alive(ctx, pids):
    there = ctx.rows("select pid from pg_stat_activity where pid = any(%s)", [pids])
    return [pid for pid in pids if (pid,) in there]


@check(points=2)
def noted(ctx):
    """It is noted in `incident` which session waited for which."""
    import psycopg2

    try:
        found = sorted(set(ctx.rows("select waiting_pid, blocking_pid from public.incident")))
    except psycopg2.Error as problem:
        raise Missing("Table incident, as it was") from problem
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
        return dict(ctx.rows("select productid, pieces from public.stock where pieces <> %s", [BEFORE]))

    if not _until(lambda: found() == expected, 4.0):
        what = "The number of products booked out of stock"
        if len(found()) != len(expected):
            raise Mismatch(what, expected=len(expected), found=len(found()))
        raise Mismatch("Pieces in stock", expected=expected, found=found(), show_expected=False)


@check(points=3, after=[blocker_ended])
def others_spared(ctx):
    """The sessions that block nobody are still connected."""
    others = ctx.given["others"]
    ended = len(others) - len(_alive(ctx, others))
    if ended:
        raise Mismatch("Sessions ended that blocked nobody", expected=0, found=ended)

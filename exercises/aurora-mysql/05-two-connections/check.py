"""Checks of what two connections saw, by a witness: triggers of the administrator's note each change, its
session and isolation level, who had read the prices in a transaction still open, and what is committed. An
auto_increment column counts the changes, because no rollback takes that back. Prices and pieces vary with the
seed."""

import random

from sandbox.grading import Mismatch, Missing, check

PRODUCT = 711
PLACES = ("Bergen", "Gent", "Graz", "Lyon", "Oslo", "Porto", "Turku")
EVENTS = ("update", "insert")
# Who has read a table keeps a lock on its shape until the transaction ends.
NOTE = (
    "insert into witness_notes (what, value, session, readers)"
    " values ('prices', new.price, connection_id(),"
    " (select group_concat(processlist_id) from performance_schema.metadata_locks"
    " join performance_schema.threads on thread_id = owner_thread_id"
    " where object_schema = 'sandbox' and object_name = 'prices' and lock_duration = 'TRANSACTION'"
    " and processlist_id <> connection_id()))"
)
# The variable tx_isolation does not say what SET TRANSACTION set for one transaction.
LEVEL = (
    "(select isolation_level from performance_schema.events_transactions_current"
    " join performance_schema.threads using (thread_id) where processlist_id = connection_id())"
)
MAKE = (
    "create table prices (productid int primary key, price int not null)",
    "create table readings (isolation varchar(20) primary key, first int not null, second int not null)",
    "create table shelves (place varchar(20) primary key, pieces int not null)",
    "create table transfers (transferid int primary key, taken_from varchar(20) not null,"
    " brought_to varchar(20) not null, pieces int not null)",
    "create table booked (transferid int primary key)",
    "create table witness_notes (number int auto_increment primary key, what varchar(20), value varchar(20),"
    " session bigint, isolation varchar(20), readers varchar(200), latest int)",
    "create table witness_tries (number int auto_increment primary key)",
    *(f"create trigger witness_{event} before {event} on prices for each row {NOTE}" for event in EVENTS),
    "create trigger witness_shelves before update on shelves for each row begin"
    " insert into witness_tries values ();"
    " insert into witness_notes (what, value, session) values ('shelves', new.place, connection_id());"
    " end",
    # What is committed shows when the row is locked; a change that is not leaves NULL.
    "create trigger witness_readings before insert on readings for each row begin"
    " declare latest, patience int;"
    " set patience = @@innodb_lock_wait_timeout, @@session.innodb_lock_wait_timeout = 0;"
    " begin declare continue handler for 1205 set latest = null;"
    " select price into latest from prices where productid = 711 lock in share mode; end;"
    " set @@session.innodb_lock_wait_timeout = patience;"
    " insert into witness_notes (what, value, session, isolation, latest)"
    f" values ('readings', new.isolation, connection_id(), {LEVEL}, latest);"
    " end",
)


def prepare(ctx):
    """The tables, with a witness at each."""
    draw = random.Random(ctx.seed)
    for statement in MAKE:
        ctx.rows(statement)
    ctx.rows("insert into prices values (%s, %s), (712, 95)", [PRODUCT, draw.randint(100, 9000)])
    here, there = draw.sample(PLACES, 2)
    pieces = {here: draw.randint(60, 200), there: draw.randint(60, 200)}
    for place, many in pieces.items():
        ctx.rows("insert into shelves values (%s, %s)", [place, many])
    moved = draw.sample(range(5, 40), 2)
    numbers = draw.sample(range(100, 1000), 2)
    for number, many, way in zip(numbers, moved, ((here, there), (there, here)), strict=True):
        ctx.rows("insert into transfers values (%s, %s, %s, %s)", [number, *way, many])
    pieces[here] += moved[1] - moved[0]
    pieces[there] += moved[0] - moved[1]
    ctx.rows("delete from witness_notes")
    return {"pieces": pieces, "numbers": sorted(numbers), "deadlocks": _deadlocks(ctx)}


def _deadlocks(ctx):
    found = ctx.rows("show global status like 'Innodb_deadlocks'")
    if found:
        return int(found[0][1])
    # MySQL has no such status.
    return ctx.scalar("select count from information_schema.innodb_metrics where name = 'lock_deadlocks'")


def _rows(ctx, statement, params=None):
    import pymysql

    try:
        return ctx.rows(statement, params)
    except pymysql.err.Error as problem:
        raise Missing(f"The tables as they were ({problem.args[-1]})") from problem


def _reading(ctx, isolation, changed):
    """The two prices noted for a level, in a transaction during which another session changed the price."""
    found = _rows(ctx, "select first, second from readings where lower(isolation) = %s", [isolation])
    if not found:
        raise Missing(f"The row '{isolation}' of readings")
    notes = _rows(
        ctx,
        "select session, lower(isolation), number, latest from witness_notes"
        " where what = 'readings' and lower(value) = %s order by number desc limit 1",
        [isolation],
    )
    if not notes:
        raise Missing(f"The row '{isolation}' of readings, inserted as it is,")
    session, really, number, latest = notes[0]
    if really != isolation:
        raise Mismatch(f"The transaction that noted '{isolation}'", expected=isolation, found=really)
    first, second = found[0]
    if (first != second) is not changed:
        said = "two different prices" if changed else "the same price twice"
        raise Mismatch(f"What A read at {isolation}", expected=said, found=f"{first}, {second}")
    others = _rows(
        ctx,
        "select value, readers from witness_notes where what = 'prices' and session <> %s and number < %s"
        " order by number desc limit 1",
        [session, number],
    )
    what = f"A change of the price by another connection, during A's transaction at {isolation}"
    if not others:
        raise Missing(what)
    if latest is None:
        raise Mismatch(what, expected="committed before A read again", found="not committed")
    if str(session) not in (others[0][1] or "").split(",") or latest == first:
        raise Mismatch(what, expected="between the two readings", found="at another time")
    if latest != first + 1 or others[0][0] != str(latest):
        raise Mismatch(f"The price after B's change at {isolation}", expected=first + 1, found=latest)


@check(points=2)
def read_committed(ctx):
    """At READ COMMITTED the second reading of the same transaction shows what B has committed in between."""
    _reading(ctx, "read committed", True)


@check(points=2)
def repeatable_read(ctx):
    """At REPEATABLE READ both readings are the same although B has committed in between."""
    _reading(ctx, "repeatable read", False)


@check(points=3)
def moved(ctx):
    """Both transfers are booked, and the shelves hold what they should: each transfer counts once."""
    booked = [number for (number,) in _rows(ctx, "select transferid from booked order by 1")]
    if booked != ctx.given["numbers"]:
        raise Mismatch("The transfers in booked", expected=ctx.given["numbers"], found=booked)
    found = dict(_rows(ctx, "select place, pieces from shelves"))
    if found != ctx.given["pieces"]:
        raise Mismatch(
            "The pieces in shelves", expected=ctx.given["pieces"], found=found, show_expected=False
        )


@check(points=4, after=[moved])
def tried_again(ctx):
    """Two connections did the transfers; InnoDB rolled one back in a deadlock, and it was done again."""
    sessions = _rows(ctx, "select distinct session from witness_notes where what = 'shelves'")
    if len(sessions) < 2:
        raise Mismatch("Connections that changed shelves", expected=2, found=len(sessions))
    deadlocks = _deadlocks(ctx) - ctx.given["deadlocks"]
    if deadlocks < 1:
        raise Mismatch("Deadlocks that InnoDB has counted", expected="at least 1", found=deadlocks)
    # Two transfers change four rows; what was rolled back and done again, one more.
    ctx.rows("insert into witness_tries values ()")
    changes = ctx.scalar("select max(number) from witness_tries") - 1
    if changes < 5:
        raise Mismatch("Changes of shelves, with those rolled back", expected="more than 4", found=changes)

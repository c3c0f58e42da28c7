"""Checks of what two connections saw, by a witness: triggers of the administrator's note of each change the
transaction, its isolation level and its snapshot. A sequence counts the tries that had to be refused, because
no rollback takes that back. Prices and pieces vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

PRODUCT, SOLD = 711, 771
BUYERS = ("Abel", "Abercrombie", "Acevedo", "Arthur", "Ault", "Berry")
STRONG = ("repeatable read", "serializable")
MAKE = """
    create table prices (productid int primary key, price numeric not null);
    create table readings (isolation text primary key, first numeric not null, second numeric not null);
    create table stock (productid int primary key, pieces int not null);
    create table waiting (buyer text primary key, productid int not null, pieces int not null);
    create table sold (buyer text primary key, pieces int not null, stock_left int not null);
    grant select, insert, update, delete on prices, readings, stock, waiting, sold to {learner};
    create table witness_notes (
      number int generated always as identity, what text, value text, session int, isolation text,
      began timestamptz, at timestamptz, xid xid8, seen pg_snapshot
    );
    create function witness_note() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    begin
      insert into public.witness_notes (what, value, session, isolation, began, at, xid, seen) values (
        tg_table_name, to_jsonb(new)->>tg_argv[0], pg_backend_pid(), current_setting('transaction_isolation'),
        now(), clock_timestamp(), pg_current_xact_id(), pg_current_snapshot()
      );
      return new;
    end $$;
    create sequence witness_last owned by witness_notes.number;
    create sequence witness_refused owned by witness_notes.number;
    create function witness_try() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    declare
      before_it xid8 := (select last_value::text::xid8 from public.witness_last where is_called);
    begin
      -- The change before this one is not in this snapshot: at these levels the server refuses.
      if before_it <> pg_current_xact_id() and pg_xact_status(before_it) <> 'aborted'
        and not pg_visible_in_snapshot(before_it, pg_current_snapshot())
        and current_setting('transaction_isolation') in ('repeatable read', 'serializable')
      then
        perform nextval('public.witness_refused');
      end if;
      perform setval('public.witness_last', pg_current_xact_id()::text::bigint);
      return null;
    end $$;
    create trigger tries before update on stock for each statement execute function witness_try();
    create trigger witness before update on prices for each row execute function witness_note('price');
    create trigger witness before insert on readings for each row execute function witness_note('isolation');
    create trigger witness before insert on sold for each row execute function witness_note('buyer');
"""


def prepare(ctx):
    """The tables, with a witness at each."""
    draw = random.Random(ctx.seed)
    price, pieces = draw.randint(100, 9000) / 10, draw.randint(60, 200)
    wanted = dict(zip(draw.sample(BUYERS, 2), draw.sample(range(5, 30), 2), strict=True))
    ctx.rows(MAKE.format(learner=ctx.learner.user))
    ctx.rows("insert into prices values (%s, %s), (712, 9.5)", [PRODUCT, price])
    ctx.rows("insert into stock values (%s, %s), (772, 40)", [SOLD, pieces])
    for buyer, many in wanted.items():
        ctx.rows("insert into waiting values (%s, %s, %s)", [buyer, SOLD, many])
    return {"price": price, "pieces": pieces, "wanted": wanted}


def _rows(ctx, statement, params=None):
    import psycopg2

    try:
        return ctx.rows(statement, params)
    except psycopg2.Error as problem:
        raise Missing(f"The tables as they were ({problem.diag.message_primary})") from problem


def _reading(ctx, isolation, changed):
    """The two prices noted for a level, in a transaction during which another session changed the price."""
    found = _rows(ctx, "select first, second from public.readings where lower(isolation) = %s", [isolation])
    if not found:
        raise Missing(f"The row '{isolation}' of readings")
    notes = _rows(
        ctx,
        "select session, isolation, number, began, seen::text from public.witness_notes"
        " where what = 'readings' and lower(value) = %s order by number desc limit 1",
        [isolation],
    )
    session, really, number, began, seen = notes[0]
    if really != isolation:
        raise Mismatch(f"The transaction that noted '{isolation}'", expected=isolation, found=really)
    first, second = (float(value) for value in found[0])
    if (first != second) is not changed:
        said = "two different prices" if changed else "the same price twice"
        raise Mismatch(f"What A read at {isolation}", expected=said, found=f"{first:g}, {second:g}")
    # The change by B: committed, in another session, before the note was made.
    others = _rows(
        ctx,
        "select value::float, at > %s, pg_visible_in_snapshot(xid, %s::pg_snapshot) from public.witness_notes"
        " where what = 'prices' and session <> %s and number < %s order by number desc limit 1",
        [began, seen, session, number],
    )
    if not others or not others[0][1] or others[0][2] is not changed:
        raise Mismatch(
            f"A change of the price by another connection, during A's transaction at {isolation}",
            expected="committed between the readings",
            found="before the transaction began" if others else "none",
        )
    if abs(others[0][0] - first - 1) > 0.001:
        what = f"The price after B had added 1 to what A read first at {isolation}"
        raise Mismatch(what, expected=f"{first + 1:g}", found=f"{others[0][0]:g}")


@check(points=2)
def read_committed(ctx):
    """At READ COMMITTED the second reading of the same transaction shows what B has committed in between."""
    _reading(ctx, "read committed", True)


@check(points=2)
def repeatable_read(ctx):
    """At REPEATABLE READ both readings are the same although B has committed in between."""
    _reading(ctx, "repeatable read", False)


@check(points=3)
def nothing_lost(ctx):
    """Both buyers have their pieces, and `stock` is less by just these."""
    wanted = ctx.given["wanted"]
    sold = dict(_rows(ctx, "select buyer, pieces from public.sold"))
    if sold != wanted:
        raise Mismatch("The sales", expected=wanted, found=sold)
    left = _rows(ctx, "select pieces from public.stock where productid = %s", [SOLD])
    expected = ctx.given["pieces"] - sum(wanted.values())
    if left != [(expected,)]:
        found = left[0][0] if left else None
        raise Mismatch(f"Pieces of {SOLD} left", expected=expected, found=found, show_expected=False)
    if expected not in (number for (number,) in _rows(ctx, "select stock_left from public.sold")):
        raise Mismatch("stock_left of the later sale", expected="what is left", found="another number")


@check(points=4, after=[nothing_lost])
def tried_again(ctx):
    """Two connections sold at REPEATABLE READ or above; one was refused, and sold again after a rollback."""
    notes = _rows(
        ctx,
        "select session, isolation from public.witness_notes where what = 'sold' and value = any(%s)",
        [list(ctx.given["wanted"])],
    )
    for _, isolation in notes:
        if isolation not in STRONG:
            raise Mismatch("The isolation of a sale", expected=" or ".join(STRONG), found=isolation)
    if len({session for session, _ in notes}) < 2:
        raise Mismatch("Connections that sold", expected=2, found=1)
    if not ctx.scalar("select is_called from public.witness_refused"):
        raise Mismatch("Sales refused because the other had changed the stock", expected=1, found=0)

"""Checks of lightweight transactions. Who holds which seat varies with the seed."""

import random

from sandbox.grading import Mismatch, check

WANTED = ("A1", "A2", "A3", "A4")
BACK = ("C1", "C2")
CODES = ("SPRING", "SUMMER", "AUTUMN")
OTHERS = ("alice", "bob", "carol", "dave", "erin", "frank")


def prepare(ctx):
    """Some of the wanted seats are taken, one of jane's is not hers, some vouchers were used meanwhile."""
    draw = random.Random(ctx.seed)
    run = ctx.connection.execute
    run("CREATE KEYSPACE theatre WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} ")
    run("CREATE TABLE theatre.seats (seat text PRIMARY KEY, holder text)")
    run("CREATE TABLE theatre.vouchers (code text PRIMARY KEY, remaining int)")
    run(f"GRANT SELECT ON KEYSPACE theatre TO {ctx.learner.user}")
    run(f"GRANT MODIFY ON KEYSPACE theatre TO {ctx.learner.user}")
    seats = {seat: draw.choice(OTHERS) for seat in draw.sample(WANTED, draw.choice([1, 2, 3]))}
    hers = draw.choice(BACK)
    seats.update({seat: "jane" if seat == hers else draw.choice(OTHERS) for seat in BACK})
    seats["B7"] = "jane"
    for seat, holder in seats.items():
        run("INSERT INTO theatre.seats (seat, holder) VALUES (%s, %s)", (seat, holder))
    used = draw.sample(CODES, draw.choice([1, 2]))
    vouchers = {code: draw.choice([1, 2, 3, 9]) if code in used else 5 for code in CODES}
    for code, remaining in vouchers.items():
        run("INSERT INTO theatre.vouchers (code, remaining) VALUES (%s, %s)", (code, remaining))
    return {"seats": seats, "vouchers": vouchers, "hers": hers}


def _holders(ctx):
    return dict(ctx.rows("SELECT seat, holder FROM theatre.seats"))


@check(points=3)
def reserved(ctx):
    """Of the seats A1 to A4 those that were free are jane's, and the others belong to whom they did."""
    before, now = ctx.given["seats"], _holders(ctx)
    for seat in WANTED:
        expected = before.get(seat, "jane")
        if now.get(seat) != expected:
            state = "which was taken" if seat in before else "which was free"
            raise Mismatch(f"The holder of seat {seat}, {state}", expected=expected, found=now.get(seat))


@check(points=3)
def vouchers(ctx):
    """A voucher of which 5 were still there has 4 left, and one that others had used is as they left it."""
    before, now = ctx.given["vouchers"], dict(ctx.rows("SELECT code, remaining FROM theatre.vouchers"))
    if set(now) != set(before):
        raise Mismatch("The codes in vouchers", expected=sorted(before), found=sorted(now))
    for code, remaining in before.items():
        expected = 4 if remaining == 5 else remaining
        if now[code] != expected:
            raise Mismatch(
                f"What remains of {code}, of which there were {remaining}", expected=expected, found=now[code]
            )


@check(points=2)
def given_back(ctx):
    """Of C1 and C2 the seat that jane held is free again, and all other seats are left alone."""
    before, now = ctx.given["seats"], _holders(ctx)
    hers = ctx.given["hers"]
    if hers in now:
        raise Mismatch(f"The holder of seat {hers}, which jane gives back", expected=None, found=now[hers])
    for seat, holder in before.items():
        if seat not in (*WANTED, hers) and now.get(seat) != holder:
            raise Mismatch(f"The holder of seat {seat}", expected=holder, found=now.get(seat))
    strange = sorted(set(now) - set(before) - set(WANTED))
    if strange:
        raise Mismatch("Seats that nobody asked for", expected=[], found=strange)


@check(points=2)
def decided_by_server(ctx):
    """The server decided about each of the nine rows, in a lightweight transaction."""
    ids = dict(ctx.rows("SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = 'theatre'"))
    decided = {(table, bytes(key)) for key, table in ctx.rows("SELECT row_key, cf_id FROM system.paxos")}
    rows = [("seats", seat) for seat in (*WANTED, *BACK)] + [("vouchers", code) for code in CODES]
    without = [f"{table}.{key}" for table, key in rows if (ids.get(table), key.encode()) not in decided]
    if without:
        raise Mismatch("Rows without a lightweight transaction", expected=[], found=without)

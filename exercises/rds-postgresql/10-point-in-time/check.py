"""Checks of the live table after a recovery elsewhere. Rows, moments and the disaster vary with the seed."""

import os
import random
import subprocess

from sandbox.grading import CannotTell, Mismatch, Missing, check


def prepare(ctx):
    """A base backup, changes, the disaster, more changes; and the archive of all the log since the backup."""
    draw = random.Random(ctx.seed)
    ctx.rows(
        "create table bookings (bookingid int primary key, customerid int not null,"
        " amount numeric(10, 2) not null, booked timestamptz not null default now())"
    )
    ctx.rows(f"grant select, insert, update, delete on bookings to {ctx.learner.user}")
    many, unlucky = draw.randint(60, 90), draw.randint(0, 2)
    book = (
        "insert into bookings (bookingid, customerid, amount)"
        " select n, 291 + n %% 7, (n * %s %% 9973) / 10.0 from generate_series(%s, %s) n"
    )
    factor = draw.choice((131, 977, 3571))
    ctx.rows(book, [factor, 1, many])
    # A smaller copy is made and unpacked sooner: this instance is for this attempt only.
    for (name,) in ctx.rows("select datname from pg_database where datname <> current_database()"):
        ctx.rows(f"alter database {name} with is_template false")
        ctx.rows(f"drop database {name} with (force)")
    # The copy is thrown away after use: nothing of it needs to reach the disk.
    ctx.rows("alter system set fsync = off")
    _base_backup(ctx)
    # After the backup, before the moment: only the log knows of it.
    ctx.rows(book, [factor, many + 1, many + 40])
    cancelled = sorted(draw.sample(range(1, many), 5))
    ctx.rows("delete from bookings where bookingid = any(%s)", [cancelled])
    ctx.rows("update bookings set amount = amount + 7.5 where bookingid > %s", [many + 20])
    before = dict(_bookings(ctx))
    moment = ctx.scalar("select clock_timestamp()::text from pg_sleep(0.005)")
    lost = f"from bookings where bookingid % 3 = {unlucky}"
    gone = sorted(number for (number,) in ctx.rows(f"select bookingid {lost}"))
    ctx.rows("select pg_sleep(0.005)")
    ctx.rows(f"delete {lost}")
    # Since then the shop went on.
    ctx.rows(book, [factor, many + 101, many + 125])
    ctx.rows("update bookings set amount = amount + 1000 where bookingid % 5 = 0")
    since = dict(_bookings(ctx))
    _archive(ctx)
    (ctx.files / "moment.txt").write_text(f"{moment}\n", encoding="utf-8")
    return {
        "before": before,
        "since": since,
        "backed": [n for n in gone if n <= many],
        "logged": [n for n in gone if n > many],
        "cancelled": cancelled,
    }


def _bookings(ctx):
    return [
        (number, values)
        for number, *values in ctx.rows("select bookingid, customerid, amount, booked from public.bookings")
    ]


def _base_backup(ctx):
    programs = os.pathsep.join(map(str, ctx.instance.place.bin))
    with (ctx.files / "base.tar").open("wb") as archive:
        done = subprocess.run(
            [
                "pg_basebackup",
                "--pgdata=-",
                "--format=tar",
                "--wal-method=fetch",
                "--checkpoint=fast",
                "--no-manifest",
                "--no-password",
                f"--host={ctx.endpoint.host}",
                f"--port={ctx.endpoint.port}",
                f"--username={ctx.endpoint.user}",
            ],
            stdout=archive,
            stderr=subprocess.PIPE,
            env={"PATH": programs, "PGPASSWORD": ctx.endpoint.password, "LANG": "C.UTF-8"},
            check=False,
        )
    if done.returncode:
        raise CannotTell(f"pg_basebackup: {done.stderr.decode(errors='replace').strip()}")


def _archive(ctx):
    """What an archive_command would have left: every segment, the last one closed."""
    folder = ctx.files / "archive"
    folder.mkdir()
    closed = ctx.scalar("select pg_walfile_name(pg_switch_wal())")
    segments = ctx.rows(
        "select name, pg_read_binary_file('pg_wal/' || name) from pg_ls_waldir()"
        " where name ~ '^[0-9A-F]{24}$' and name <= %s",
        [closed],
    )
    for name, content in segments:
        (folder / name).write_bytes(content)


def _live(ctx):
    import psycopg2

    try:
        return dict(_bookings(ctx))
    except psycopg2.Error as problem:
        raise Missing("Table bookings, as it was,") from problem


def _back(ctx, numbers, what):
    live, before = _live(ctx), ctx.given["before"]
    found = sum(number in live for number in numbers)
    if found < len(numbers):
        raise Mismatch(f"Lost bookings that are back, of those {what}", expected=len(numbers), found=found)
    for number in numbers:
        if live[number] != before[number]:
            raise Mismatch(f"Booking {number}", expected="as it was", found="with other values")


@check(points=3)
def from_the_backup(ctx):
    """The lost bookings that the base backup had are back, as they were at the moment."""
    _back(ctx, ctx.given["backed"], "made before the base backup")


@check(points=3)
def from_the_log(ctx):
    """The lost bookings that were made after the base backup are back, as they were."""
    _back(ctx, ctx.given["logged"], "made after the base backup")


@check(points=2, after=[from_the_backup])
def since_then(ctx):
    """What was booked and changed since the disaster is in the live database."""
    live = _live(ctx)
    for number, values in ctx.given["since"].items():
        if number not in live:
            raise Missing(f"Booking {number}, which the disaster had spared or which came since,")
        if live[number] != values:
            raise Mismatch(f"Booking {number}", expected="as it is since then", found="with other values")


@check(points=2, after=[from_the_backup])
def cancelled_stay_away(ctx):
    """Bookings that had been cancelled before the disaster are not there, nor any that never were."""
    known = ctx.given["before"].keys() | ctx.given["since"].keys()
    for number in sorted(_live(ctx)):
        if number in ctx.given["cancelled"]:
            raise Mismatch(f"Booking {number}", expected="cancelled", found="back again")
        if number not in known:
            raise Mismatch(f"Booking {number}", expected="none", found="a booking that nobody made")

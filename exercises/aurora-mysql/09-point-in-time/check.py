"""Checks of the live table after a recovery elsewhere. Rows and transactions vary with the seed."""

import random
import tarfile
from pathlib import Path

from sandbox.grading import Mismatch, Missing, check

# Settings that a data folder is made with, and those that keep a second server small.
SETTINGS = """\
[mariadbd]
basedir = {basedir}
lc-messages-dir = {messages}
character-sets-dir = {charsets}
innodb-data-file-path = {files}
innodb-log-file-size = {log}
innodb-undo-tablespaces = {undo}
innodb-buffer-pool-size = 24M
innodb-use-native-aio = OFF
innodb-flush-method = nosync
innodb-doublewrite = OFF
innodb-buffer-pool-load-at-startup = OFF
aria-pagecache-buffer-size = 2M
key-buffer-size = 1M
performance-schema = OFF
feedback = OFF
character-set-server = utf8mb4
collation-server = utf8mb4_0900_ai_ci
default-time-zone = +00:00
log-warnings = 1
server-id = 77
skip-log-bin
skip-networking
skip-slave-start
skip-ssl
"""
LEFT_OUT = ("binlog.", "ibtmp", "relay")


def prepare(ctx):
    """A copy of the data folder, changes, the disaster, more changes: all of it in the binary log."""
    draw = random.Random(ctx.seed)
    ctx.rows(
        "create table bookings (bookingid int primary key, customerid int not null,"
        " amount decimal(10, 2) not null, booked timestamp(6) not null default current_timestamp(6))"
    )
    learner = f"{ctx.learner.user}@'%'"
    ctx.rows(
        "grant replication slave, binlog monitor, replica monitor, replication slave admin"
        f" on *.* to {learner}"
    )
    ctx.rows(f"grant lock tables, show view, create temporary tables on sandbox.* to {learner}")
    many, divisor = draw.randint(60, 90), draw.choice((3, 4))
    unlucky, factor = draw.randrange(divisor), draw.choice((131, 977, 3571))

    def book(first, last):
        ctx.rows(
            "insert into bookings (bookingid, customerid, amount)"
            f" select seq, 291 + mod(seq, 7), mod(seq * {factor}, 9973) / 10 from seq_{first}_to_{last}"
        )

    def change(times):
        # Bookings that the disaster spares: what the copy has of the others is what is to come back.
        spared = [n for n in range(1, many + 1) if n % divisor != unlucky]
        for number in draw.sample(spared, times):
            ctx.rows(f"update bookings set amount = amount + 1 where bookingid = {number}")

    book(1, many)
    change(draw.randint(1, 4))
    _copy(ctx)
    # After the copy, before the disaster: only the log knows of it.
    book(many + 1, many + 40)
    change(draw.randint(1, 6))
    cancelled = sorted(draw.sample(range(1, many), 5))
    ctx.rows(f"delete from bookings where bookingid in ({', '.join(map(str, cancelled))})")
    if draw.random() < 0.5:
        ctx.rows("flush binary logs")
    ctx.rows(f"update bookings set amount = amount + 7.5 where bookingid > {many + 20}")
    before = _bookings(ctx)
    ctx.rows(f"DELETE FROM bookings WHERE MOD(bookingid, {divisor}) = {unlucky}")
    gone = sorted(before.keys() - _bookings(ctx).keys())
    # Since then the shop went on.
    book(many + 101, many + 125)
    if draw.random() < 0.5:
        ctx.rows("flush binary logs")
    ctx.rows("update bookings set amount = amount + 1000 where mod(bookingid, 5) = 0")
    return {
        "before": before,
        "since": _bookings(ctx),
        "backed": [n for n in gone if n <= many],
        "logged": [n for n in gone if n > many],
        "cancelled": cancelled,
    }


def _bookings(ctx):
    rows = ctx.rows("select bookingid, customerid, amount, booked from bookings")
    return {number: tuple(values) for number, *values in rows}


def _copy(ctx):
    """What the nightly routine leaves. The server rests while its folder is copied."""
    ((file, position, *_),) = ctx.rows("show master status")
    gtid, folder = ctx.scalar("select @@gtid_binlog_pos"), Path(ctx.scalar("select @@datadir"))
    names = ("basedir", "messages", "charsets", "files", "log", "undo")
    values = ctx.rows(
        "select @@basedir, @@lc_messages_dir, @@character_sets_dir, @@innodb_data_file_path,"
        " @@innodb_log_file_size, @@innodb_undo_tablespaces"
    )[0]
    settings = SETTINGS.format(**dict(zip(names, values, strict=True)))
    ctx.close()
    ctx.instance.stop()
    with tarfile.open(ctx.files / "base.tar", "w") as archive:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(LEFT_OUT):
                archive.add(path, path.name)
    ctx.instance.start()
    (ctx.files / "position.txt").write_text(f"{file}\t{position}\t{gtid}\n", encoding="utf-8")
    (ctx.files / "my.cnf").write_text(settings, encoding="utf-8")


def _live(ctx):
    import pymysql

    try:
        return _bookings(ctx)
    except pymysql.err.Error as problem:
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
    """The lost bookings that the copy had are back, as they were before the disaster."""
    _back(ctx, ctx.given["backed"], "made before the copy")


@check(points=3)
def from_the_log(ctx):
    """The lost bookings that were made after the copy are back, as they were."""
    _back(ctx, ctx.given["logged"], "made after the copy")


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

"""Checks of a cache in front of a database: what was answered, and what both servers counted.

Users and requests vary with the seed. A change may delete the key or put the new profile there: both are
right, and the number of misses lies between those of the two ways."""

import json
import random
import time

from sandbox.grading import Mismatch, Missing, check

REPORT = "cache:report"
FIRST = [("John", "Doe", 30), ("Jane", "Smith", 25)]
NAMES = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jo")
FAMILIES = ("Ault", "Berg", "Cruz", "Dahl", "Eriks", "Funk", "Grau", "Holm")
FIELDS = ("userid", "name", "age", "city")
SCANS = "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables where relname = 'profiles'"
MINUTES = 300


def prepare(ctx):
    """Profiles, and requests of which a few users make most."""
    draw, database = random.Random(ctx.seed), ctx.on("postgres")
    cities = [f"Town {number}" for number in draw.sample(range(1000, 9999), 150)]
    people = [*FIRST]
    people += [(draw.choice(NAMES), draw.choice(FAMILIES), draw.randint(18, 80)) for _ in range(78)]
    rows = {
        f"user{number}": (f"user{number}", f"{first} {last}", age, cities.pop())
        for number, (first, last, age) in enumerate(people, start=1)
    }
    columns = "userid text primary key, name text not null, age int not null, city text not null"
    values = ", ".join(f"('{user}', '{name}', {age}, '{city}')" for user, name, age, city in rows.values())
    database.rows(f"create table profiles ({columns}); insert into profiles values {values}")
    database.rows(f"grant select, update on profiles to {database.learner.user}")
    database.rows("select pg_stat_force_next_flush()")
    database.rows("select pg_stat_reset_single_table_counters('profiles'::regclass)")
    asked = ["user1", "user2", *draw.sample(sorted(rows.keys() - {"user1", "user2"}), 28)]
    draw.shuffle(asked)
    weights = [1 / place for place in range(1, len(asked) + 1)]
    requests = [{"do": "read", "user": user} for user in draw.choices(asked, weights, k=220)]
    for at in sorted(draw.sample(range(20, 220), 14), reverse=True):
        # The user who was read just before: a profile that lies in the cache changes.
        requests.insert(at, {"do": "change", "user": requests[at - 1]["user"], "city": cities.pop()})
    # The last change is followed by no read of the same user.
    requests.append({"do": "change", "user": asked[0], "city": cities.pop()})
    (ctx.files / "requests.json").write_text(json.dumps(requests, indent=1))
    return {"old": {row[3] for row in rows.values()}, **_served(rows, requests)}


def _served(rows, requests):
    """What the reads must return, the cities at the end, and how many reads miss at most and at least."""
    now = {user: dict(zip(FIELDS, row, strict=True)) for user, row in rows.items()}
    answers, misses, asked, cached = [], 0, set(), set()
    for request in requests:
        user = request["user"]
        if request["do"] == "read":
            answers.append(dict(now[user]))
            misses += user not in cached
            cached.add(user)
            asked.add(user)
        else:
            now[user]["city"] = request["city"]
            cached.discard(user)
    changes = len(requests) - len(answers)
    return {
        "answers": answers,
        "cities": {user: profile["city"] for user, profile in now.items()},
        "misses": (len(asked), misses),
        "users": asked,
        "changes": changes,
    }


def _keys(ctx):
    return {key for key in ctx.connection.scan_iter(count=1000) if key.startswith("profile:")}


def _bytes(ctx, key):
    """All that a key holds; somebody may have put there what is no text."""
    commands = {"string": ("GET", key), "hash": ("HVALS", key), "list": ("LRANGE", key, 0, -1)}
    command = commands.get(ctx.connection.type(key))
    if command is None:
        return b""
    found = ctx.connection.execute_command(*command, NEVER_DECODE=True)
    return found if isinstance(found, bytes) else b" ".join(found)


def _scans(ctx):
    """How often PostgreSQL read the table; it learns that from a session at its end."""
    import psycopg2

    database, ends = ctx.on("postgres"), time.monotonic() + 60
    gone = "select count(*) = 0 from pg_stat_activity where usename = %s"
    while not database.scalar(gone, [database.learner.user]) and time.monotonic() < ends:
        time.sleep(0.02)
    try:
        return database.scalar(SCANS)
    except psycopg2.Error as problem:
        raise Missing("Table profiles, as it was,") from problem


@check(points=3)
def answers_right(ctx):
    """Each read was answered with the profile as it was in the database at that moment."""
    path = ctx.work / "answers.json"
    if not path.is_file():
        raise Missing("The file answers.json")
    try:
        found = json.loads(path.read_text(errors="replace")[: 1 << 20])
    except ValueError:
        raise Mismatch("answers.json", expected="JSON", found="something else") from None
    expected = ctx.given["answers"]
    if not isinstance(found, list) or len(found) != len(expected):
        many = len(found) if isinstance(found, list) else type(found).__name__
        raise Mismatch("The number of answers", expected=len(expected), found=many)
    for number, (right, said) in enumerate(zip(expected, found, strict=True), start=1):
        same = isinstance(said, dict) and all(str(said.get(name)) == str(right[name]) for name in FIELDS)
        if not same:
            raise Mismatch(
                f"Answer {number}, of {right['userid']}",
                expected=right,
                found=str(said)[:120],
                show_expected=False,
            )


@check(points=3)
def database_spared(ctx):
    """PostgreSQL was asked for a profile only when the cache had none."""
    _, most = ctx.given["misses"]
    # A change reads the row once, or twice where it looks before or after.
    most += 2 * ctx.given["changes"]
    found = _scans(ctx)
    if found is None:
        raise Missing("Table profiles")
    if found > most:
        raise Mismatch("Reads of the table profiles", expected=f"at most {most}", found=found)


@check(points=2)
def hits_counted(ctx):
    """The cache was asked, and knew the profile, as often as it should."""
    reads, (_, most) = len(ctx.given["answers"]), ctx.given["misses"]
    found = ctx.connection.info("stats")["keyspace_hits"]
    if found < reads - most:
        raise Mismatch("Hits that the cache counted", expected=f"at least {reads - most}", found=found)


@check(points=2)
def expiry(ctx):
    """The profiles that were asked for, and no others, are in the cache, for five minutes."""
    keys = _keys(ctx)
    users = {key.removeprefix("profile:") for key in keys}
    # One that was changed at last may have been deleted.
    if len(users & ctx.given["users"]) < len(ctx.given["users"]) - ctx.given["changes"]:
        raise Missing("A key profile:... for each of most users who were asked for")
    if users - ctx.given["users"]:
        many = len(users - ctx.given["users"])
        raise Mismatch("Profiles in the cache that nobody asked for", expected=0, found=many)
    for key in sorted(keys):
        left = ctx.connection.ttl(key)
        if left == -1:
            raise Missing(f"The expiry of {key}")
        if left > MINUTES or -1 < left < MINUTES - 100:
            raise Mismatch(f"The seconds that {key} has left", expected=f"up to {MINUTES}", found=left)


@check(points=2)
def nothing_stale(ctx):
    """No profile in the cache is older than what the database has, and the changes are in the database."""
    import psycopg2

    cities = ctx.given["cities"]
    try:
        found = dict(ctx.on("postgres").rows("select userid, city from public.profiles"))
    except psycopg2.Error as problem:
        raise Missing("Table profiles, as it was,") from problem
    if found != cities:
        many = sum(found.get(user) != city for user, city in cities.items())
        raise Mismatch("Cities in the database that are not right", expected=0, found=many)
    keys = _keys(ctx)
    if not keys:
        raise Missing("Keys profile:... in the cache")
    for key in sorted(keys):
        user = key.removeprefix("profile:")
        if user in cities and cities[user].encode() not in _bytes(ctx, key):
            raise Mismatch(f"What the cache has of {user}", expected="the city of now", found="another one")


@check(points=2)
def report_right(ctx):
    """The report tells how many reads were hits and how many were misses, as it really was."""
    if ctx.connection.type(REPORT) != "hash":
        raise Missing(f"The hash {REPORT}")
    found = ctx.connection.hgetall(REPORT)
    for field in ("hits", "misses"):
        if not found.get(field, "").isdecimal():
            raise Missing(f"A number in the field {field} of {REPORT}")
    hits, misses = int(found["hits"]), int(found["misses"])
    reads, (least, most) = len(ctx.given["answers"]), ctx.given["misses"]
    if hits + misses != reads:
        raise Mismatch("Hits and misses of the report together", expected=reads, found=hits + misses)
    if not least <= misses <= most:
        raise Mismatch("The misses of the report", expected=most, found=misses, show_expected=False)

"""Checks of what was found by looking around. Limits, databases, keys and clients vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

POLICIES = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-ttl", "volatile-random")
NOTE = "note:keys"
PROGRAMS = ("shop", "worker")


def prepare(ctx):
    """Keys in database 0 and in three others, some with an expiry; two programs that are connected."""
    draw = random.Random(ctx.seed)
    limit, policy = draw.randint(60, 200) << 20, draw.choice(POLICIES)
    ctx.connection.config_set("maxmemory", limit)
    ctx.connection.config_set("maxmemory-policy", policy)
    numbers = [0, *draw.sample(range(1, 16), 5)]
    # The clients work where no keys are, so that no list of databases leads to the worker.
    *filled, first, second = numbers
    many = dict(zip(filled, draw.sample(range(5, 40), len(filled)), strict=True))
    expiring = 0
    for number, keys in many.items():
        pipe = ctx.connect(str(number)).pipeline(transaction=False)
        short = draw.randint(1, keys - 2)
        expiring += short
        for key in range(keys):
            pipe.set(f"item:{draw.randrange(16**6):06x}:{key}", key, ex=86400 if key < short else None)
        pipe.execute()
    # Those of another grading, which may not be gone yet, must not be taken for this one's.
    for client in ctx.connection.client_list():
        if client["name"] in PROGRAMS:
            ctx.connection.client_kill_filter(_id=client["id"])
    # Kept open until the attempt ends: the checks' own connections are closed before the answer runs.
    clients = [_client(ctx, name, at) for name, at in zip(PROGRAMS, (first, second), strict=True)]
    server = ctx.connection.info("server")
    version = server.get("valkey_version", server["redis_version"])
    return {
        "version": version,
        "limit": limit,
        "policy": policy,
        "keys": many,
        "expiring": expiring,
        "worker": second,
        "clients": clients,
    }


def _client(ctx, name, number):
    from redis import Redis

    there = ctx.endpoint
    client = Redis(there.host, there.port, number, there.password, username=there.user, client_name=name)
    client.ping()
    return client


def _finding(ctx, field):
    kind = ctx.connection.type("findings")
    if kind != "hash":
        raise Missing("The hash findings in database 0")
    found = ctx.connection.hget("findings", field)
    if found is None:
        raise Missing(f"The field {field} of findings")
    return found.strip()


def _same(ctx, field):
    found, expected = _finding(ctx, field), str(ctx.given[field])
    if found != expected:
        raise Mismatch(f"The field {field}", expected=expected, found=found[:60], show_expected=False)


@check(points=1)
def version(ctx):
    """The version of the server is noted: its own."""
    found = _finding(ctx, "version")
    if re.sub(r"(?i)^(valkey|redis)[ -]?v?", "", found) != ctx.given["version"]:
        raise Mismatch("The field version", expected="the server's", found=found[:60], show_expected=False)


@check(points=2)
def limit(ctx):
    """The limit in bytes, and what happens when it is reached, are noted."""
    for field in ("limit", "policy"):
        _same(ctx, field)


@check(points=2)
def expiring(ctx):
    """It is noted how many keys of all databases have an expiry."""
    _same(ctx, "expiring")


@check(points=2)
def worker(ctx):
    """The database of the program `worker` is noted."""
    found = _finding(ctx, "worker")
    if found.removeprefix("db") != str(ctx.given["worker"]):
        raise Mismatch(
            "The field worker", expected=ctx.given["worker"], found=found[:60], show_expected=False
        )


@check(points=3)
def databases_counted(ctx):
    """In each database that held keys, and in no other, `note:keys` is their number when you came."""
    keys = ctx.given["keys"]
    for number, many in keys.items():
        store = ctx.connect(str(number))
        if store.type(NOTE) != "string":
            raise Missing(f"The key {NOTE} in database {number}")
        found = store.get(NOTE)
        if found.strip() != str(many):
            what = f"The note in database {number}"
            raise Mismatch(what, expected=many, found=found[:60], show_expected=False)
    now = {int(name.removeprefix("db")) for name in ctx.connection.info("keyspace")}
    for number in sorted(now - keys.keys()):
        if ctx.connect(str(number)).exists(NOTE):
            raise Mismatch("Databases with a note", expected="those that held keys", found=number)

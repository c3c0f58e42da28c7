"""Checks of users, by logging in as each and trying. Names of keys and values vary with the seed."""

import random
from contextlib import contextmanager

from sandbox.grading import Mismatch, check

PASSWORDS = {"shop": "basket-2187", "report": "numbers-9051", "watch": "eyes-4410"}
FORMER = ("former", "long-ago-3306")
DANGEROUS = ("KEYS *", "FLUSHALL", "FLUSHDB", "CONFIG GET maxmemory", "ACL LIST", "ACL SETUSER shop allkeys")


def prepare(ctx):
    """Keys of three kinds, and the former user, connected."""
    draw, store = random.Random(ctx.seed), ctx.connection
    names = {kind: f"{kind}:{draw.randrange(16**6):06x}" for kind in ("cart", "stock", "user")}
    values = {"cart": str(draw.randint(1, 9)), "stock": str(draw.randint(10, 99)), "user": "Kim"}
    _fill(store, names, values)
    name, password = FORMER
    store.execute_command("ACL", "SETUSER", name, "on", f">{password}", "~*", "+@all")
    open_still = _connection(ctx, *FORMER)
    open_still.ping()
    return {"names": names, "values": values, "former": open_still}


def _fill(store, names, values):
    store.hset(names["cart"], "714", values["cart"])
    store.set(names["stock"], values["stock"])
    store.hset(names["user"], "name", values["user"])


def _filled(ctx):
    """Names and values of the keys, which are as they were whatever an earlier try has done to them."""
    import redis

    try:
        ctx.connection.flushall()
        _fill(ctx.connection, ctx.given["names"], ctx.given["values"])
    except (redis.AuthenticationError, redis.ResponseError) as problem:
        raise Mismatch("The user default", expected="as it was", found=str(problem)[:80]) from None
    return ctx.given["names"], ctx.given["values"]


def _connection(ctx, user, password):
    """A connection that logs in once and is not made anew behind our back."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    there = ctx.endpoint
    return Redis(
        there.host,
        there.port,
        username=user,
        password=password,
        decode_responses=True,
        single_connection_client=True,
        socket_timeout=60,
        retry=Retry(NoBackoff(), 0),
    )


@contextmanager
def _as(ctx, user):
    """The user's connection; Mismatch when there is no way in."""
    import redis

    connection = None
    try:
        try:
            connection = _connection(ctx, user, PASSWORDS[user])
            # The driver logs in with the first command; whether it may PING is another question.
            connection.execute_command("PING")
        except redis.exceptions.NoPermissionError:
            pass
        except (redis.AuthenticationError, redis.ResponseError) as problem:
            raise Mismatch(f"The login of {user}", expected="success", found=str(problem)[:80]) from None
        yield connection
    finally:
        if connection is not None:
            connection.close()


def _may(connection, user, *command, expected=None):
    import redis

    shown = " ".join(str(word) for word in command)
    try:
        found = connection.execute_command(*command)
    except redis.exceptions.NoPermissionError as problem:
        raise Mismatch(f"{user}: {shown}", expected="allowed", found=str(problem)[:90]) from None
    if expected is not None and found != expected:
        raise Mismatch(f"What {user} reads by {shown}", expected=expected, found=found)


def _may_not(connection, user, *command):
    """Refused for want of the right; an error of any other kind means that it was let in."""
    import redis

    shown = " ".join(str(word) for word in command)
    try:
        connection.execute_command(*command)
    except redis.exceptions.NoPermissionError:
        return
    except redis.ResponseError:
        pass
    raise Mismatch(f"{user}: {shown}", expected="refused", found="allowed")


@check(points=2)
def logins(ctx):
    """`shop`, `report` and `watch` log in with their passwords, and with no other."""
    import redis

    for user in PASSWORDS:
        with _as(ctx, user):
            pass
        other = None
        try:
            other = _connection(ctx, user, "another-one")
            other.execute_command("PING")
        except (redis.AuthenticationError, redis.ResponseError):
            continue
        finally:
            if other is not None:
                other.close()
        raise Mismatch(f"The login of {user} with a wrong password", expected="refused", found="success")


@check(points=3, after=[logins])
def shop(ctx):
    """`shop` reads and writes baskets, reads the stock and cannot write it, and sees no profiles."""
    names, values = _filled(ctx)
    cart, stock, user = names["cart"], names["stock"], names["user"]
    with _as(ctx, "shop") as connection:
        _may(connection, "shop", "HGET", cart, "714", expected=values["cart"])
        _may(connection, "shop", "HSET", f"{cart}:new", "999", 1)
        _may(connection, "shop", "EXPIRE", f"{cart}:new", 60)
        _may(connection, "shop", "DEL", f"{cart}:new")
        _may(connection, "shop", "GET", stock, expected=values["stock"])
        for command in (
            ("SET", stock, 1),
            ("DECR", stock),
            ("DEL", stock),
            ("COPY", cart, f"{stock}:copy"),
            ("HGETALL", user),
            ("HSET", user, "name", "x"),
            ("SET", "other", 1),
        ):
            _may_not(connection, "shop", *command)


@check(points=3, after=[logins])
def report(ctx):
    """`report` reads every key, and writes none."""
    names, values = _filled(ctx)
    with _as(ctx, "report") as connection:
        _may(connection, "report", "GET", names["stock"], expected=values["stock"])
        for kind, field in (("cart", "714"), ("user", "name")):
            _may(connection, "report", "HGET", names[kind], field, expected=values[kind])
        for command in (
            ("SET", names["stock"], 1),
            ("EXPIRE", names["cart"], 60),
            ("DEL", names["user"]),
            ("COPY", names["stock"], "copy"),
            ("SORT", names["cart"], "STORE", "sorted"),
            ("SET", "other", 1),
        ):
            _may_not(connection, "report", *command)


@check(points=2, after=[logins])
def watch(ctx):
    """`watch` asks for PING, INFO and SLOWLOG GET, and sees and changes no key."""
    names, _ = _filled(ctx)
    with _as(ctx, "watch") as connection:
        for command in (("PING",), ("INFO", "stats"), ("SLOWLOG", "GET")):
            _may(connection, "watch", *command)
        for command in (
            ("GET", names["stock"]),
            ("TYPE", names["cart"]),
            ("SCAN", 0),
            ("RANDOMKEY",),
            ("SET", "other", 1),
            ("SLOWLOG", "RESET"),
        ):
            _may_not(connection, "watch", *command)


@check(points=2, after=[logins])
def nothing_dangerous(ctx):
    """None of the three may use commands that are dangerous for others."""
    for user in PASSWORDS:
        with _as(ctx, user) as connection:
            for command in DANGEROUS:
                _may_not(connection, user, *command.split())


@check(points=2)
def former(ctx):
    """`former` cannot log in, and the connection it had can do nothing."""
    import redis

    again = None
    try:
        again = _connection(ctx, *FORMER)
        again.execute_command("PING")
    except redis.exceptions.NoPermissionError:
        raise Mismatch("The login of former", expected="refused", found="success") from None
    except (redis.AuthenticationError, redis.ResponseError):
        pass
    else:
        raise Mismatch("The login of former", expected="refused", found="success")
    finally:
        if again is not None:
            again.close()
    kept, (names, _) = ctx.given["former"], _filled(ctx)
    for command in (("GET", names["stock"]), ("SET", "former", 1), ("DBSIZE",), ("ACL", "LIST")):
        try:
            kept.execute_command(*command)
        except (redis.ConnectionError, redis.exceptions.NoPermissionError):
            continue
        raise Mismatch(
            "The open connection of former", expected="no power", found=" ".join(map(str, command))
        )

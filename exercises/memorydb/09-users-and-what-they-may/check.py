"""Checks of what users may, tried with their passwords. Keys and one user's rights vary with the seed.

What a user must be able to do is done; what must be refused is asked by ACL DRYRUN, so that a user who may
too much does no harm to the other checks."""

import random
import secrets

from sandbox.grading import Mismatch, Missing, check

PASSWORDS = {"app": "Kestrel-31", "report": "Heron-52", "clerk": "Plover-73", "ops": "Osprey-94"}

NEVER = (
    *(
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SHUTDOWN",
        "CONFIG SET maxmemory 1",
        "CONFIG GET maxmemory",
        "ACL LIST",
    ),
    *(
        "ACL SETUSER intruder on nopass ~* +@all",
        "DEBUG SLEEP 0",
        "REPLICAOF NO ONE",
        "MONITOR",
        "CLIENT KILL ID 1",
    ),
    *("SAVE", "BGREWRITEAOF", "MODULE LIST"),
)
"""What is refused to all four of them."""


def prepare(ctx):
    """Keys of all kinds; and a program of billing that is logged in, with rights of the seed."""
    draw = random.Random(ctx.seed)
    kinds = ("order", "customer", "cart", "stock", "secret")
    keys = {kind: f"{kind}:{draw.randrange(1000, 100_000)}" for kind in kinds}
    ctx.connection.mset(dict.fromkeys(keys.values(), 100))
    password = secrets.token_hex(12)
    rules = [
        "~invoice:*",
        f"%R~{draw.choice(kinds)}:*",
        *draw.sample(("+@hash", "+@list", "+@set", "+@stream"), 2),
    ]
    ctx.connection.execute_command(
        "ACL SETUSER", "billing", "on", f">{password}", *rules, "+get", "+set", "+acl|whoami"
    )
    program = _login(ctx, "billing", password)
    return {"keys": keys, "program": program, "old": password, "rights": _rights(ctx)}


def _rights(ctx):
    """What billing may, as the server has it; None when there is no such user."""
    found = ctx.connection.acl_getuser("billing")
    return found and {key: value for key, value in found.items() if key != "passwords"}


def _login(ctx, user, password):
    """A connection of that user; None when the server does not let it in."""
    import redis

    # The driver would tell the server its name first, which not every user may.
    connection = redis.Connection(
        host=ctx.endpoint.host,
        port=ctx.endpoint.port,
        username=user,
        password=password,
        socket_timeout=60,
        driver_info=None,
        protocol=2,
    )
    try:
        connection.connect()
    except redis.exceptions.AuthenticationError:
        connection.disconnect()
        return None
    return connection


def _try(ctx, user, may, may_not):
    """Log in, do all of ``may``, and see ``may_not`` and what is refused to everybody refused."""
    import redis

    connection = _login(ctx, user, PASSWORDS[user])
    if connection is None:
        raise Missing(f"A user {user} who can log in with the password given")
    if (other := _login(ctx, user, "Magpie-15")) is not None:
        other.disconnect()
        connection.disconnect()
        raise Mismatch(f"A login as {user} with another password", expected="refused", found="permitted")
    try:
        for command in may:
            connection.send_command(*command.split())
            try:
                connection.read_response()
            except redis.exceptions.NoPermissionError:
                raise Mismatch(f"{command} as {user}", expected="permitted", found="refused") from None
    finally:
        connection.disconnect()
    for command in (*may_not, *NEVER):
        try:
            answer = ctx.connection.execute_command("ACL DRYRUN", user, *command.split())
        except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError):
            raise Mismatch("The user default", expected="as it was", found="locked out") from None
        if answer in ("OK", b"OK"):
            raise Mismatch(f"{command} as {user}", expected="refused", found="permitted")


@check(points=3)
def app_right(ctx):
    """`app` reads and writes orders and uses their channels, and nothing else."""
    key = ctx.given["keys"]
    order, other = key["order"], "order:of-today"
    may = (
        f"GET {order}",
        f"SET {order} 7",
        f"INCRBY {order} 3",
        f"HSET {other} a 1",
        f"DEL {other}",
        "MULTI",
    )
    may += (f"SET {order} 8", "EXEC", f"WATCH {order}", f"EXPIRE {order} 999", "PUBLISH orders:new 1")
    refused = [f"GET {key[kind]}" for kind in ("customer", "cart", "stock", "secret")]
    refused += [f"SET {key[kind]} 1" for kind in ("customer", "cart", "stock", "secret")]
    refused += [f"COPY {key['secret']} {order}", "PUBLISH news 1", "SUBSCRIBE news", "PSUBSCRIBE *"]
    _try(ctx, "app", (*may, "SUBSCRIBE orders:new"), refused)


@check(points=2)
def report_right(ctx):
    """`report` reads orders and customers, and writes nothing."""
    key = ctx.given["keys"]
    may = [
        f"GET {key['order']}",
        f"GET {key['customer']}",
        f"TYPE {key['order']}",
        f"STRLEN {key['customer']}",
    ]
    may.append(f"MGET {key['order']} {key['customer']}")
    refused = [f"GET {key[kind]}" for kind in ("cart", "stock", "secret")]
    for kind in ("order", "customer", "secret"):
        refused += [
            f"SET {key[kind]} 1",
            f"DEL {key[kind]}",
            f"EXPIRE {key[kind]} 5",
            f"APPEND {key[kind]} x",
        ]
    _try(ctx, "report", may, [*refused, f"COPY {key['customer']} {key['order']}", "PUBLISH orders:new 1"])


@check(points=3)
def clerk_right(ctx):
    """`clerk` has the carts, reads customers, and counts the stock up and down."""
    key = ctx.given["keys"]
    cart, stock, customer = key["cart"], key["stock"], key["customer"]
    may = (f"GET {cart}", f"SET {cart} 5", "HSET cart:new product:1 2", "DEL cart:new", f"EXPIRE {cart} 999")
    may += (f"GET {customer}", f"GET {stock}", f"DECRBY {stock} 2", f"INCRBY {stock} 1")
    refused = [f"SET {stock} 1", f"DEL {stock}", f"EXPIRE {stock} 5", f"APPEND {stock} x", f"GETDEL {stock}"]
    refused += [f"SET {customer} 1", f"INCRBY {customer} 1", f"DEL {customer}", f"RENAME {stock} {cart}"]
    for kind in ("order", "secret"):
        refused += [f"GET {key[kind]}", f"SET {key[kind]} 1", f"INCRBY {key[kind]} 1"]
    _try(ctx, "clerk", may, [*refused, "PUBLISH orders:new 1"])


@check(points=2)
def ops_right(ctx):
    """`ops` sees how the server does, and no data."""
    refused = []
    for key in ctx.given["keys"].values():
        refused += [f"GET {key}", f"SET {key} 1", f"TYPE {key}", f"DEL {key}"]
    refused += ["SLOWLOG RESET", "CLIENT PAUSE 1", "PUBLISH orders:new 1"]
    _try(ctx, "ops", ("PING", "INFO server", "SLOWLOG GET 5", "CLIENT LIST"), refused)


@check(points=3)
def password_changed(ctx):
    """`billing` logs in with its new password only; its program goes on, and may what it might before."""
    import redis

    tries = {password: _login(ctx, "billing", password) for password in ("Bittern-66", ctx.given["old"])}
    let_in = [password for password, connection in tries.items() if connection]
    for connection in filter(None, tries.values()):
        connection.disconnect()
    if "Bittern-66" not in let_in:
        raise Missing("A user billing who can log in with the new password")
    if ctx.given["old"] in let_in:
        raise Mismatch("A login as billing with the old password", expected="refused", found="permitted")
    program = ctx.given["program"]
    try:
        program.send_command("ACL", "WHOAMI")
        program.read_response()
    except redis.exceptions.ConnectionError:
        raise Mismatch("The connection of billing's program", expected="open", found="ended") from None
    except redis.exceptions.NoPermissionError:
        raise Mismatch("The rights of billing", expected="as they were", found="others") from None
    finally:
        program.disconnect()
    if _rights(ctx) != ctx.given["rights"]:
        raise Mismatch("The rights of billing", expected="as they were", found="others")

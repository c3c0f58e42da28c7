"""Checks of what was seen in slow log, client list and memory. Clients, commands and keys vary with the seed.

The clients are real connections, the entries of the slow log real commands with the time they took."""

import random
import secrets
import socket
import time

from sandbox.grading import Mismatch, Missing, check

NAMES = ("checkout", "search", "stock", "newsletter", "dashboard", "prices", "support")
KEYS = 3000
"""Enough that a walk over all of them takes a hundred times as long as a GET."""

WALKS = {
    "KEYS": ("KEYS", "visit:*7"),
    "SORT": ("SORT", "queue:visits", "BY", "nosort*", "LIMIT", 0, 3),
    "LRANGE": ("LRANGE", "queue:visits", 0, -1),
    "SDIFF": ("SDIFF", "visits:seen", "visits:none"),
}
UNREAD = 200


def prepare(ctx):
    """Keys, seven clients of whom three share a name, and what they did."""
    draw = random.Random(ctx.seed)
    store = ctx.connection
    largest = _fill(store, draw)
    password = secrets.token_hex(12)
    store.execute_command("ACL SETUSER", "shop", "on", f">{password}", "~*", "+@all", "-@admin")
    shared, *names = draw.sample(NAMES, 5)
    clients = [_Client(ctx, name, password) for name in [shared, shared, shared, *names]]
    costly, same, careless, *rest = clients
    order = draw.sample([*rest, same], 5)
    command = draw.choice(sorted(WALKS))
    for _ in range(50):
        times = _traffic(store, draw, costly, WALKS[command], order)
        # A server that was put aside for a moment has written that down as the time of some other client.
        if times.pop(costly.address) > 3 * max(times.values()):
            break
    else:
        raise RuntimeError("this machine is too busy to tell who takes the time")
    _until_unread(store, careless)
    return {
        "clients": clients,
        "costly": costly,
        "careless": careless,
        "others": [client for client in clients if client not in (costly, careless)],
        "command": command,
        "largest": largest,
    }


def _fill(store, draw):
    """Many small keys and some larger ones; returns the name of the one that takes the most bytes."""
    pipe = store.pipeline(transaction=False)
    pipe.mset({f"visit:{number}": number for number in range(KEYS)})
    pipe.rpush("queue:visits", *(f"visitor-{number}" for number in range(KEYS)))
    pipe.sadd("visits:seen", *range(KEYS))
    names = [f"catalogue:{number}" for number in draw.sample(range(10, 100), 4)]
    for name, pages in zip(names, draw.sample((2, 3, 4, 9), 4), strict=True):
        pipe.hset(name, mapping={f"page{page}": "text " * 20_000 for page in range(pages)})
    pipe.execute()
    return max(names, key=lambda name: store.memory_usage(name, samples=0))


def _text(reply):
    return reply.decode() if isinstance(reply, bytes) else reply


class _Client:
    """A connection with a name, which reads its replies only when it is told to."""

    def __init__(self, ctx, name, password):
        import redis

        there = ctx.endpoint
        self._connection = redis.Connection(
            host=there.host, port=there.port, username="shop", password=password, socket_timeout=60
        )
        self.name = name
        self.does("CLIENT", "SETNAME", name)
        self.id = self.does("CLIENT", "ID")
        # As the server sees it: on the way into a container it changes.
        facts = dict(fact.split("=", 1) for fact in _text(self.does("CLIENT", "INFO")).split())
        self.address = facts["addr"]

    def does(self, *words):
        self._connection.send_command(*words)
        return self._connection.read_response()

    def asks(self, times, *words):
        # Little that is not read fits into the socket of the client.
        self._connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._connection.send_packed_command(self._connection.pack_commands([words] * times))


def _traffic(store, draw, costly, walk, others):
    """Write a new slow log of what all clients do now; returns microseconds by address."""
    store.config_set("slowlog-log-slower-than", 0)
    store.slowlog_reset()
    for turn in range(4):
        for place, client in enumerate(others):
            # The first of them asks the most often.
            for _ in range(9 if place == 0 else 3):
                client.does("GET", f"visit:{draw.randrange(KEYS)}")
        for _ in range(1 if turn else 2):
            costly.does(*walk)
    store.config_set("slowlog-log-slower-than", -1)
    times = {client.address: 0 for client in [costly, *others]}
    for entry in store.slowlog_get(128):
        # The driver leaves these as bytes.
        address = entry["client_address"].decode()
        if address in times:
            times[address] += entry["duration"]
    return times


def _until_unread(store, client):
    """Until replies wait in the server that find room nowhere else: what is asked first is answered into the
    buffers of sockets, and of whatever forwards the port of a container."""
    before, looks = None, 0
    for _ in range(1000):
        [seen] = [each for each in store.client_list() if each["id"] == str(client.id)]
        waiting = int(seen["omem"])
        looks = looks + 1 if seen["qbuf"] == "0" and waiting == before else 0
        before = waiting
        if looks < 3:
            time.sleep(0.01)
        elif waiting > 1_000_000:
            return
        else:
            client.asks(UNREAD, "LRANGE", "queue:visits", 0, -1)
    raise RuntimeError(f"no reply is waiting: {seen}")


def _noted(ctx, field):
    found = ctx.connection.type("incident")
    if found == "none":
        raise Missing("Key incident")
    if found != "hash":
        raise Mismatch("The type of incident", expected="hash", found=found)
    value = ctx.connection.hget("incident", field)
    if value is None:
        raise Missing(f"Field {field} of incident")
    return value


def _there(ctx):
    return {each["id"] for each in ctx.connection.client_list()}


@check(points=3)
def costly_noted(ctx):
    """`incident` has the address of the client that took the most time, and its command."""
    expected = {"address": ctx.given["costly"].address, "command": ctx.given["command"]}
    for field, value in expected.items():
        found = _noted(ctx, field)
        if found.strip().upper() != value:
            what = f"Field {field} of incident"
            raise Mismatch(what, expected=value, found=found, show_expected=False)


@check(points=2)
def costly_ended(ctx):
    """The connection of the client that took the most time is gone."""
    if str(ctx.given["costly"].id) in _there(ctx):
        raise Mismatch("The connection that took the most time", expected="ended", found="still there")


@check(points=2)
def reader_ended(ctx):
    """The connection that does not read its replies is gone."""
    if str(ctx.given["careless"].id) in _there(ctx):
        raise Mismatch("The connection that does not read", expected="ended", found="still there")


@check(points=2)
def others_spared(ctx):
    """All other connections are still there."""
    there = _there(ctx)
    ended = [client.name for client in ctx.given["others"] if str(client.id) not in there]
    if ended:
        raise Mismatch("Connections ended that did no damage", expected="none", found=ended)
    together = {str(ctx.given[who].id) for who in ("costly", "careless")}
    if together <= there:
        raise Missing("An end of the two connections that do damage")


@check(points=2)
def largest_noted(ctx):
    """`incident` has the key that takes the most memory."""
    found = _noted(ctx, "largest")
    if found != ctx.given["largest"]:
        raise Mismatch("The largest key", expected=ctx.given["largest"], found=found, show_expected=False)

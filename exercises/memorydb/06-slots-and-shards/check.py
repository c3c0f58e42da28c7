"""Checks of hash slots. Customers, values, keys to compute and the shards' slots vary with the seed."""

import binascii
import random
from collections import defaultdict

from sandbox.grading import Mismatch, Missing, check

SLOTS = 16384
KINDS = ("cart", "orders", "total")
CUSTOMERS = 24
WORDS = ("basket", "branch", "invoice", "ledger", "meter", "parcel", "tariff", "visit")


def prepare(ctx):
    """Three keys for each customer, keys with braces in all places, and shards with ranges of slots."""
    draw = random.Random(ctx.seed)
    customers = draw.sample(range(1000, 100_000), CUSTOMERS)
    values, pipe = {}, ctx.connection.pipeline(transaction=False)
    for customer in customers:
        values[f"cart:{customer}"] = {
            f"product:{n}": str(draw.randrange(1, 9)) for n in draw.sample(range(900), 2)
        }
        values[f"orders:{customer}"] = {str(n): float(n % 97) for n in draw.sample(range(9000), 2)}
        values[f"total:{customer}"] = str(draw.randrange(10**6))
        pipe.hset(f"cart:{customer}", mapping=values[f"cart:{customer}"])
        pipe.expire(f"cart:{customer}", 7200)
        pipe.zadd(f"orders:{customer}", values[f"orders:{customer}"])
        pipe.set(f"total:{customer}", values[f"total:{customer}"])
    pipe.execute()
    keys = _keys(draw)
    (ctx.files / "keys.txt").write_text("\n".join(keys) + "\n", encoding="utf-8")
    shards, text = _shards(draw)
    (ctx.files / "shards.json").write_text(text, encoding="utf-8")
    return {"customers": customers, "values": values, "keys": keys, "shards": shards}


def _keys(draw):
    """Names with a tag, without, with an empty one, with more than one, with one that is not closed."""
    forms = (
        "{w}:{n}",
        "{w}:{{{n}}}",
        "{{{w}:{n}}}.seen",
        "{w}{{}}{{{n}}}",
        "{w}{{{{{n}}}}}x",
        "{w}{{{n}}}{{x}}",
    )
    forms += ("{w}}}{n}{{", "{{{w}-{n}")
    keys = [form.format(w=draw.choice(WORDS), n=draw.randrange(100, 10_000)) for form in forms]
    draw.shuffle(keys)
    return keys


def _shards(draw):
    """Some shards, each with several ranges of slots: (first, last, name) and the text of the file."""
    bounds = sorted(draw.sample(range(500, SLOTS - 500), draw.randint(8, 11)))
    ranges = list(zip([0, *bounds], [*(bound - 1 for bound in bounds), SLOTS - 1], strict=True))
    names = [f"{number:04}" for number in range(1, draw.randint(3, 5) + 1)]
    owners = [*names, *(draw.choice(names) for _ in ranges[len(names) :])]
    draw.shuffle(owners)
    slots = defaultdict(list)
    for name, each in zip(owners, ranges, strict=True):
        slots[name].append(list(each))
    lines = ",\n  ".join(f'{{"name": "{name}", "slots": {slots[name]}}}' for name in names)
    found = [(*each, name) for name, each in zip(owners, ranges, strict=True)]
    return found, f'{{"shards": [\n  {lines}\n]}}\n'


def _slot(key):
    begin = key.find("{")
    end = key.find("}", begin + 1) if begin >= 0 else -1
    text = key[begin + 1 : end] if end > begin + 1 else key
    return binascii.crc_hqx(text.encode(), 0) % SLOTS


def _names(ctx):
    """The keys that there are now, by the names that they had without braces."""
    found = defaultdict(list)
    for key in ctx.connection.scan_iter(count=1000):
        found[key.replace("{", "").replace("}", "")].append(key)
    return found


def _renamed(ctx):
    """The keys of each customer by kind; of one that is there twice, the one with braces."""
    names = _names(ctx)
    if not any("{" in key for keys in names.values() for key in keys):
        raise Missing("A key with a new name")
    found = {}
    for customer in ctx.given["customers"]:
        mine = {kind: names[f"{kind}:{customer}"] for kind in KINDS}
        if not all(mine.values()):
            raise Missing(f"A key of customer {customer}")
        found[customer] = {kind: max(keys, key=lambda key: key.count("{")) for kind, keys in mine.items()}
    return found


def _slots(ctx):
    """The slots of each customer's keys."""
    return {customer: {_slot(key) for key in keys.values()} for customer, keys in _renamed(ctx).items()}


def _notes(ctx, key):
    found = ctx.connection.type(key)
    if found == "none":
        raise Missing(f"Key {key}")
    if found != "hash":
        raise Mismatch(f"The type of {key}", expected="hash", found=found)
    return ctx.connection.hgetall(key)


def _compare(ctx, key, expected):
    notes = _notes(ctx, key)
    for field, value in expected.items():
        if field not in notes:
            raise Missing(f"Field {field} of {key}")
        if notes[field] != value:
            what = f"Field {field} of {key}"
            raise Mismatch(what, expected=value, found=notes[field], show_expected=False)
    if more := sorted(notes.keys() - expected.keys()):
        raise Mismatch(f"A field of {key}", expected="one that was asked for", found=more[0])


@check(points=2)
def renamed(ctx):
    """Each key is there once, its name as before but for braces, with its value and its time to live."""
    store, names = ctx.connection, _names(ctx)
    read = {
        "hash": store.hgetall,
        "string": store.get,
        "zset": lambda key: dict(store.zrange(key, 0, -1, withscores=True)),
    }
    if not any("{" in key for keys in names.values() for key in keys):
        raise Missing("A key with a new name")
    for name, value in ctx.given["values"].items():
        keys = names[name]
        if len(keys) != 1:
            raise Mismatch(f"Keys with the name {name}, but for braces", expected=1, found=len(keys))
        kind = store.type(keys[0])
        if kind not in read or read[kind](keys[0]) != value:
            raise Mismatch(f"The value of {keys[0]}", expected="as it was", found="another one")
        left = store.ttl(keys[0])
        if (left > 0) != name.startswith("cart:"):
            raise Mismatch(f"The time to live of {keys[0]}", expected="as it was", found=f"{left} seconds")


@check(points=2)
def together(ctx):
    """The three keys of each customer fall into one slot."""
    apart = [customer for customer, slots in _slots(ctx).items() if len(slots) > 1]
    if apart:
        what = f"The slots of the keys of customer {apart[0]}"
        raise Mismatch(what, expected="one", found=f"more ({len(apart)} of {CUSTOMERS} customers)")


@check(points=2)
def spread(ctx):
    """The customers are spread over the slots."""
    slots = set().union(*_slots(ctx).values())
    if len(slots) < CUSTOMERS - 2:
        raise Mismatch(
            f"Slots in use by {CUSTOMERS} customers", expected=f"about {CUSTOMERS}", found=len(slots)
        )


@check(points=3)
def slots_noted(ctx):
    """`note:slots` has the slot of each key of keys.txt."""
    _compare(ctx, "note:slots", {key: str(_slot(key)) for key in ctx.given["keys"]})


@check(points=2)
def shards_noted(ctx):
    """`note:shards` has the shard on which each customer's keys will lie."""
    # Where the keys of a customer are apart, which is lost elsewhere, that of the cart counts.
    carts = {customer: _slot(keys["cart"]) for customer, keys in _renamed(ctx).items()}
    shards = ctx.given["shards"]
    expected = {
        str(customer): next(name for first, last, name in shards if first <= slot <= last)
        for customer, slot in carts.items()
    }
    _compare(ctx, "note:shards", expected)

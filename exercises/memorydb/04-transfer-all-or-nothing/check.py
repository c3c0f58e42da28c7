"""Checks of transfers between accounts while others write them, too. All varies with the seed.

The risk department is the function crash, which is asked again and again while the answer runs. What happens
at the bank meanwhile happens before it answers, so that it falls between looking and booking."""

import json
import random

from sandbox.engines.redis_monitor import Monitor, TooManyCommands
from sandbox.grading import Mismatch, Missing, check

PATIENCE = 0.06
"""Seconds that the risk department waits for the next question before it looks up."""

# What happens while risk is asked, and whether risk agrees; each at least once, in an order of the seed.
EVENTS = (
    "nothing",
    "nothing",
    "no",
    "poor",
    "payer spends",
    "payer earns",
    "payee earns",
    "drained",
    "drained",
)


def prepare(ctx):
    """Balances, transfers, what happens at each of them, and what comes of it."""
    draw = random.Random(ctx.seed)
    numbers = iter(draw.sample(range(1000, 10_000), 2 * len(EVENTS)))
    names = iter(sorted(draw.sample(range(100, 1000), len(EVENTS))))
    balances, transfers, events, settled = {}, [], {}, {}
    for event in draw.sample(EVENTS, len(EVENTS)):
        payer, payee, name = str(next(numbers)), str(next(numbers)), f"t{next(names)}"
        amount, cents = draw.randrange(10_000, 40_000), draw.randrange(1_000, 9_000)
        # A poor payer has too little from the beginning, one who is drained has no longer enough.
        balances[payer] = amount - cents if event == "poor" else amount + 2 * cents
        balances[payee] = draw.randrange(0, 50_000)
        change = {"payer spends": -cents, "payer earns": cents, "drained": -3 * cents}
        if event in change:
            events[name] = (payer, change[event])
        elif event == "payee earns":
            events[name] = (payee, cents)
        transfers.append({"id": name, "from": payer, "to": payee, "amount": amount, "event": event})
    ctx.connection.mset({f"balance:{account}": cents for account, cents in balances.items()})
    for transfer in transfers:
        payer, payee, amount, name = (transfer[key] for key in ("from", "to", "amount", "id"))
        if name in events:
            account, cents = events[name]
            balances[account] += cents
        done = balances[payer] >= amount and transfer["event"] != "no"
        settled[name] = "done" if done else "refused"
        if done:
            balances[payer] -= amount
            balances[payee] += amount
    refusing = {each["id"] for each in transfers if each.pop("event") == "no"}
    (ctx.files / "transfers.json").write_text(json.dumps(transfers, indent=1), encoding="utf-8")
    return {
        "balances": balances,
        "transfers": {each["id"]: each for each in transfers},
        "settled": settled,
        "events": events,
        "refusing": refusing,
        "monitor": Monitor(ctx.endpoint),
    }


def crash(ctx):
    """The risk department: never a reason for a crash."""
    given, store = ctx.given, ctx.connection
    while (asked := store.blpop("risk:asked", timeout=PATIENCE)) is not None:
        name = asked[1]
        if name not in given["transfers"]:
            continue
        if name in given["events"]:
            account, cents = given["events"].pop(name)
            store.incrby(f"balance:{account}", cents)
        store.rpush(f"risk:answer:{name}", "no" if name in given["refusing"] else "ok")
    return False


def _bookings(ctx):
    """Each step in which the answer wrote balances: the keys that were watched for it and then looked at, and
    its commands. A command outside of a transaction is a step of its own."""
    try:
        seen = ctx.given["monitor"].commands(ctx.connection)
    except TooManyCommands:
        raise Mismatch("The number of commands sent", expected="some dozens", found="very many") from None
    writes = set(ctx.connection.execute_command("COMMAND LIST FILTERBY ACLCAT write"))
    risk = {client for client, words in seen if words[1:2] == ["risk:asked"] and words[0].lower() == "blpop"}
    watched, blocks, found = {}, {}, []
    for client, words in seen:
        word = words[0].lower()
        if client in risk:
            continue
        if word == "watch":
            # It is refused within a transaction, so that the last one came to nothing.
            if blocks.pop(client, None) is not None:
                watched.pop(client, None)
            watched.setdefault(client, {}).update(dict.fromkeys(words[1:], False))
        elif word == "multi":
            blocks[client] = []
        elif word in ("exec", "discard", "unwatch"):
            looked = {key for key, read in watched.pop(client, {}).items() if read}
            found.append((looked, blocks.pop(client, [])))
        elif word in writes:
            if client in blocks:
                blocks[client].append(words)
            else:
                found.append((set(), [words]))
        else:
            for keys in watched.values():
                keys.update((key, True) for key in words[1:] if key in keys)
    return [(keys, block) for keys, block in found if any(_names(words, "balance:") for words in block)]


def _names(words, beginning):
    return any(word.startswith(beginning) for word in words[1:])


def _notes(ctx):
    found = ctx.connection.type("transfers")
    if found == "none":
        raise Missing("Key transfers")
    if found != "hash":
        raise Mismatch("The type of transfers", expected="hash", found=found)
    return ctx.connection.hgetall("transfers")


@check(points=2)
def settled(ctx):
    """`transfers` says of each transfer rightly whether it is `done` or `refused`."""
    notes = _notes(ctx)
    for name, expected in ctx.given["settled"].items():
        if name not in notes:
            raise Missing(f"Transfer {name} in transfers")
        if notes[name] != expected:
            raise Mismatch(f"Transfer {name}", expected=expected, found=notes[name], show_expected=False)
    if more := sorted(notes.keys() - ctx.given["settled"].keys()):
        raise Mismatch("A field of transfers", expected="the id of a transfer", found=more[0])


@check(points=3)
def balances_right(ctx):
    """Every balance is right: what others booked meanwhile is in it, and what was transferred."""
    accounts = sorted(ctx.given["balances"])
    keys = [f"balance:{account}" for account in accounts]
    found = dict(zip(accounts, ctx.connection.mget(keys), strict=True))
    for account in accounts:
        expected = ctx.given["balances"][account]
        if found[account] is None:
            raise Missing(f"balance:{account}")
        if found[account] != str(expected):
            what = f"balance:{account}"
            raise Mismatch(what, expected=expected, found=found[account], show_expected=False)


@check(points=2)
def together(ctx):
    """The two balances and the note `done` of a transfer change in one transaction."""
    bookings = _bookings(ctx)
    for name in (name for name, state in _notes(ctx).items() if state == "done"):
        if _booking(ctx, name, bookings) is None:
            what = f"Transfer {name}"
            raise Mismatch(what, expected="both balances and the note in one step", found="several steps")
    if not bookings:
        raise Missing("A booking")


@check(points=2, after=[together])
def guarded(ctx):
    """The payer's balance is watched for each booking, so that it fails if another one came in between."""
    bookings = _bookings(ctx)
    for name in (name for name, state in _notes(ctx).items() if state == "done"):
        keys, _ = _booking(ctx, name, bookings)
        payer = f"balance:{ctx.given['transfers'][name]['from']}"
        if payer not in keys:
            raise Mismatch(f"Transfer {name}", expected=f"{payer} watched, then looked at", found="it is not")


def _booking(ctx, name, bookings):
    """The step that booked a transfer as a whole, or None."""
    transfer = ctx.given["transfers"].get(name)
    if transfer is None:
        raise Mismatch("A field of transfers", expected="the id of a transfer", found=name)
    wanted = {f"balance:{transfer['from']}", f"balance:{transfer['to']}"}
    for keys, block in bookings:
        written = {word for words in block for word in words[1:] if word.startswith("balance:")}
        noted = any(words[1:2] == ["transfers"] and name in words for words in block)
        if noted and wanted <= written:
            return keys, block
    return None

"""Checks of unique indexes by inserting what they must take and what they must refuse."""

import random
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

NAMES = ("ada", "bo", "carla", "dev", "esme", "farid", "greta", "hugo", "ines", "jon", "kim", "lea")
BRANCHES = ("Lisbon", "Oslo", "Quito")


def prepare(ctx):
    """Accounts, some with the same email; invoices whose numbers are there in several branches."""
    draw = random.Random(ctx.seed)
    begin = datetime(2014, 1, 1, tzinfo=UTC)
    emails = [f"{name}@example.com" for name in NAMES]
    double = draw.sample(emails, 4)
    owners = [*emails, *double, draw.choice(double)]
    draw.shuffle(owners)
    keys = draw.sample(range(100, 1000), len(owners))
    minutes = draw.sample(range(100_000), len(owners))
    accounts, last = [], {}
    for key, email, minute in zip(keys, owners, minutes, strict=True):
        account = {"_id": key, "email": email, "created": begin + timedelta(minutes=minute)}
        if email not in last or last[email]["created"] < account["created"]:
            last[email] = account
        accounts.append(account)
    # Some of those that stay have no phone, or null for it.
    staying = draw.sample(sorted(last), len(last))
    for account in accounts:
        account["phone"] = f"+351 {account['_id']}"
    for email in staying[:3]:
        del last[email]["phone"]
    for email in staying[3:6]:
        last[email]["phone"] = None
    shop = ctx.connection.shop
    shop.accounts.insert_many(accounts)
    invoices = [
        {"branch": branch, "number": number, "amount": draw.randint(10, 500)}
        for branch in BRANCHES
        for number in range(1, draw.randint(8, 14))
    ]
    draw.shuffle(invoices)
    shop.invoices.insert_many([{"_id": key, **invoice} for key, invoice in enumerate(invoices)])
    return {"kept": {account["_id"]: email for email, account in last.items()}, "invoices": len(invoices)}


def _try(collection, what, document, taken):
    """Insert a document, see whether the server takes it, and take it out again."""
    from pymongo.errors import DuplicateKeyError, OperationFailure

    document = {"_id": "trial", **document}
    collection.delete_one({"_id": "trial"})
    try:
        collection.insert_one(document)
    except DuplicateKeyError as refused:
        if taken:
            raise Mismatch(what, expected="taken", found="refused as a duplicate") from refused
    except OperationFailure as refused:
        raise Mismatch(what, expected="taken" if taken else "refused", found=str(refused)[:100]) from refused
    else:
        collection.delete_one({"_id": "trial"})
        if not taken:
            raise Mismatch(what, expected="refused", found="taken")


@check(points=3)
def accounts_kept(ctx):
    """Of each email the account that was created last is left, and no other."""
    found = {str(account["_id"]): account.get("email") for account in ctx.connection.shop.accounts.find()}
    wanted = {str(key): email for key, email in ctx.given["kept"].items()}
    if len(found) != len(wanted):
        raise Mismatch("The number of accounts", expected=len(wanted), found=len(found))
    if found != wanted:
        wrong = sorted(email for key, email in wanted.items() if found.get(key) != email)
        raise Mismatch(f"The account of {wrong[0]}", expected="the one created last", found="another one")


@check(points=2)
def emails(ctx):
    """The server refuses an account with an email that is there, and takes one with a new email."""
    accounts = ctx.connection.shop.accounts
    there = accounts.find_one({"email": {"$type": "string"}})
    if there is None:
        raise Missing("An account with an email")
    phone = {"phone": "+999 1"}
    _try(accounts, "An account with an email that is there", {"email": there["email"], **phone}, False)
    _try(accounts, "An account with a new email", {"email": "new@example.com", **phone}, True)


@check(points=3)
def phones(ctx):
    """It refuses a phone that is there, and takes any number of accounts without one; null is gone."""
    accounts = ctx.connection.shop.accounts
    there = accounts.find_one({"phone": {"$type": "string"}})
    if there is None:
        raise Missing("An account with a phone")
    if accounts.count_documents({"phone": {"$type": "null"}}):
        raise Mismatch("Accounts whose phone is null", expected="none", found="some")
    if not accounts.count_documents({"phone": {"$exists": False}}):
        raise Missing("An account without a phone")
    email = {"email": "new@example.com"}
    _try(accounts, "An account with a phone that is there", {**email, "phone": there["phone"]}, False)
    _try(accounts, "One more account without a phone", email, True)
    _try(accounts, "An account with a new phone", {**email, "phone": "+999 2"}, True)


@check(points=3)
def invoices(ctx):
    """It refuses a number that the branch has, and takes it in another branch; the order of keys fits."""
    collection = ctx.connection.shop.invoices
    if collection.count_documents({}) != ctx.given["invoices"]:
        raise Mismatch("Invoices", expected="as they were", found=collection.count_documents({}))
    there = collection.find_one({}, {"_id": 0, "branch": 1, "number": 1})
    _try(collection, "A number that the branch has", there, False)
    _try(collection, "The number in a new branch", {**there, "branch": "Riga"}, True)
    _try(collection, "A new number in the branch", {**there, "number": 1000}, True)
    keys = [list(index["key"]) for index in collection.list_indexes()]
    if not any(fields[:2] == ["branch", "number"] for fields in keys):
        raise Missing("An index that has the invoices of a branch in the order of their numbers")

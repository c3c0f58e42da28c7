"""Checks of users by logging in as them. Names and passwords that are there already vary with the seed."""

import random
from contextlib import contextmanager

from sandbox.grading import Mismatch, Missing, check

DESK_APP, EVALUATION, CARETAKER = "Heron-Lake-42", "Amber-Field-17", "Silent-Brook-8"
NEW = "New-Moon-5"
NAMES = ("backdoor", "helper", "temp", "test", "service")


def prepare(ctx):
    """Two databases and three users."""
    draw = random.Random(ctx.seed)
    desk = ctx.connection.desk
    desk.clients.insert_many([{"_id": n, "name": f"Client {n}", "city": "Oslo"} for n in range(1, 6)])
    desk.tickets.insert_many([{"_id": n, "client": draw.randint(1, 5)} for n in range(1, 9)])
    ctx.connection.reports.daily.insert_one({"_id": 0})
    old = {name: f"{draw.getrandbits(48):012x}" for name in ("intern", "ines", "nobody")}
    nobody = f"{draw.choice(NAMES)}_{draw.randint(100, 999)}"
    desk.command("createUser", "intern", pwd=old["intern"], roles=["readWrite"])
    reports = {"role": "read", "db": "reports"}
    desk.command("createUser", "ines", pwd=old["ines"], roles=["readWrite", reports])
    desk.command("createUser", nobody, pwd=old["nobody"], roles=["dbOwner"])
    return {"old": old, "nobody": nobody}


@contextmanager
def _login(ctx, user, password):
    """The client of a user who has logged in; Mismatch when the server does not let him in."""
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    client = MongoClient(
        ctx.endpoint.host,
        ctx.endpoint.port,
        username=user,
        password=password,
        authSource="desk",
        directConnection=True,
        serverSelectionTimeoutMS=3000,
    )
    with client:
        try:
            client.desk.command("ping")
        except OperationFailure as refused:
            if refused.code != NO_LOGIN:
                raise
            what = f"The login of {user} with the password"
            raise Mismatch(what, expected="works", found="refused") from refused
        yield client


TRIALS = {
    "finding documents": lambda db: db.clients.find_one(),
    "counting documents": lambda db: list(db.tickets.aggregate([{"$count": "n"}])),
    "inserting a document": lambda db: db.trial.insert_one({"_id": 1}),
    "updating a document": lambda db: db.trial.update_one({"_id": 1}, {"$set": {"seen": True}}),
    "deleting a document": lambda db: db.trial.delete_one({"_id": 1}),
    "making an index": lambda db: db.tickets.create_index("trial"),
    "dropping an index": lambda db: db.tickets.drop_index("trial_1"),
    "looking at the size of a collection": lambda db: db.command("collStats", "tickets"),
    "making a user": lambda db: db.command("createUser", "trial", pwd="x", roles=[]),
    "dropping the database": lambda db: db.command("dropDatabase"),
}
READS = ("finding documents", "counting documents")
WRITES = ("inserting a document", "updating a document", "deleting a document")
INDEXES = ("making an index", "dropping an index")
SIZES = ("looking at the size of a collection",)
DROPS = ("dropping the database",)
UNAUTHORIZED, NO_LOGIN = 13, 18


def _tries(ctx, user, password, may, may_also=None):
    """Log in and try everything in both databases. ``may``: what must work, by database; ``may_also``: what
    is part of MongoDB's smallest fitting role and does no harm. All else must be refused."""
    from pymongo.errors import OperationFailure

    with _login(ctx, user, password) as client:
        for name in ("desk", "reports"):
            must = may.get(name, ())
            also = (may_also or {}).get(name, ())
            for what, trial in TRIALS.items():
                said = f"{user}, in {name}: {what}"
                try:
                    trial(client[name])
                except OperationFailure as refused:
                    works = refused.code != UNAUTHORIZED
                else:
                    works = True
                _tidy(ctx.connection[name])
                if what in must and not works:
                    raise Mismatch(said, expected="works", found="refused")
                if works and what not in (*must, *also):
                    raise Mismatch(said, expected="refused", found="works")


def _tidy(database):
    """Take away what a trial that worked has made, and bring back what it has dropped."""
    from contextlib import suppress

    from pymongo.errors import OperationFailure

    with suppress(OperationFailure):
        database.command("dropUser", "trial")
    with suppress(OperationFailure):
        database.tickets.update_one({"_id": 1}, {"$set": {"client": 1}}, upsert=True)


def _demand_user(ctx, name):
    if not ctx.connection.desk.command("usersInfo", name)["users"]:
        raise Missing(f"The user {name} in the database desk")


@check(points=2)
def application(ctx):
    """`desk_app` reads and writes in `desk`, makes no users, and does nothing in `reports`."""
    _demand_user(ctx, "desk_app")
    _tries(ctx, "desk_app", DESK_APP, {"desk": READS + WRITES}, {"desk": INDEXES + SIZES})


@check(points=2)
def evaluation(ctx):
    """`evaluation` reads `desk` and changes nothing there; in `reports` it reads and writes."""
    _demand_user(ctx, "evaluation")
    may = {"desk": READS, "reports": READS + WRITES}
    _tries(ctx, "evaluation", EVALUATION, may, {"desk": SIZES, "reports": INDEXES + SIZES})


@check(points=2)
def caretaker(ctx):
    """`caretaker` makes and drops indexes and sees sizes in `desk`, and sees and changes no documents."""
    _demand_user(ctx, "caretaker")
    _tries(ctx, "caretaker", CARETAKER, {"desk": INDEXES + SIZES}, {"desk": DROPS})


@check(points=2)
def intern_reads(ctx):
    """`intern` logs in as before, reads `desk` and changes nothing."""
    _demand_user(ctx, "intern")
    _tries(ctx, "intern", ctx.given["old"]["intern"], {"desk": READS}, {"desk": SIZES})


@check(points=2)
def new_password(ctx):
    """`ines` logs in with the new password only, and may what she could before."""
    _demand_user(ctx, "ines")
    may = {"desk": READS + WRITES, "reports": READS}
    _tries(ctx, "ines", NEW, may, {"desk": INDEXES + SIZES, "reports": SIZES})
    try:
        with _login(ctx, "ines", ctx.given["old"]["ines"]):
            pass
    except Mismatch:
        return
    raise Mismatch("The login of ines with the old password", expected="refused", found="works")


@check(points=2)
def nobody_else(ctx):
    """The user who owned `desk` without a reason is gone, and there is nobody else."""
    found = {
        user["user"]
        for name in ("desk", "reports")
        for user in ctx.connection[name].command("usersInfo", 1)["users"]
    }
    if ctx.given["nobody"] in found:
        raise Mismatch("The user who owned desk", expected="gone", found="still there")
    if more := sorted(found - {"desk_app", "evaluation", "caretaker", "intern", "ines"}):
        raise Mismatch("Users that nobody asked for", expected="none", found=more[0][:60])

"""Checks of looking around. Tables, keys and counts vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

ELSEWHERE = "eu-west-1"


def prepare(ctx):
    """Three tables here and one in another region; the table of the sensors has items."""
    draw = random.Random(ctx.seed)
    number = iter(draw.sample(range(1000, 10000), 8))
    dynamodb = ctx.connection.client("dynamodb")
    tables = [f"{kind}-{next(number)}" for kind in ("visits", "sensors", "stock")]
    key = [f"device_{next(number)}", f"moment_{next(number)}"]
    for name in tables:
        _make(dynamodb, name, key if name.startswith("sensors") else ["thing", "at"])
    count = draw.randint(103, 190)
    items = [{key[0]: {"S": f"d{n % 7}"}, key[1]: {"N": str(n)}} for n in range(count)]
    for at in range(0, count, 25):
        batch = [{"PutRequest": {"Item": item}} for item in items[at : at + 25]]
        dynamodb.batch_write_item(RequestItems={tables[1]: batch})
    there = ctx.connection.client("dynamodb", region_name=ELSEWHERE)
    for name in there.list_tables()["TableNames"]:
        there.delete_table(TableName=name)
    archive = f"archive-{next(number)}"
    _make(there, archive, ["thing", "at"])
    return {"tables": tables, "key": key, "count": count, "archive": archive}


def _make(dynamodb, name, key):
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": key[0], "AttributeType": "S"},
            {"AttributeName": key[1], "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": key[0], "KeyType": "HASH"},
            {"AttributeName": key[1], "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@check(points=2)
def account_shown(ctx):
    """The number of the account was printed."""
    # Without tables' addresses, in which it stands too.
    bare = re.sub(r"arn:aws:dynamodb\S*", "", ctx.output)
    if ctx.learner.user not in bare:
        raise Missing("The number of the account you are in, in what was printed,")


@check(points=2)
def tables_shown(ctx):
    """The names of all tables of us-east-1 were printed."""
    missing = [name for name in ctx.given["tables"] if name not in ctx.output]
    if missing:
        raise Mismatch(
            "The number of tables of us-east-1 that were printed",
            expected=len(ctx.given["tables"]),
            found=len(ctx.given["tables"]) - len(missing),
        )


@check(points=3)
def key_shown(ctx):
    """Partition key and sort key of the sensors' table were printed."""
    for what, name in zip(("partition", "sort"), ctx.given["key"], strict=True):
        if name not in ctx.output:
            raise Missing(f"The {what} key of the sensors' table, in what was printed,")


@check(points=2)
def counted(ctx):
    """It was printed how many items that table has."""
    # Numbers of that size that stand alone: one or two belong to the answer, a hundred are a guess.
    told = {int(number) for number in re.findall(r"(?<![\w.:-])1\d\d(?![\w.:-])", ctx.output)}
    if ctx.given["count"] not in told:
        raise Missing("The number of items of the sensors' table, in what was printed,")
    if len(told) > 5:
        raise Mismatch("The numbers of items printed", expected="one", found=f"{len(told)} numbers")


@check(points=2)
def other_region(ctx):
    """The name of the table in eu-west-1 was printed."""
    if ctx.given["archive"] not in ctx.output:
        raise Missing("The table of the region eu-west-1, in what was printed,")

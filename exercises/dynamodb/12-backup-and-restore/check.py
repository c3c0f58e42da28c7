"""Checks of backup and restore. Articles and damage vary with the seed."""

import random
import secrets
from decimal import Decimal

from sandbox.grading import Mismatch, Missing, check

KEPT = "before-repair"


def prepare(ctx):
    """A table with two nightly backups, then sales, new prices, a novelty, and the damage."""
    draw = random.Random(ctx.seed)
    dynamodb = ctx.connection.resource("dynamodb")
    client = dynamodb.meta.client
    table = dynamodb.create_table(
        TableName="products",
        AttributeDefinitions=[{"AttributeName": "product_id", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "product_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.update_time_to_live(
        TableName="products", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    numbers = draw.sample(range(700, 800), 12)
    items = {number: _item(draw, number) for number in numbers}
    _write(table, items.values())
    client.create_backup(TableName="products", BackupName=f"nightly-{draw.randint(100, 499)}")
    # The day between the two backups.
    for number in numbers:
        items[number]["price"] += Decimal(draw.randint(1, 90)) / 10
    _write(table, items.values())
    backup = {number: dict(item) for number, item in items.items()}
    client.create_backup(TableName="products", BackupName=f"nightly-{draw.randint(500, 999)}")
    # What people did since: some of it to articles that the script broke as well.
    broken, gone = numbers[:4], numbers[4:6]
    for number in (*numbers[:2], *numbers[6:10]):
        items[number]["stock"] -= draw.randint(1, 9)
    for number in numbers[8:]:
        items[number]["price"] += Decimal(draw.randint(1, 90)) / 10
    new = 800 + draw.randint(1, 90)
    items[new] = _item(draw, new)
    mended = {number: dict(item) for number, item in items.items()}
    for number in gone:
        mended[number] = backup[number]
    for number in broken:
        mended[number] |= {"price": backup[number]["price"]}
        items[number]["price"] = Decimal(0)
    for number in gone:
        del items[number]
        table.delete_item(Key={"product_id": number})
    _write(table, items.values())
    return {"backup": backup, "damaged": items, "mended": mended}


def _item(draw, number):
    return {
        "product_id": Decimal(number),
        "name": f"Article {draw.randint(100, 999)}",
        "price": Decimal(draw.randint(500, 9999)) / 100,
        "stock": Decimal(draw.randint(20, 90)),
    }


def _write(table, items):
    with table.batch_writer() as batch:
        for item in items:
            batch.put_item(Item=item)


def _demand_items(ctx, table_name, wanted):
    table = ctx.connection.resource("dynamodb").Table(table_name)
    try:
        items = table.scan(ConsistentRead=True)["Items"]
    except table.meta.client.exceptions.ResourceNotFoundException:
        raise Missing(f"Table {table_name}") from None
    key = [each["AttributeName"] for each in table.key_schema]
    if key != ["product_id"]:
        raise Mismatch(f"The key of {table_name}", expected="product_id", found=" and ".join(key))
    found = {int(item["product_id"]): item for item in items}
    for number, item in wanted.items():
        if number not in found:
            raise Missing(f"Article {number} in {table_name}")
        for name in {**item, **found[number]}:
            if found[number].get(name) != item.get(name):
                raise Mismatch(
                    f"{name} of article {number} in {table_name}",
                    expected=item.get(name),
                    found=str(found[number].get(name)),
                    show_expected=False,
                )
    for number in found:
        if number not in wanted:
            raise Mismatch(f"Article {number} in {table_name}", expected="not there", found="there")


@check(points=2)
def kept(ctx):
    """The backup `before-repair` holds `products` as it was before it was mended."""
    client = ctx.connection.client("dynamodb")
    backups = client.list_backups(TableName="products")["BackupSummaries"]
    found = [backup for backup in backups if backup["BackupName"] == KEPT]
    if not found:
        raise Missing(f"The backup {KEPT} of products")
    first = min(found, key=lambda backup: backup["BackupCreationDateTime"])
    # A name that no answer can have taken.
    proof = f"proof-{secrets.token_hex(8)}"
    client.restore_table_from_backup(TargetTableName=proof, BackupArn=first["BackupArn"])
    try:
        _demand_items(ctx, proof, ctx.given["damaged"])
    except (Missing, Mismatch):
        what = "What the backup before-repair holds"
        raise Mismatch(what, expected="the table before it was mended", found="another state") from None
    finally:
        client.delete_table(TableName=proof)


@check(points=3)
def restored(ctx):
    """`products_restored` has the items of the newest nightly backup."""
    _demand_items(ctx, "products_restored", ctx.given["backup"])


@check(points=1)
def expires(ctx):
    """`products_restored` has time to live on `expires`."""
    client = ctx.connection.client("dynamodb")
    try:
        found = client.describe_time_to_live(TableName="products_restored")["TimeToLiveDescription"]
    except client.exceptions.ResourceNotFoundException:
        raise Missing("Table products_restored") from None
    if found["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        raise Missing("The time to live of products_restored")
    if found.get("AttributeName") != "expires":
        raise Mismatch("The attribute of time to live", expected="expires", found=found.get("AttributeName"))


@check(points=4)
def mended(ctx):
    """In `products` what the script broke is as it was, and all else as it is now."""
    _demand_items(ctx, "products", ctx.given["mended"])


@check(points=1)
def recoverable(ctx):
    """`products` has point-in-time recovery."""
    client = ctx.connection.client("dynamodb")
    try:
        found = client.describe_continuous_backups(TableName="products")["ContinuousBackupsDescription"]
    except (client.exceptions.TableNotFoundException, client.exceptions.ResourceNotFoundException):
        raise Missing("Table products") from None
    status = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if status != "ENABLED":
        raise Mismatch("Point-in-time recovery of products", expected="ENABLED", found=status)

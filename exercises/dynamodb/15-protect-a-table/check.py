"""Checks of a table's protection. The payments vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

ALIAS = "alias/payments"


def prepare(ctx):
    """The table of payments with items, and one for trying things out."""
    draw = random.Random(ctx.seed)
    dynamodb = ctx.connection.client("dynamodb")
    for name in ("payments", "scratch"):
        made = dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "payment_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "payment_id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        if name == "payments":
            table_id = made["TableDescription"]["TableId"]
    items = [
        {"payment_id": {"S": f"p-{number}"}, "amount": {"N": str(draw.randint(5, 999))}}
        for number in draw.sample(range(1000, 10000), 10)
    ]
    dynamodb.batch_write_item(RequestItems={"payments": [{"PutRequest": {"Item": i}} for i in items]})
    return {"id": table_id, "items": items}


def _table(ctx, name):
    dynamodb = ctx.connection.client("dynamodb")
    try:
        return dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise Missing(f"Table {name}") from None


def _key(ctx, name):
    """What KMS knows of a key, by its id, address or alias; None when there is none of that name."""
    kms = ctx.connection.client("kms")
    try:
        return kms.describe_key(KeyId=name)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        return None


@check(points=3)
def key_made(ctx):
    """There is a symmetric key with the alias `alias/payments`, and it is rotated every year."""
    key = _key(ctx, ALIAS)
    if key is None:
        raise Missing(f"A key with the alias {ALIAS}")
    if not key["Enabled"]:
        raise Mismatch("The state of the key", expected="Enabled", found=key["KeyState"])
    if key.get("KeySpec") != "SYMMETRIC_DEFAULT":
        raise Mismatch("The kind of the key", expected="SYMMETRIC_DEFAULT", found=key.get("KeySpec"))
    rotation = ctx.connection.client("kms").get_key_rotation_status(KeyId=key["KeyId"])
    if not rotation["KeyRotationEnabled"]:
        raise Missing("The rotation of the key")
    days = rotation.get("RotationPeriodInDays", 365)
    if days not in (365, 366):
        raise Mismatch("The days between two rotations", expected=365, found=days)


@check(points=3)
def encrypted(ctx):
    """`payments` is encrypted with that key."""
    found = _table(ctx, "payments").get("SSEDescription", {})
    if found.get("Status") not in ("ENABLED", "UPDATING", "ENABLING") or found.get("SSEType") != "KMS":
        raise Missing("Encryption of payments with a key of KMS")
    named = found.get("KMSMasterKeyArn", "")
    used, own = _key(ctx, named), _key(ctx, ALIAS)
    if own is None:
        raise Missing(f"A key with the alias {ALIAS}")
    if used is None or used["KeyId"] != own["KeyId"]:
        raise Mismatch("The key of payments", expected=own["KeyId"], found=named)


@check(points=4)
def protected(ctx):
    """`payments` is the table that it was, with its items, and cannot be deleted."""
    from botocore.exceptions import ClientError

    table, dynamodb = _table(ctx, "payments"), ctx.connection.client("dynamodb")
    if table["TableId"] != ctx.given["id"]:
        raise Mismatch("The table payments", expected="the one that was there", found="one made anew")
    found = dynamodb.scan(TableName="payments", ConsistentRead=True)["Items"]
    for item in ctx.given["items"]:
        if item not in found:
            raise Missing(f"Payment {item['payment_id']['S']}, as it was,")
    if not table.get("DeletionProtectionEnabled"):
        raise Missing("The protection of payments against deletion")
    try:
        dynamodb.delete_table(TableName="payments")
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "ValidationException":
            return
        raise
    raise Mismatch("Deleting payments", expected="refused", found="done")


@check(points=1, after=[protected])
def deletable(ctx):
    """`scratch` is not protected."""
    if _table(ctx, "scratch").get("DeletionProtectionEnabled"):
        raise Mismatch("The protection of scratch against deletion", expected="off", found="on")

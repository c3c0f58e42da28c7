"""Checks of least privilege: each user's rights are tried with a key of the user's own.

What must be refused is made so that it would do no harm if it were not: conditions that cannot hold, a
table protected against deletion.
"""

from sandbox.grading import CannotTell, Mismatch, Missing, check

OWN, OTHER = "c-293", "c-295"
NEVER = {"ConditionExpression": "attribute_exists(no_such_attribute)"}


def prepare(ctx):
    """Two tables with items, and two users without rights."""
    dynamodb, iam = ctx.connection.client("dynamodb"), ctx.connection.client("iam")
    for table in ("carts", "payments"):
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("cart_owner", "TS", "day")
            ],
            KeySchema=[
                {"AttributeName": "cart_owner", "KeyType": "HASH"},
                {"AttributeName": "TS", "KeyType": "RANGE"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_day",
                    "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
        )
        for owner in (OWN, OTHER):
            dynamodb.put_item(TableName=table, Item=_item(owner))
    for user in ("shop", "mobile"):
        iam.create_user(UserName=user)


def _key(owner):
    return {"cart_owner": {"S": owner}, "TS": {"S": "2014-05-01"}}


def _item(owner):
    return {**_key(owner), "day": {"S": "thursday"}}


def _of(owner):
    return {"KeyConditionExpression": "cart_owner = :o", "ExpressionAttributeValues": {":o": {"S": owner}}}


class _User:
    """What a user can do, tried with a key that is made for it and removed afterwards."""

    def __init__(self, ctx, name):
        self.ctx, self.name = ctx, name
        self.iam = ctx.connection.client("iam")

    def __enter__(self):
        try:
            for old in self.iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]:
                # A user has two at most.
                self.iam.delete_access_key(UserName=self.name, AccessKeyId=old["AccessKeyId"])
            self.key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        except self.iam.exceptions.NoSuchEntityException:
            raise Missing(f"The user {self.name}") from None
        return self

    def __exit__(self, *_):
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=self.key["AccessKeyId"])

    def client(self, service):
        return self.ctx.connection.client(
            service,
            aws_access_key_id=self.key["AccessKeyId"],
            aws_secret_access_key=self.key["SecretAccessKey"],
        )

    def may(self, call, **request):
        """Whether a call is allowed; that it fails for another reason makes no difference."""
        from botocore.exceptions import ClientError

        try:
            call(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("AccessDeniedException", "AccessDenied"):
                return False
            if code == "ResourceNotFoundException":
                raise Missing("A table that was there") from error
            if code in ("UnrecognizedClientException", "InvalidClientTokenId"):
                raise CannotTell(f"{self.name} could not be tried: {error}") from error
        return True

    def demand(self, allowed, *calls):
        for what, call, request in calls:
            if self.may(call, **request) is not allowed:
                words = ("refused", "allowed")
                raise Mismatch(f"{self.name}, {what}", expected=words[allowed], found=words[not allowed])


@check(points=3)
def shop_may(ctx):
    """`shop` may get, put and update items of `carts`, and query it and its index."""
    with _User(ctx, "shop") as user:
        db, carts = user.client("dynamodb"), {"TableName": "carts"}
        day = {"KeyConditionExpression": "#d = :d", "ExpressionAttributeNames": {"#d": "day"}}
        user.demand(
            True,
            ("getting an item", db.get_item, {**carts, "Key": _key(OTHER)}),
            ("putting an item", db.put_item, {**carts, "Item": _item(OTHER), **NEVER}),
            (
                "updating an item",
                db.update_item,
                {**carts, "Key": _key(OTHER), "UpdateExpression": "SET thing = TS", **NEVER},
            ),
            ("querying the table", db.query, {**carts, **_of(OTHER)}),
            (
                "querying the index",
                db.query,
                {**carts, "IndexName": "by_day", **day, "ExpressionAttributeValues": {":d": {"S": "friday"}}},
            ),
        )


@check(points=3, after=[shop_may])
def shop_may_not(ctx):
    """`shop` may do nothing else: no deleting, no scan, no other table, no other service."""
    with _User(ctx, "shop") as user:
        db, carts, payments = user.client("dynamodb"), {"TableName": "carts"}, {"TableName": "payments"}
        user.demand(
            False,
            ("deleting an item", db.delete_item, {**carts, "Key": _key(OWN), **NEVER}),
            ("scanning the table", db.scan, carts),
            ("scanning the index", db.scan, {**carts, "IndexName": "by_day"}),
            ("dropping the table", db.delete_table, carts),
            ("changing the table", db.update_table, {**carts, "DeletionProtectionEnabled": True}),
            ("getting an item of payments", db.get_item, {**payments, "Key": _key(OWN)}),
            ("putting an item into payments", db.put_item, {**payments, "Item": _item(OWN), **NEVER}),
            ("querying payments", db.query, {**payments, **_of(OWN)}),
            ("listing tables", db.list_tables, {}),
            ("listing users", user.client("iam").list_users, {}),
            ("listing streams of Kinesis", user.client("kinesis").list_streams, {}),
        )


@check(points=2)
def mobile_may(ctx):
    """`mobile` may get, put and query the items of `c-293` in `carts`."""
    with _User(ctx, "mobile") as user:
        db, carts = user.client("dynamodb"), {"TableName": "carts"}
        user.demand(
            True,
            ("getting an item of its own", db.get_item, {**carts, "Key": _key(OWN)}),
            ("putting an item of its own", db.put_item, {**carts, "Item": _item(OWN), **NEVER}),
            ("querying its own items", db.query, {**carts, **_of(OWN)}),
        )


@check(points=4, after=[mobile_may])
def mobile_may_not(ctx):
    """`mobile` may do nothing else, and above all see or change nothing of others."""
    with _User(ctx, "mobile") as user:
        db, carts = user.client("dynamodb"), {"TableName": "carts"}
        both = {"RequestItems": {"carts": {"Keys": [_key(OWN), _key(OTHER)]}}}
        index = {
            "IndexName": "by_day",
            "KeyConditionExpression": "#d = :d",
            "ExpressionAttributeNames": {"#d": "day"},
            "ExpressionAttributeValues": {":d": {"S": "thursday"}},
        }
        user.demand(
            False,
            ("getting an item of another", db.get_item, {**carts, "Key": _key(OTHER)}),
            ("putting an item of another", db.put_item, {**carts, "Item": _item(OTHER), **NEVER}),
            ("querying another's items", db.query, {**carts, **_of(OTHER)}),
            ("getting several, another's among them", db.batch_get_item, both),
            ("querying the index", db.query, {**carts, **index}),
            ("scanning the table", db.scan, carts),
            ("deleting an item of its own", db.delete_item, {**carts, "Key": _key(OWN), **NEVER}),
            ("dropping the table", db.delete_table, carts),
            ("getting an item of payments", db.get_item, {"TableName": "payments", "Key": _key(OWN)}),
        )

"""Checks of measuring and of an alarm. Sizes and capacity vary with the seed."""

import random
from datetime import UTC, datetime, timedelta

from sandbox.grading import Mismatch, Missing, check

ALARM = "orders-reads-high"
KEY = {"customer_id": {"N": "293"}, "TS": {"S": "2014-05-01"}}


def prepare(ctx):
    """A table with provisioned capacity, whose items are larger than one unit."""
    draw = random.Random(ctx.seed)
    dynamodb = ctx.connection.client("dynamodb")
    units = draw.randint(3, 19) * 5
    dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[
            {"AttributeName": "customer_id", "AttributeType": "N"},
            {"AttributeName": "TS", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "customer_id", "KeyType": "HASH"},
            {"AttributeName": "TS", "KeyType": "RANGE"},
        ],
        ProvisionedThroughput={"ReadCapacityUnits": units, "WriteCapacityUnits": 5},
    )
    items = [{**KEY, "note": {"S": "x" * (draw.randint(2, 7) * 4096 + draw.randint(200, 3000))}}]
    for customer, count in (("293", 6), ("295", 9), ("297", 8)):
        for day in draw.sample(range(2, 30), count):
            key = {"customer_id": {"N": customer}, "TS": {"S": f"2014-05-{day:02}"}}
            items.append({**key, "note": {"S": "x" * draw.randint(500, 9000)}})
    dynamodb.batch_write_item(RequestItems={"orders": [{"PutRequest": {"Item": i}} for i in items]})
    tell = {"TableName": "orders", "ReturnConsumedCapacity": "TOTAL"}
    reads = {
        "get-strong": dynamodb.get_item(Key=KEY, ConsistentRead=True, **tell),
        "get": dynamodb.get_item(Key=KEY, **tell),
        "query": dynamodb.query(
            KeyConditionExpression="customer_id = :c",
            ExpressionAttributeValues={":c": KEY["customer_id"]},
            **tell,
        ),
        "scan": dynamodb.scan(**tell),
    }
    cost = {name: answer["ConsumedCapacity"]["CapacityUnits"] for name, answer in reads.items()}
    return {"cost": cost, "units": units}


@check(points=4)
def measured(ctx):
    """The metric `ReadUnits` in the namespace `Shop` has for each of the four reads what it cost."""
    cloudwatch = ctx.connection.client("cloudwatch")
    now = datetime.now(UTC)
    for name, cost in ctx.given["cost"].items():
        points = cloudwatch.get_metric_statistics(
            Namespace="Shop",
            MetricName="ReadUnits",
            Dimensions=[{"Name": "Access", "Value": name}],
            StartTime=now - timedelta(hours=3),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        if not points:
            raise Missing(f"A value of ReadUnits with Access {name}")
        found = max(points, key=lambda point: point["Timestamp"])["Maximum"]
        if found != cost:
            raise Mismatch(f"ReadUnits with Access {name}", expected=cost, found=found, show_expected=False)


def _alarm(ctx):
    alarms = ctx.connection.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
    if not alarms:
        raise Missing(f"The alarm {ALARM}")
    return alarms[0]


@check(points=2)
def watches(ctx):
    """The alarm `orders-reads-high` watches the read capacity that the table `orders` consumes."""
    alarm = _alarm(ctx)
    for name, wanted in (("Namespace", "AWS/DynamoDB"), ("MetricName", "ConsumedReadCapacityUnits")):
        if alarm.get(name) != wanted:
            raise Mismatch(f"{name} of the alarm", expected=wanted, found=alarm.get(name))
    found = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}
    if found != {"TableName": "orders"}:
        raise Mismatch("The dimensions of the alarm", expected={"TableName": "orders"}, found=found)


@check(points=3)
def threshold(ctx):
    """It goes off above 80 % of what the table may read in a minute."""
    alarm = _alarm(ctx)
    if alarm.get("Statistic") != "Sum":
        raise Mismatch(
            "The statistic", expected="one that counts all of a minute", found=alarm.get("Statistic")
        )
    if alarm["Period"] != 60:
        raise Mismatch("The period in seconds", expected=60, found=alarm["Period"])
    if alarm["ComparisonOperator"] not in ("GreaterThanThreshold", "GreaterThanOrEqualToThreshold"):
        raise Mismatch("The comparison", expected="greater than", found=alarm["ComparisonOperator"])
    wanted = 0.8 * ctx.given["units"] * 60
    if abs(alarm["Threshold"] - wanted) > 0.01:
        raise Mismatch("The threshold", expected=wanted, found=alarm["Threshold"], show_expected=False)


@check(points=1)
def patience(ctx):
    """Three bad minutes of five set it off, and a minute without requests is a good one."""
    alarm = _alarm(ctx)
    of, bad = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    if (bad, of) != (3, 5):
        raise Mismatch("The bad minutes that set it off", expected="3 of 5", found=f"{bad} of {of}")
    found = alarm.get("TreatMissingData", "missing")
    if found != "notBreaching":
        raise Mismatch("What missing data counts as", expected="good", found=found)

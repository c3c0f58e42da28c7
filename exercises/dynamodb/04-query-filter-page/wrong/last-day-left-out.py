import boto3
from boto3.dynamodb.conditions import Attr, Key

orders = boto3.resource("dynamodb").Table("orders")


def pages(**request):
    """All pages of a query: one holds 1 MB at most."""
    while True:
        page = orders.query(ReturnConsumedCapacity="TOTAL", **request)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


# 1. Customer 293, 2014, total above 1000, the newest first
units = 0
for page in pages(
    KeyConditionExpression=Key("customer_id").eq(293) & Key("TS").between("2014-01-01", "2014-12-31"),
    FilterExpression=Attr("total").gt(1000),
    ScanIndexForward=False,
):
    units += page["ConsumedCapacity"]["CapacityUnits"]
    for order in page["Items"]:
        print(order["name"])

# 2. What that cost
print("read units:", units)

# 3. What employee 277 sold in June 2014, by the index by_employee
for page in pages(
    IndexName="by_employee",
    KeyConditionExpression=Key("employee_id").eq(277) & Key("TS").between("2014-06-01", "2014-07-31"),
):
    for order in page["Items"]:
        print(order["name"])

# 4. The sum of all orders of customer 295
total = sum(
    order["total"]
    for page in pages(
        KeyConditionExpression=Key("customer_id").eq(295),
        ProjectionExpression="#t",
        ExpressionAttributeNames={"#t": "total"},
    )
    for order in page["Items"]
)
print("sum:", total)

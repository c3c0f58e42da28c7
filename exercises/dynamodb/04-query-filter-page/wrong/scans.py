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
units, found = 0, []
request = {
    "FilterExpression": Attr("customer_id").eq(293) & Attr("TS").begins_with("2014") & Attr("total").gt(1000)
}
while True:
    page = orders.scan(ReturnConsumedCapacity="TOTAL", **request)
    units += page["ConsumedCapacity"]["CapacityUnits"]
    found += page["Items"]
    if "LastEvaluatedKey" not in page:
        break
    request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
for order in sorted(found, key=lambda order: order["TS"], reverse=True):
    print(order["name"])

# 2. What that cost
print("read units:", units)

# 3. What employee 277 sold in June 2014, by the index by_employee
for page in pages(
    IndexName="by_employee",
    KeyConditionExpression=Key("employee_id").eq(277) & Key("TS").begins_with("2014-06"),
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

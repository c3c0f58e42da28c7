import boto3
from boto3.dynamodb.conditions import Key

orders = boto3.resource("dynamodb").Table("orders")

# 1. Customer 293, 2014, total above 1000, the newest first
found = orders.query(KeyConditionExpression=Key("customer_id").eq(293))
for order in found["Items"]:
    print(order["name"])

# 2. What that cost
print("read units: ?")

# 3. What employee 277 sold in June 2014, by the index by_employee

# 4. The sum of all orders of customer 295
print("sum: ?")

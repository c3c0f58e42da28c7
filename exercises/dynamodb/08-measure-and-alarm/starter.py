import boto3

orders = boto3.resource("dynamodb").Table("orders")
cloudwatch = boto3.client("cloudwatch")

# 1. What do the four reads cost?
answer = orders.get_item(Key={"customer_id": 293, "TS": "2014-05-01"}, ReturnConsumedCapacity="TOTAL")
print(answer["ConsumedCapacity"])

# 2. Write that to CloudWatch

# 3. The alarm orders-reads-high

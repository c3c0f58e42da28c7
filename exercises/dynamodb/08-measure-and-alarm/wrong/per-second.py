import boto3
from boto3.dynamodb.conditions import Key

orders = boto3.resource("dynamodb").Table("orders")
cloudwatch = boto3.client("cloudwatch")

# 1. What the four reads cost
key = {"customer_id": 293, "TS": "2014-05-01"}
tell = {"ReturnConsumedCapacity": "TOTAL"}
answers = {
    "get-strong": orders.get_item(Key=key, ConsistentRead=True, **tell),
    "get": orders.get_item(Key=key, **tell),
    "query": orders.query(KeyConditionExpression=Key("customer_id").eq(293), **tell),
    "scan": orders.scan(**tell),
}

# 2. Write that to CloudWatch
cloudwatch.put_metric_data(
    Namespace="Shop",
    MetricData=[
        {
            "MetricName": "ReadUnits",
            "Dimensions": [{"Name": "Access", "Value": name}],
            "Value": answer["ConsumedCapacity"]["CapacityUnits"],
        }
        for name, answer in answers.items()
    ],
)

# 3. The alarm
per_second = orders.provisioned_throughput["ReadCapacityUnits"]
cloudwatch.put_metric_alarm(
    AlarmName="orders-reads-high",
    Namespace="AWS/DynamoDB",
    MetricName="ConsumedReadCapacityUnits",
    Dimensions=[{"Name": "TableName", "Value": "orders"}],
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=5,
    DatapointsToAlarm=3,
    Threshold=0.8 * per_second,
    ComparisonOperator="GreaterThanThreshold",
    TreatMissingData="notBreaching",
)

"""Have the bucket inbox-<account> send word of new files to the queue arrivals."""

import json
import os

import boto3

s3 = boto3.client("s3")
sqs = boto3.client("sqs")
bucket = f"inbox-{os.environ['AWS_ACCOUNT_ID']}"

queue = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

policy = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
        }
    ],
}
sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})

only = [{"Name": "prefix", "Value": "rawData/"}, {"Name": "suffix", "Value": ".csv"}]
s3.put_bucket_notification_configuration(
    Bucket=bucket,
    NotificationConfiguration={
        "QueueConfigurations": [
            {
                "QueueArn": arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": only}},
            }
        ]
    },
)

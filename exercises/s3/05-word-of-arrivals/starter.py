"""Have the bucket inbox-<account> send word of new files to the queue arrivals."""

import os

import boto3

s3 = boto3.client("s3")
sqs = boto3.client("sqs")
bucket = f"inbox-{os.environ['AWS_ACCOUNT_ID']}"

# 1. create_queue
# 2. set_queue_attributes: Policy
# 3. put_bucket_notification_configuration
print(s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations"))

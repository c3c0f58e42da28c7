"""Lifecycle rules for the bucket course-<account>."""

import json
import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
bucket = f"course-{os.environ['AWS_ACCOUNT_ID']}"
days = json.loads(Path("days.json").read_text())
print(days)

rules = []
# s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})

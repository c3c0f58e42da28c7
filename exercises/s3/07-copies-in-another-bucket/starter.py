"""Replicate processedData/ of the bucket jobs-<account> into the bucket standby-<account>."""

import os

import boto3

s3 = boto3.client("s3")
account = os.environ["AWS_ACCOUNT_ID"]
jobs, standby = f"jobs-{account}", f"standby-{account}"
role = f"arn:aws:iam::{account}:role/replicator"

for each in s3.list_objects_v2(Bucket=jobs)["Contents"]:
    print(each["Key"])

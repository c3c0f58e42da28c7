"""Replicate processedData/ of the bucket jobs-<account> into the bucket standby-<account>."""

import os

import boto3

s3 = boto3.client("s3")
account = os.environ["AWS_ACCOUNT_ID"]
jobs, standby = f"jobs-{account}", f"standby-{account}"

for bucket in (jobs, standby):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

s3.put_bucket_replication(
    Bucket=jobs,
    ReplicationConfiguration={
        "Role": f"arn:aws:iam::{account}:role/replicator",
        "Rules": [
            {
                "ID": "results",
                "Priority": 1,
                "Status": "Enabled",
                "Filter": {"Prefix": "processedData/"},
                "DeleteMarkerReplication": {"Status": "Enabled"},
                "Destination": {"Bucket": f"arn:aws:s3:::{standby}", "StorageClass": "STANDARD_IA"},
            }
        ],
    },
)

# The rule goes for what is written from now on. What is there already is copied once.
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=jobs, Prefix="processedData/"):
    for each in page["Contents"]:
        s3.copy_object(
            Bucket=standby,
            Key=each["Key"],
            CopySource={"Bucket": jobs, "Key": each["Key"]},
            StorageClass="STANDARD_IA",
        )

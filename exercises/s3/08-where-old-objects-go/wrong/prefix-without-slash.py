"""Lifecycle rules for the bucket course-<account>."""

import json
import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
bucket = f"course-{os.environ['AWS_ACCOUNT_ID']}"
days = json.loads(Path("days.json").read_text())

rules = [
    {
        "ID": "raw data gets cheaper",
        "Status": "Enabled",
        "Filter": {"Prefix": "rawData/"},
        "Transitions": [
            {"Days": days["to_ia"], "StorageClass": "STANDARD_IA"},
            {"Days": days["to_glacier"], "StorageClass": "GLACIER"},
        ],
    },
    {
        "ID": "scratch goes",
        "Status": "Enabled",
        "Filter": {"Prefix": "tmpDir"},
        "Expiration": {"Days": days["scratch"]},
    },
    {
        "ID": "what is tagged goes",
        "Status": "Enabled",
        "Filter": {"Tag": {"Key": "keep", "Value": "short"}},
        "Expiration": {"Days": days["tagged"]},
    },
    {
        "ID": "leftovers go",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days["versions"]},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days["uploads"]},
    },
]
s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})

"""Look into the bucket archive-<account>."""

import json
import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
bucket = f"archive-{os.environ['AWS_ACCOUNT_ID']}"
piece = json.loads(Path("piece.json").read_text())
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="orders")
found = [each for page in pages for each in page["Contents"]]

print("years:", *sorted({each["Key"].split("/")[1] for each in found}))
print("total:", len(found), sum(each["Size"] for each in found))

part = s3.get_object(Bucket=bucket, Key=piece["key"], Range=f"bytes={piece['first']}-{piece['last']}")
print("piece:", part["Body"].read().decode())

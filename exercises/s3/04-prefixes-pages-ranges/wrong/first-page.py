"""Look into the bucket archive-<account>."""

import json
import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
bucket = f"archive-{os.environ['AWS_ACCOUNT_ID']}"
piece = json.loads(Path("piece.json").read_text())
found = s3.list_objects_v2(Bucket=bucket, Prefix="orders/")["Contents"]

print("years:", *sorted({each["Key"].split("/")[1] for each in found}))
print("total:", len(found), sum(each["Size"] for each in found))

part = s3.get_object(Bucket=bucket, Key=piece["key"], Range=f"bytes={piece['first']}-{piece['last']}")
print("piece:", part["Body"].read().decode())

"""Look into the bucket archive-<account>."""

import json
import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
bucket = f"archive-{os.environ['AWS_ACCOUNT_ID']}"
piece = json.loads(Path("piece.json").read_text())
listing = s3.get_paginator("list_objects_v2")

folders = [
    folder["Prefix"]
    for page in listing.paginate(Bucket=bucket, Prefix="orders/", Delimiter="/")
    for folder in page.get("CommonPrefixes", ())
]
print("years:", *(folder.split("/")[1] for folder in folders))

sizes = [
    each["Size"]
    for page in listing.paginate(Bucket=bucket, Prefix="orders/")
    for each in page.get("Contents", ())
]
print("total:", len(sizes), sum(sizes))

part = s3.get_object(Bucket=bucket, Key=piece["key"], Range=f"bytes={piece['first']}-{piece['last'] - 1}")
print("piece:", part["Body"].read().decode())

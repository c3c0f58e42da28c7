"""Look into the bucket archive-<account>."""

import json
import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
bucket = f"archive-{os.environ['AWS_ACCOUNT_ID']}"
piece = json.loads(Path("piece.json").read_text())
page = s3.list_objects_v2(Bucket=bucket)
print(page["KeyCount"], "keys, and more:", page["IsTruncated"])

# years: ...
# total: ...
# piece: ...

"""Bring back what the job night-import has overwritten and removed."""

import os
from pathlib import Path

import boto3

s3 = boto3.client("s3")
account = os.environ["AWS_ACCOUNT_ID"]
ledger, notes = f"ledger-{account}", f"notes-{account}"
removed = Path("removed-by-job.txt").read_text().split()

for version in s3.list_object_versions(Bucket=ledger, Prefix="rawData/")["Versions"]:
    print(version["VersionId"], version["IsLatest"], version["Size"])
print(removed)

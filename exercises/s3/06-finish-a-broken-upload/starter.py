"""Finish the upload of broken.bin, abort the other one, upload new.bin in parts of 5 MiB."""

import os

import boto3

PART = 5 * 1024 * 1024

s3 = boto3.client("s3")
bucket = f"media-{os.environ['AWS_ACCOUNT_ID']}"
for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
    print(upload["Key"], upload["UploadId"])

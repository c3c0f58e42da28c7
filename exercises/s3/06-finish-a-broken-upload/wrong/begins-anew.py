"""Finish the upload of broken.bin, abort the other one, upload new.bin in parts of 5 MiB."""

import os
from pathlib import Path

import boto3

PART = 5 * 1024 * 1024

s3 = boto3.client("s3")
bucket = f"media-{os.environ['AWS_ACCOUNT_ID']}"


def finish(key, upload, path):
    """Send the parts of a file that an upload lacks, and complete it."""
    at = {"Bucket": bucket, "Key": key, "UploadId": upload}
    there = {part["PartNumber"]: part["ETag"] for part in s3.list_parts(**at).get("Parts", [])}
    count = -(-path.stat().st_size // PART)
    with path.open("rb") as file:
        for number in range(1, count + 1):
            if number not in there:
                file.seek((number - 1) * PART)
                sent = s3.upload_part(**at, PartNumber=number, Body=file.read(PART))
                there[number] = sent["ETag"]
    parts = [{"PartNumber": number, "ETag": there[number]} for number in sorted(there)]
    s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
    print(f"{key}: {len(parts)} parts")


for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
    if each["Key"] == "video/broken.bin":
        begun = s3.create_multipart_upload(Bucket=bucket, Key=each["Key"])
        finish(each["Key"], begun["UploadId"], Path("broken.bin"))
    else:
        s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])

begun = s3.create_multipart_upload(Bucket=bucket, Key="video/new.bin")
finish("video/new.bin", begun["UploadId"], Path("new.bin"))

"""Make the links that request.json asks for, and write them into links.json."""

import json
from pathlib import Path

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
request = json.loads(Path("request.json").read_text())
bucket = request["bucket"]

links = {
    "download": s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": bucket, "Key": request["report"]},
        ExpiresIn=60 * request["report_minutes"],
    ),
}
links["upload"] = links["download"]
Path("links.json").write_text(json.dumps(links, indent=2))

"""Make the links that request.json asks for, and write them into links.json."""

import json
from pathlib import Path

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
request = json.loads(Path("request.json").read_text())
bucket = request["bucket"]

address = f"{s3.meta.endpoint_url}/{bucket}"
links = {"download": f"{address}/{request['report']}", "upload": f"{address}/{request['reply']}"}
Path("links.json").write_text(json.dumps(links, indent=2))

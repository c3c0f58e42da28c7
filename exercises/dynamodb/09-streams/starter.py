import json
from pathlib import Path

import boto3

prices = boto3.resource("dynamodb").Table("prices")

# 1. Switch on the stream, with old and new images

# 2. Make the changes
for change in json.loads(Path("changes.json").read_text()):
    print(change)

# 3. Read the stream and write the audit

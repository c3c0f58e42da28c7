import json
import os

import boto3

iam = boto3.client("iam")
carts = f"arn:aws:dynamodb:us-east-1:{os.environ['AWS_ACCOUNT_ID']}:table/carts"

# 1. shop: get, put, update, query; the table and its index
policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["dynamodb:DescribeTable"], "Resource": [carts]}],
}
iam.put_user_policy(UserName="shop", PolicyName="carts", PolicyDocument=json.dumps(policy))

# 2. mobile: get, put, query; only items of c-293

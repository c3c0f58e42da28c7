import json
import os

import boto3

iam = boto3.client("iam")
carts = f"arn:aws:dynamodb:us-east-1:{os.environ['AWS_ACCOUNT_ID']}:table/carts"


def allow(user, statement):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    iam.put_user_policy(UserName=user, PolicyName="carts", PolicyDocument=json.dumps(policy))


# 1. shop: get, put, update, query; the table and its index
allow(
    "shop",
    {
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"],
        "Resource": [carts, f"{carts}/index/by_day"],
    },
)

# 2. mobile: get, put, query; only items of c-293
allow(
    "mobile",
    {
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan"],
        "Resource": [carts],
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["c-293"]}},
    },
)

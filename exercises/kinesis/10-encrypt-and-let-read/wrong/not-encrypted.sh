aws iam create-user --user-name reports

aws iam put-user-policy --user-name reports --policy-name read-payments --policy-document '{
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": [
            "kinesis:DescribeStreamSummary",
            "kinesis:ListShards",
            "kinesis:GetShardIterator",
            "kinesis:GetRecords"
        ],
        "Resource": "arn:aws:kinesis:us-east-1:'"$AWS_ACCOUNT_ID"':stream/payments"
    }
}'

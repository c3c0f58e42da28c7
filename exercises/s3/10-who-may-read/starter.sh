BUCKET=course-data-$AWS_ACCOUNT_ID
aws s3 ls "s3://$BUCKET" --recursive

# 1. A bucket policy for arn:aws:iam::$AWS_ACCOUNT_ID:user/analyst

# 2. Block public access.

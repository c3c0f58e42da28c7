BUCKET=course-data-$AWS_ACCOUNT_ID

cat > policy.json <<END
{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ListResults",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::$AWS_ACCOUNT_ID:user/analyst"},
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::$BUCKET",
            "Condition": {"StringLike": {"s3:prefix": "processedData/*"}}
        },
        {
            "Sid": "GetResults",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::$AWS_ACCOUNT_ID:user/analyst"},
            "Action": "s3:*Object",
            "Resource": "arn:aws:s3:::$BUCKET/processedData/*"
        }
    ]
}
END
aws s3api put-bucket-policy --bucket "$BUCKET" --policy file://policy.json

aws s3api put-public-access-block --bucket "$BUCKET" --public-access-block-configuration \
    BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true

BUCKET=hr-$AWS_ACCOUNT_ID

aws s3api put-object --bucket "$BUCKET" --key rawData/employees/employees.csv \
    --body fixtures/employees.csv \
    --tagging 'class=confidential&owner=hr'

# What describes the object is replaced as a whole: what shall stay has to be given again.
METADATA=$(aws s3api head-object --bucket "$BUCKET" --key reports/headcount.csv --query Metadata --output json)
aws s3api copy-object --bucket "$BUCKET" --key reports/headcount.csv \
    --copy-source "$BUCKET/reports/headcount.csv" \
    --metadata-directive REPLACE \
    --content-type text/csv \
    --metadata "$METADATA"

BUCKET=hr-$AWS_ACCOUNT_ID

aws s3api put-object --bucket "$BUCKET" --key rawData/employees/employees.csv \
    --body fixtures/employees.csv \
    --content-type text/csv \
    --metadata "batch=$(cat batch.txt)" \
    --tagging 'class=confidential&owner=hr'

aws s3api copy-object --bucket "$BUCKET" --key reports/headcount.csv \
    --copy-source "$BUCKET/reports/headcount.csv" \
    --metadata-directive REPLACE \
    --content-type text/csv

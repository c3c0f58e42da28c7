BUCKET=hr-$AWS_ACCOUNT_ID
cat batch.txt

# 1. Upload fixtures/employees.csv with type, metadata and tags.

# 2. Correct the type of reports/headcount.csv.
aws s3api head-object --bucket "$BUCKET" --key reports/headcount.csv

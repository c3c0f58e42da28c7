# 1. and 2. orders, and its index in the same call
aws dynamodb update-table --table-name orders \
    --billing-mode PROVISIONED \
    --provisioned-throughput ReadCapacityUnits=40,WriteCapacityUnits=15 \
    --global-secondary-index-updates \
    '[{"Update": {"IndexName": "by_employee", "ProvisionedThroughput": {"ReadCapacityUnits": 20, "WriteCapacityUnits": 15}}}]' \
    --query 'TableDescription.ProvisionedThroughput'

# 3. sessions: on-demand
aws dynamodb update-table --table-name sessions \
    --billing-mode PAY_PER_REQUEST \
    --query 'TableDescription.BillingModeSummary'

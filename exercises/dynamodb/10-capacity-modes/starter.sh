aws dynamodb describe-table --table-name orders --query 'Table.BillingModeSummary'
aws dynamodb describe-table --table-name sessions --query 'Table.ProvisionedThroughput'

# 1. orders: provisioned, 40 read units, 15 write units

# 2. its index by_employee: 20 and 15

# 3. sessions: on-demand

aws dynamodb describe-table --table-name payments --query 'Table.[SSEDescription, DeletionProtectionEnabled]'

# 1. A key with the alias alias/payments, rotated every year

# 2. payments encrypted with it

# 3. payments protected against deletion

# 1. A key with the alias alias/payments, rotated every year
key=$(aws kms create-key --description 'table payments' --query KeyMetadata.KeyId --output text)
aws kms create-alias --alias-name alias/payments --target-key-id "$key"
aws kms enable-key-rotation --key-id "$key"

# 2. and 3. payments encrypted with it, and protected against deletion
aws dynamodb update-table --table-name payments \
    --sse-specification "Enabled=true,SSEType=KMS" \
    --deletion-protection-enabled \
    --query 'TableDescription.[SSEDescription, DeletionProtectionEnabled]'

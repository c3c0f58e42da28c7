# 1. A key with the alias alias/payments, rotated every year
key=$(aws kms create-key --description 'table payments' --query KeyMetadata.KeyId --output text)
aws kms create-alias --alias-name alias/payments --target-key-id "$key"
aws kms enable-key-rotation --key-id "$key"

# 2. and 3. payments once more, encrypted with it, and protected against deletion
aws dynamodb delete-table --table-name payments --query TableDescription.TableStatus
aws dynamodb create-table --table-name payments \
    --attribute-definitions AttributeName=payment_id,AttributeType=S \
    --key-schema AttributeName=payment_id,KeyType=HASH \
    --billing-mode PAY_PER_REQUEST \
    --sse-specification "Enabled=true,SSEType=KMS,KMSMasterKeyId=$key" \
    --deletion-protection-enabled --query TableDescription.TableStatus

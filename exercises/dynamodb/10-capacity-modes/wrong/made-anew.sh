aws dynamodb update-table --table-name orders --billing-mode PROVISIONED \
    --provisioned-throughput ReadCapacityUnits=40,WriteCapacityUnits=15 \
    --global-secondary-index-updates \
    '[{"Update": {"IndexName": "by_employee", "ProvisionedThroughput": {"ReadCapacityUnits": 20, "WriteCapacityUnits": 15}}}]' \
    --query TableDescription.TableStatus
aws dynamodb delete-table --table-name sessions --query TableDescription.TableStatus
aws dynamodb create-table --table-name sessions \
    --attribute-definitions AttributeName=session_id,AttributeType=S \
    --key-schema AttributeName=session_id,KeyType=HASH \
    --billing-mode PAY_PER_REQUEST --query TableDescription.TableStatus

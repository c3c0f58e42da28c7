aws dynamodb update-table --table-name orders --billing-mode PROVISIONED \
    --provisioned-throughput ReadCapacityUnits=40,WriteCapacityUnits=15 --query TableDescription.TableStatus
aws dynamodb update-table --table-name sessions --billing-mode PAY_PER_REQUEST --query TableDescription.TableStatus

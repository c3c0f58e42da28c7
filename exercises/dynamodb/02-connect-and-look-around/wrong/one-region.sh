aws sts get-caller-identity
aws dynamodb list-tables
name=$(aws dynamodb list-tables --query "TableNames[?starts_with(@, 'sensors')] | [0]" --output text)
aws dynamodb describe-table --table-name "$name"
aws dynamodb scan --table-name "$name" --select COUNT

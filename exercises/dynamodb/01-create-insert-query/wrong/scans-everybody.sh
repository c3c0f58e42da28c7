aws dynamodb create-table \
    --table-name UserData \
    --attribute-definitions AttributeName=UserID,AttributeType=N \
    --key-schema AttributeName=UserID,KeyType=HASH \
    --billing-mode PAY_PER_REQUEST

aws dynamodb put-item \
    --table-name UserData \
    --item '{"UserID": {"N": "12345"}, "Name": {"S": "John Doe"}, "Email": {"S": "johndoe@example.com"}}'

aws dynamodb scan \
    --table-name customers_sk \
    --query 'Items[].[TS.S, visit.S]' --output text

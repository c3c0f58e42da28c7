aws dynamodb create-table \
    --table-name UserData \
    --attribute-definitions AttributeName=UserID,AttributeType=S \
    --key-schema AttributeName=UserID,KeyType=HASH \
    --billing-mode PAY_PER_REQUEST

aws dynamodb put-item \
    --table-name UserData \
    --item '{"UserID": {"S": "12345"}, "Name": {"S": "John Doe"}, "Email": {"S": "johndoe@example.com"}}'

aws dynamodb query \
    --table-name customers_sk \
    --key-condition-expression 'customer_id = :c AND #ts >= :t' \
    --expression-attribute-names '{"#ts": "TS"}' \
    --expression-attribute-values '{":c": {"N": "295"}, ":t": {"S": "2014-05-01"}}' \
    --no-scan-index-forward \
    --query 'Items[].[TS.S, visit.S]' --output text

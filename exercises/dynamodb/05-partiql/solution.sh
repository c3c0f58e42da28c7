# 1. The visits of customer 293 from 2014-05-01 on, the newest first
aws dynamodb execute-statement --query 'Items[].visit.S' --statement \
    "SELECT visit FROM \"visits\" WHERE customer_id = 293 AND \"TS\" >= '2014-05-01' ORDER BY \"TS\" DESC"

# 2. Insert product 9001
aws dynamodb execute-statement --statement \
    "INSERT INTO \"products\" VALUE {'product_id': 9001, 'name': 'Rain cape', 'price': 34.95, 'stock': 12}"

# 3. Product 714: 5 cheaper, label 'sale'
aws dynamodb execute-statement --statement \
    "UPDATE \"products\" SET price = price - 5 SET label = 'sale' WHERE product_id = 714"

# 4. Delete product 709
aws dynamodb execute-statement --statement "DELETE FROM \"products\" WHERE product_id = 709"

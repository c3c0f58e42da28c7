# 1. The visits of customer 293 from 2014-05-01 on, the newest first
aws dynamodb execute-statement --statement "SELECT * FROM \"products\" WHERE product_id = 714"

# 2. Insert product 9001: Rain cape, 34.95, 12 in stock

# 3. Product 714: 5 cheaper, label 'sale'

# 4. Delete product 709

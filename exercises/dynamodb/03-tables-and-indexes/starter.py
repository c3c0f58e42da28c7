import csv
from pathlib import Path

import boto3

dynamodb = boto3.resource("dynamodb")

# 1. customers: key customer_id, a number; loaded from fixtures/customers.csv
with Path("fixtures/customers.csv").open(encoding="utf-8", newline="") as file:
    for number, _first, _last, full in csv.reader(file):
        print(int(number), full)

# 2. customers_sk: customer_id and TS, with a local index on totaldue

# 3. one item for each order of 2014 in fixtures/orders.csv

# 4. a global index on employees: managerid, employeeid
print(dynamodb.Table("employees").key_schema)

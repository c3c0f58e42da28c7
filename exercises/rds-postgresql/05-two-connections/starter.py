import os

import psycopg2

a = psycopg2.connect(os.environ["DATABASE_URL"])
b = psycopg2.connect(os.environ["DATABASE_URL"])


def one(connection, statement, *values):
    """The first value of the first row that a query gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


# 1. A reads the price of 711, B adds 1 and commits, A reads again and notes both prices
print(one(a, "SELECT price FROM prices WHERE productid = %s", 711))
a.commit()

# 2. The same with a.isolation_level = "REPEATABLE READ"

# 3. Both sell from the stock of 771 at once

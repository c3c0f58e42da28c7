import os

import psycopg2
from psycopg2.errors import SerializationFailure

a = psycopg2.connect(os.environ["DATABASE_URL"])
b = psycopg2.connect(os.environ["DATABASE_URL"])


def one(connection, statement, *values):
    """The first value of the first row that a query gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


def do(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


# 1. and 2. What A sees of a change by B in the middle of its transaction
PRICE = "SELECT price FROM prices WHERE productid = 711"
for level in ("READ COMMITTED", "REPEATABLE READ"):
    a.isolation_level = level
    first = one(a, PRICE)
    do(b, "UPDATE prices SET price = price + 1 WHERE productid = 711")
    b.commit()
    second = one(a, PRICE)
    do(a, "INSERT INTO readings VALUES (%s, %s, %s)", level.lower(), first, second)
    a.commit()
    print(level, first, second)


# 3. Both sell at once
STOCK = "SELECT pieces FROM stock WHERE productid = 771"


def sell(connection, buyer, pieces, there):
    """Write a sale that was computed from what was there; False when the server says that it no longer is."""
    try:
        do(connection, "UPDATE stock SET pieces = %s WHERE productid = 771", there - pieces)
        do(connection, "INSERT INTO sold VALUES (%s, %s, %s)", buyer, pieces, there - pieces)
        connection.commit()
    except SerializationFailure as refused:
        connection.rollback()
        print(buyer, "must try again:", refused)
        return False
    return True


with b.cursor() as cursor:
    cursor.execute("SELECT buyer, pieces FROM waiting ORDER BY buyer")
    buyers = cursor.fetchall()
b.rollback()
b.isolation_level = "REPEATABLE READ"

turns = [
    (connection, buyer, one(connection, STOCK)) for connection, buyer in zip((a, b), buyers, strict=True)
]
for connection, (buyer, pieces), there in turns:
    sell(connection, buyer, pieces, there)

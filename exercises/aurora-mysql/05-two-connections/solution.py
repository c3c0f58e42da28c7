import os
from concurrent.futures import ThreadPoolExecutor

import pymysql

DEADLOCK = 1213


def connect():
    return pymysql.connect(
        host=os.environ["MYSQL_HOST"],
        port=int(os.environ["MYSQL_TCP_PORT"]),
        user=os.environ["MYSQL_USER"],
        password=os.environ["MYSQL_PWD"],
        database=os.environ["MYSQL_DATABASE"],
    )


a, b = connect(), connect()


def do(connection, statement, *values):
    """The rows that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


# 1. and 2. What A sees of a change by B in the middle of its transaction
PRICE = "SELECT price FROM prices WHERE productid = 711"
for level in ("READ COMMITTED", "REPEATABLE READ"):
    do(a, f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
    ((first,),) = do(a, PRICE)
    do(b, "UPDATE prices SET price = price + 1 WHERE productid = 711")
    b.commit()
    ((second,),) = do(a, PRICE)
    do(a, "INSERT INTO readings VALUES (%s, %s, %s)", level.lower(), first, second)
    a.commit()
    print(level, first, second)


# 3. Both take, then both add
def take(connection, transfer):
    _, taken_from, _, pieces = transfer
    do(connection, "UPDATE shelves SET pieces = pieces - %s WHERE place = %s", pieces, taken_from)


def finish(connection, transfer):
    """Add what was taken; begin again as often as InnoDB has rolled the transaction back."""
    number, _, brought_to, pieces = transfer
    taken = True
    while True:
        try:
            if not taken:
                take(connection, transfer)
            do(connection, "UPDATE shelves SET pieces = pieces + %s WHERE place = %s", pieces, brought_to)
            do(connection, "INSERT INTO booked VALUES (%s)", number)
            connection.commit()
            return
        except pymysql.err.OperationalError as refused:
            if refused.args[0] != DEADLOCK:
                raise
            connection.rollback()
            taken = False
            print("transfer", number, "must try again:", refused.args[1])


one, two = do(a, "SELECT * FROM transfers")
a.commit()
take(a, one)
take(b, two)
with ThreadPoolExecutor(2) as side_by_side:
    list(side_by_side.map(finish, (a, b), (one, two)))

import os
from concurrent.futures import ThreadPoolExecutor

import pymysql


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


# 1. A reads the price of 711, B adds 1 and commits, A reads again and notes both prices
print(do(a, "SELECT price FROM prices WHERE productid = %s", 711))
a.commit()

# 2. The same at REPEATABLE READ

# 3. Both take their pieces, one after the other, and then both add them, side by side


def finish(connection, transfer):
    print(transfer, connection.thread_id())


with ThreadPoolExecutor(2) as side_by_side:
    list(side_by_side.map(finish, (a, b), do(a, "SELECT * FROM transfers")))

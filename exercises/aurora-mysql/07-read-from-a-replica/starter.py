import os

import pymysql


def connect(prefix, port, password):
    return pymysql.connect(
        host=os.environ[f"{prefix}_HOST"],
        port=int(os.environ[f"{prefix}_{port}"]),
        user=os.environ[f"{prefix}_USER"],
        password=os.environ[f"{prefix}_{password}"],
        database=os.environ[f"{prefix}_DATABASE"],
        autocommit=True,
    )


primary = connect("MYSQL", "TCP_PORT", "PWD")
replica = connect("SANDBOX_MYSQL_REPLICA", "PORT", "PASSWORD")


def do(connection, statement, *values):
    """The rows that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


print(do(replica, "SELECT @@server_id, @@read_only"))

# 1. Try to delete on the replica, and note both servers

# 2. Copy the rows of inbox into sales

# 3. Compute the sums on the replica, with the new sales in them

# 4. Put them into report
